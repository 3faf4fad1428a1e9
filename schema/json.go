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

// Bounds of a body, checked before its schema: SPEC §9.2.
const (
	MaxBody    = 768 << 10 // bytes
	maxDepth   = 32        // arrays and objects within each other
	maxMembers = 1024      // in one array or object
	maxNumber  = 32        // bytes of one number, written without an exponent
	maxInteger = 1<<53 - 1 // what every JSON reader keeps exactly
)

// parse reads strict JSON: one value in valid UTF-8, no name twice in an
// object, no deep nesting, no number that readers could take differently, no
// half surrogates and no NUL. Its problem says line, column and rule, and never
// quotes.
func parse(data []byte) (any, error) {
	v, fault := parseValue(data)
	if fault != nil {
		return nil, fault.problem()
	}
	return v, nil
}

func parseValue(data []byte) (any, *Fault) {
	if len(data) > MaxBody {
		return nil, &Fault{code: problem.Oversize, Rule: fmt.Sprintf("the body has %d bytes, at most %d", len(data), MaxBody)}
	}
	r := &reader{data: data}
	if rule := encodingFault(data); rule != "" {
		return nil, r.fault(rule)
	}
	if !utf8.Valid(data) {
		for r.pos < len(data) {
			c, n := utf8.DecodeRune(data[r.pos:])
			if c == utf8.RuneError && n == 1 {
				break
			}
			r.pos += n
		}
		return nil, r.fault("this byte is not valid UTF-8: save the file as UTF-8")
	}
	v, fault := r.whole()
	if fault != nil {
		return nil, fault
	}
	return v, nil
}

// encodingFault names the encodings that other programs save text in.
func encodingFault(data []byte) string {
	switch {
	case len(data) == 0:
		return "the file is empty"
	case bytes.HasPrefix(data, []byte{0xef, 0xbb, 0xbf}):
		return "the file begins with a byte order mark: save it as UTF-8 without one"
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}),
		len(data) > 3 && (data[0] == 0 || data[1] == 0):
		return "the file is UTF-16: save it as UTF-8"
	}
	return ""
}

// A reader reads JSON by RFC 8259 and our own, narrower rules.
type reader struct {
	data []byte
	pos  int
}

func (r *reader) whole() (any, *Fault) {
	if r.peek() == 0 && r.pos == len(r.data) {
		return nil, r.fault("the file has nothing but white space")
	}
	v, fault := r.value(0)
	if fault != nil {
		return nil, fault
	}
	if r.peek(); r.pos < len(r.data) {
		return nil, r.fault("something follows after the end: one message has one { } around all of it")
	}
	return v, nil
}

func (r *reader) value(depth int) (any, *Fault) {
	switch c := r.peek(); {
	case c == '{' || c == '[':
		if depth == maxDepth {
			return nil, r.fault(fmt.Sprintf("nested deeper than %d", maxDepth))
		}
		if c == '{' {
			return r.object(depth + 1)
		}
		return r.array(depth + 1)
	case c == '"':
		return r.text()
	case c == '-' || c >= '0' && c <= '9':
		return r.number()
	}
	for _, l := range []struct {
		word  string
		value any
	}{{"true", true}, {"false", false}, {"null", nil}} {
		if bytes.HasPrefix(r.data[r.pos:], []byte(l.word)) && !letterAt(r.data, r.pos+len(l.word)) {
			r.pos += len(l.word)
			return l.value, nil
		}
	}
	return nil, r.fault(r.noValue())
}

func letterAt(data []byte, pos int) bool {
	return pos < len(data) && (data[pos]|0x20 >= 'a' && data[pos]|0x20 <= 'z' || data[pos] >= '0' && data[pos] <= '9')
}

// noValue says what is wrong where a value should begin.
func (r *reader) noValue() string {
	switch c := r.rune(); {
	case r.pos == len(r.data):
		return r.endsEarly()
	case strings.ContainsRune("“”„‟«»‘’‚'`", c):
		return "this quotation mark is not the one that JSON has: write \""
	case c == ']' || c == '}':
		return "a value is missing here, or the comma before it is one too many"
	case c == ',':
		return "a value is missing before this comma"
	case c == '/' || c == '#':
		return "a comment has no place in a message"
	case c == '+' || c == '.':
		return "a number begins with a digit or with a minus sign"
	case letterAt(r.data, r.pos):
		return "text stands in quotation marks; other than that there is only true, false, null or a number"
	}
	return "this begins no value"
}

func (r *reader) object(depth int) (any, *Fault) {
	obj := map[string]any{}
	open := r.pos
	for r.pos++; ; {
		switch c := r.peek(); {
		case c == '}' && len(obj) == 0:
			r.pos++
			return obj, nil
		case c == '}':
			return nil, r.fault("a comma stands before this closing brace: remove the comma")
		case c != '"':
			return nil, r.fault(r.noName())
		case len(obj) == maxMembers:
			return nil, r.fault(fmt.Sprintf("an object has more than %d members", maxMembers))
		}
		at := r.pos
		name, fault := r.text()
		if fault != nil {
			return nil, fault
		}
		if _, twice := obj[name]; twice {
			r.pos = at
			return nil, r.fault("this name stands twice in one object")
		}
		if r.peek() != ':' {
			return nil, r.fault("a colon is missing after the name")
		}
		r.pos++
		if obj[name], fault = r.value(depth); fault != nil {
			return nil, fault
		}
		if end, fault := r.separator('}', open); end || fault != nil {
			return obj, fault
		}
	}
}

func (r *reader) noName() string {
	switch c := r.rune(); {
	case r.pos == len(r.data):
		return r.endsEarly()
	case strings.ContainsRune("“”„‟«»‘’‚'`", c):
		return "this quotation mark is not the one that JSON has: write \""
	case c == '/' || c == '#':
		return "a comment has no place in a message"
	case c == ',':
		return "a comma stands here without anything before it: remove it"
	case c >= '0' && c <= '9':
		return "the name of a field is missing here; a decimal number has a point and no comma, as in 59.33"
	}
	return "the name of a field is missing here: it stands in quotation marks"
}

func (r *reader) array(depth int) (any, *Fault) {
	arr := []any{}
	open := r.pos
	for r.pos++; ; {
		switch c := r.peek(); {
		case c == ']' && len(arr) == 0:
			r.pos++
			return arr, nil
		case c == ']':
			return nil, r.fault("a comma stands before this closing bracket: remove the comma")
		case len(arr) == maxMembers:
			return nil, r.fault(fmt.Sprintf("an array has more than %d items", maxMembers))
		}
		v, fault := r.value(depth)
		if fault != nil {
			return nil, fault
		}
		arr = append(arr, v)
		if end, fault := r.separator(']', open); end || fault != nil {
			return arr, fault
		}
	}
}

// separator reads a comma, or the end of what was opened at open.
func (r *reader) separator(end byte, open int) (ends bool, _ *Fault) {
	switch c := r.peek(); {
	case c == end:
		r.pos++
		return true, nil
	case c == ',':
		r.pos++
		return false, nil
	case r.pos == len(r.data):
		line, column := position(r.data, open)
		return false, r.fault(fmt.Sprintf("the file ends too early: what opens at line %d, column %d is not closed", line, column))
	case c == '}' || c == ']':
		return false, r.fault("this bracket does not close what is open: braces and square brackets are mixed up")
	}
	return false, r.fault("a comma is missing before this")
}

// text reads a string. Only one with escapes costs a second look.
func (r *reader) text() (string, *Fault) {
	start, escaped := r.pos, false
	for r.pos++; ; r.pos++ {
		if r.pos == len(r.data) {
			r.pos = start
			return "", r.fault("the quotation mark at the end of this text is missing")
		}
		switch c := r.data[r.pos]; {
		case c == '\\':
			if fault := r.escape(); fault != nil {
				return "", fault
			}
			escaped = true
			continue
		case c == '\n' || c == '\r':
			return "", r.fault("a line ends within a text: write \\n for it, or close the text with a quotation mark")
		case c == '\t':
			return "", r.fault("a tab stands within a text: write \\t for it")
		case c < 0x20:
			return "", r.fault("a control character stands within a text")
		case c != '"':
			continue
		}
		break
	}
	r.pos++
	quoted := r.data[start:r.pos]
	if !escaped {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		r.pos = start
		return "", r.fault("this text can't be read")
	}
	return s, nil
}

// escape checks the escape at r.pos, and steps to its last byte.
func (r *reader) escape() *Fault {
	if r.pos+1 == len(r.data) {
		return r.fault(r.endsEarly())
	}
	if c := r.data[r.pos+1]; c != 'u' {
		if strings.IndexByte(`"\/bfnrt`, c) < 0 {
			return r.fault("this backslash escapes nothing that JSON knows: write \\\\ for one backslash")
		}
		r.pos++
		return nil
	}
	c, ok := hex4(r.data[r.pos+2:])
	switch {
	case !ok:
		return r.fault("\\u needs four hexadecimal digits")
	case c == 0:
		return r.fault("this escape stands for NUL")
	case c >= 0xd800 && c < 0xdc00 && lowFollows(r.data[r.pos+6:]):
		r.pos += 6
	case c >= 0xd800 && c < 0xe000:
		return r.fault("this escape stands for half a surrogate pair")
	}
	r.pos += 5
	return nil
}

func lowFollows(b []byte) bool {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return false
	}
	c, ok := hex4(b[2:])
	return ok && c >= 0xdc00 && c < 0xe000
}

func hex4(b []byte) (uint64, bool) {
	if len(b) < 4 {
		return 0, false
	}
	c, err := strconv.ParseUint(string(b[:4]), 16, 16)
	return c, err == nil
}

func (r *reader) number() (any, *Fault) {
	start := r.pos
	for r.pos < len(r.data) && strings.IndexByte("+-.0123456789eE", r.data[r.pos]) >= 0 {
		r.pos++
	}
	num := r.data[start:r.pos]
	rule := ""
	switch {
	case !json.Valid(num):
		rule = "this is no number: write it as 12, -12 or 12.5, without leading zeros"
	case !plain(string(num)):
		rule = "a number has at most 32 characters, lies within ±(2^53-1), and is not -0"
	default:
		return json.Number(num), nil
	}
	r.pos = start
	return nil, r.fault(rule)
}

// peek skips space and returns the byte that begins what follows; 0 at the end.
func (r *reader) peek() byte {
	for ; r.pos < len(r.data); r.pos++ {
		if c := r.data[r.pos]; c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c
		}
	}
	return 0
}

func (r *reader) rune() rune {
	c, _ := utf8.DecodeRune(r.data[r.pos:])
	return c
}

func (r *reader) endsEarly() string { return "the file ends too early" }

func (r *reader) fault(rule string) *Fault {
	f := &Fault{code: problem.BodyMalformed, Rule: rule}
	f.Line, f.Column = position(r.data, min(r.pos, len(r.data)))
	return f
}

// position is line and column, both from 1, of a byte; columns count characters.
func position(data []byte, pos int) (line, column int) {
	line = 1 + bytes.Count(data[:pos], []byte("\n"))
	begin := 1 + bytes.LastIndexByte(data[:pos], '\n')
	return line, 1 + utf8.RuneCount(data[begin:pos])
}

// plain accepts what is a decimal of at most 32 characters once its exponent is
// written out: -12, 0, 59.3293 and -1e-05. It refuses -0 and what is too large. The
// JSON grammar was checked before.
func plain(num string) bool {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(num), "e")
	unsigned := strings.TrimPrefix(mantissa, "-")
	if len(num) > maxNumber || mantissa != unsigned && strings.Trim(unsigned, "0.") == "" {
		return false
	}
	whole, fraction, _ := strings.Cut(unsigned, ".")
	if exponent != "" {
		shift, err := strconv.Atoi(exponent)
		if err != nil || shift < -maxNumber || shift > maxNumber {
			return false
		}
		whole, fraction = shifted(whole, fraction, shift)
		if len(whole)+len(fraction)+2 > maxNumber {
			return false
		}
	}
	n, err := strconv.ParseUint(whole, 10, 64)
	return err == nil && n <= maxInteger
}

// shifted moves the decimal point of whole.fraction by shift digits to the right.
func shifted(whole, fraction string, shift int) (string, string) {
	if shift > 0 {
		fraction += strings.Repeat("0", max(0, shift-len(fraction)))
		whole, fraction = whole+fraction[:shift], fraction[shift:]
	} else {
		whole = strings.Repeat("0", max(0, -shift-len(whole)+1)) + whole
		cut := len(whole) + shift
		whole, fraction = whole[:cut], whole[cut:]+fraction
	}
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	return whole, strings.TrimRight(fraction, "0")
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
