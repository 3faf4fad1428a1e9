package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"samband/gateway/problem"
)

// Bounds of a body, checked before its schema: SPEC §9.
const (
	MaxBody    = 768 << 10 // bytes
	maxDepth   = 32        // arrays and objects within each other
	maxMembers = 1024      // in one array or object
	maxNumber  = 32        // bytes of one number
	maxInteger = 1<<53 - 1 // what every JSON reader keeps exactly
)

// parse reads strict JSON: one value in valid UTF-8, no name twice in an
// object, no deep nesting, no number that readers could take differently, no
// half surrogates and no NUL. Its problem says where, and never quotes.
func parse(data []byte) (any, error) {
	if len(data) > MaxBody {
		return nil, problem.New(problem.Oversize, "body has %d bytes, at most %d", len(data), MaxBody)
	}
	if !utf8.Valid(data) {
		return nil, problem.New(problem.BodyMalformed, "not valid UTF-8")
	}
	if !json.Valid(data) {
		return nil, problem.New(problem.BodyMalformed, "not one JSON value")
	}
	return (&reader{data: data}).value(0)
}

// A reader builds the value of data that is known to follow RFC 8259, so that
// it looks out for nothing but our own, narrower rules.
type reader struct {
	data []byte
	pos  int
}

func (r *reader) value(depth int) (any, error) {
	switch c := r.peek(); c {
	case '{', '[':
		if depth == maxDepth {
			return nil, r.refuse(fmt.Sprintf("nested deeper than %d", maxDepth))
		}
		r.pos++
		if c == '{' {
			return r.object(depth + 1)
		}
		return r.array(depth + 1)
	case '"':
		return r.text()
	case 't':
		r.pos += len("true")
		return true, nil
	case 'f':
		r.pos += len("false")
		return false, nil
	case 'n':
		r.pos += len("null")
		return nil, nil
	}
	return r.number()
}

func (r *reader) object(depth int) (any, error) {
	obj := map[string]any{}
	for r.more('}') {
		r.peek()
		name, err := r.text()
		if err != nil {
			return nil, err
		}
		if _, twice := obj[name]; twice {
			return nil, r.refuse("a name stands twice in one object")
		}
		if len(obj) == maxMembers {
			return nil, r.refuse(fmt.Sprintf("an object has more than %d members", maxMembers))
		}
		r.peek()
		r.pos++ // the colon
		if obj[name], err = r.value(depth); err != nil {
			return nil, err
		}
	}
	return obj, nil
}

func (r *reader) array(depth int) (any, error) {
	arr := []any{}
	for r.more(']') {
		if len(arr) == maxMembers {
			return nil, r.refuse(fmt.Sprintf("an array has more than %d items", maxMembers))
		}
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		arr = append(arr, v)
	}
	return arr, nil
}

// text reads a string. Only one with escapes costs a second look.
func (r *reader) text() (string, error) {
	start, escaped := r.pos, false
	for r.pos++; r.data[r.pos] != '"'; r.pos++ {
		if r.data[r.pos] == '\\' {
			escaped = true
			r.pos++
		}
	}
	r.pos++
	quoted := r.data[start:r.pos]
	if !escaped {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	if !characters(quoted) {
		return "", r.refuse("an escape stands for NUL or for half a surrogate pair")
	}
	var s string
	err := json.Unmarshal(quoted, &s)
	return s, err
}

func (r *reader) number() (any, error) {
	start := r.pos
	for r.pos < len(r.data) && strings.IndexByte("+-.0123456789eE", r.data[r.pos]) >= 0 {
		r.pos++
	}
	num := string(r.data[start:r.pos])
	if !plain(num) {
		return nil, r.refuse("number is not a plain decimal within ±(2^53-1)")
	}
	return json.Number(num), nil
}

// peek skips space and returns the byte that begins what follows.
func (r *reader) peek() byte {
	for strings.IndexByte(" \t\r\n", r.data[r.pos]) >= 0 {
		r.pos++
	}
	return r.data[r.pos]
}

// more skips a comma, or the end of an array or object, which it reports.
func (r *reader) more(end byte) bool {
	switch r.peek() {
	case end:
		r.pos++
		return false
	case ',':
		r.pos++
	}
	return true
}

func (r *reader) refuse(rule string) error {
	return problem.New(problem.BodyMalformed, "byte %d: %s", r.pos, rule)
}

// characters reports whether every \u escape stands for a character, NUL aside.
func characters(quoted []byte) bool {
	for i := 0; i < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		i++
		if quoted[i] != 'u' {
			continue
		}
		c := hex4(quoted[i+1:])
		i += 4
		switch {
		case c == 0:
			return false
		case c >= 0xd800 && c < 0xdc00 && lowFollows(quoted[i+1:]):
			i += 6
		case c >= 0xd800 && c < 0xe000:
			return false
		}
	}
	return true
}

func lowFollows(b []byte) bool {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return false
	}
	c := hex4(b[2:])
	return c >= 0xdc00 && c < 0xe000
}

func hex4(b []byte) uint64 {
	c, _ := strconv.ParseUint(string(b[:4]), 16, 16)
	return c
}

// plain accepts -12, 0 and 59.3293, and refuses 1e9, -0 and what is too long
// or too large. The JSON grammar was checked before.
func plain(num string) bool {
	if len(num) > maxNumber || strings.ContainsAny(num, "eE") || num == "-0" {
		return false
	}
	whole, _, _ := strings.Cut(strings.TrimPrefix(num, "-"), ".")
	n, err := strconv.ParseUint(whole, 10, 64)
	return err == nil && n <= maxInteger
}

// unmarshalKnown decodes one of our own files, refusing fields it has no use for.
func unmarshalKnown(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	return nil
}
