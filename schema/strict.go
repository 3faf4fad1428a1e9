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

// Bounds of a body, checked before its schema: SPEC §8.
const (
	MaxBody    = 768 << 10 // bytes
	maxDepth   = 32        // arrays and objects within each other
	maxMembers = 1024      // in one array or object
	maxNumber  = 32        // bytes of one number
	maxInteger = 1<<53 - 1 // what every JSON reader holds exactly
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
	if err := grammar(data); err != nil {
		return nil, err
	}
	if err := escapes(data); err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return (&walker{d}).value(0)
}

// grammar refuses what RFC 8259 refuses, trailing data included.
func grammar(data []byte) error {
	if json.Valid(data) {
		return nil
	}
	var raw json.RawMessage
	var syntax *json.SyntaxError
	at := int64(len(data))
	if errors.As(json.Unmarshal(data, &raw), &syntax) {
		at = syntax.Offset
	}
	return problem.New(problem.BodyMalformed, "byte %d: not one JSON value", at)
}

// escapes refuses \u escapes that stand for no character, or for NUL. In valid
// JSON a backslash occurs only within strings, so no parsing is needed.
func escapes(data []byte) error {
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		i++
		if data[i] != 'u' {
			continue
		}
		r := hex4(data[i+1:])
		i += 4
		switch {
		case r == 0:
			return problem.New(problem.BodyMalformed, "byte %d: NUL in a string", i)
		case r >= 0xd800 && r < 0xdc00 && lowFollows(data[i+1:]):
			i += 6
		case r >= 0xd800 && r < 0xe000:
			return problem.New(problem.BodyMalformed, "byte %d: half a surrogate pair", i)
		}
	}
	return nil
}

func lowFollows(b []byte) bool {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return false
	}
	r := hex4(b[2:])
	return r >= 0xdc00 && r < 0xe000
}

func hex4(b []byte) uint64 {
	r, _ := strconv.ParseUint(string(b[:4]), 16, 16)
	return r
}

// A walker builds the value token by token, holding it to the bounds.
type walker struct{ *json.Decoder }

func (w *walker) value(depth int) (any, error) {
	tok, err := w.Token()
	if err != nil {
		return nil, w.refuse("not one JSON value")
	}
	switch tok := tok.(type) {
	case json.Delim:
		if depth == maxDepth {
			return nil, w.refuse(fmt.Sprintf("nested deeper than %d", maxDepth))
		}
		if tok == '{' {
			return w.object(depth + 1)
		}
		return w.array(depth + 1)
	case json.Number:
		if !plain(string(tok)) {
			return nil, w.refuse("number is not a plain decimal within ±(2^53-1)")
		}
	}
	return tok, nil
}

func (w *walker) object(depth int) (any, error) {
	obj := map[string]any{}
	for w.More() {
		tok, err := w.Token()
		if err != nil {
			return nil, w.refuse("not one JSON value")
		}
		name := tok.(string)
		if _, twice := obj[name]; twice {
			return nil, w.refuse("a name stands twice in one object")
		}
		if len(obj) == maxMembers {
			return nil, w.refuse(fmt.Sprintf("an object has more than %d members", maxMembers))
		}
		if obj[name], err = w.value(depth); err != nil {
			return nil, err
		}
	}
	_, err := w.Token()
	return obj, err
}

func (w *walker) array(depth int) (any, error) {
	arr := []any{}
	for w.More() {
		if len(arr) == maxMembers {
			return nil, w.refuse(fmt.Sprintf("an array has more than %d items", maxMembers))
		}
		v, err := w.value(depth)
		if err != nil {
			return nil, err
		}
		arr = append(arr, v)
	}
	_, err := w.Token()
	return arr, err
}

func (w *walker) refuse(rule string) error {
	return problem.New(problem.BodyMalformed, "byte %d: %s", w.InputOffset(), rule)
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
