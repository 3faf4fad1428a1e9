package schema

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// draftHeading is the first line of a draft.
var draftHeading = regexp.MustCompile(`^(?:\x{feff})?\s*//\s*type:\s*([A-Z][A-Z0-9_]*)(?:[ \t]+([0-9]+\.[0-9]+))?[ \t]*(?:\r|\n|$)`)

// DraftType reads the type that a draft names in its first line; both are "" where it
// names none, and the version where it leaves that open.
func DraftType(text []byte) (name, version string) {
	if m := draftHeading.FindSubmatch(text); m != nil {
		return string(m[1]), string(m[2])
	}
	return "", ""
}

// Draft returns the body of what a person wrote after a Template: without the comments,
// without the comma before a closing bracket, and without the optional fields that were
// left empty. Each place keeps its line and column. A text without comments is returned
// as it is: it is a body, and nobody mends one in passing.
func (t *Type) Draft(text []byte) []byte {
	body := StripComments(text)
	if bytes.Equal(body, text) {
		return text
	}
	body = withoutLastCommas(body)
	if !json.Valid(body) {
		return body
	}
	e := &emptier{d: json.NewDecoder(bytes.NewReader(body)), body: body}
	e.value(t.Shape)
	return withoutLastCommas(e.blanked())
}

// StripComments replaces comments, // to the end of the line and /* */, by spaces, one
// for each character, so that each line and column stays. What stands in a text in
// quotation marks is no comment.
func StripComments(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		end, comment := token(text, i)
		if comment {
			out = appendBlank(out, text[i:end])
		} else {
			out = append(out, text[i:end]...)
		}
		i = end
	}
	return out
}

// token returns where what begins at i ends: a text in quotation marks, a comment, or
// one byte. A text ends with its line at the latest, where its mark was forgotten.
func token(text []byte, i int) (end int, comment bool) {
	rest := text[i:]
	switch {
	case rest[0] == '"':
		for n := 1; n < len(rest); n++ {
			switch rest[n] {
			case '\\':
				n++
			case '"', '\n', '\r':
				return i + n + 1, false
			}
		}
		return len(text), false
	case bytes.HasPrefix(rest, []byte("//")):
		if n := bytes.IndexAny(rest, "\r\n"); n >= 0 {
			return i + n, true
		}
		return len(text), true
	case bytes.HasPrefix(rest, []byte("/*")):
		if n := bytes.Index(rest[2:], []byte("*/")); n >= 0 {
			return i + n + 4, true
		}
		return len(text), true
	}
	return i + 1, false
}

// appendBlank appends a space for each character of what is left out, and its line ends.
func appendBlank(out, what []byte) []byte {
	for len(what) > 0 {
		c, n := utf8.DecodeRune(what)
		if c != '\n' && c != '\r' {
			c = ' '
		}
		out, what = utf8.AppendRune(out, c), what[n:]
	}
	return out
}

// withoutLastCommas replaces a comma that follows a value and stands before a closing
// bracket by a space.
func withoutLastCommas(body []byte) []byte {
	out := bytes.Clone(body)
	last := byte('[') // the byte before, other than white space
	for i := 0; i < len(out); {
		end, _ := token(out, i)
		switch c := out[i]; c {
		case ' ', '\t', '\r', '\n':
		case ',':
			next := bytes.TrimLeft(out[end:], " \t\r\n")
			if len(next) > 0 && (next[0] == '}' || next[0] == ']') && bytes.IndexByte([]byte("[{,:"), last) < 0 {
				out[i] = ' '
			}
			last = c
		default:
			last = c
		}
		i = end
	}
	return out
}

// An emptier finds the optional members of a body that were left empty.
type emptier struct {
	d    *json.Decoder
	body []byte
	cuts [][2]int // from the name to the comma, in their order
}

// value reads one value, whose shape may be unknown, and reports whether nothing was
// filled in: an empty text, null, or what has nothing else in it.
func (e *emptier) value(s *Shape) (empty bool) {
	tok, err := e.d.Token()
	if err != nil {
		return false
	}
	switch tok {
	case nil, "":
		return true
	case json.Delim('{'):
		empty = e.members(s)
	case json.Delim('['):
		empty = true
		for e.d.More() {
			var items *Shape
			if s != nil {
				items = s.Items
			}
			empty = e.value(items) && empty
		}
	default:
		return false
	}
	_, _ = e.d.Token()
	return empty
}

func (e *emptier) members(s *Shape) (empty bool) {
	empty = true
	for e.d.More() {
		before := len(e.cuts)
		from := e.skip(int(e.d.InputOffset()), " \t\r\n,")
		name, err := e.d.Token()
		if err != nil {
			return false
		}
		var member *Shape
		optional := false
		if s != nil {
			if f := s.Field(name.(string)); f != nil {
				member, optional = f.Shape, !f.Required
			}
		}
		nothing := e.value(member)
		if nothing && optional {
			until := int(e.d.InputOffset())
			if comma := e.skip(until, " \t\r\n"); comma < len(e.body) && e.body[comma] == ',' {
				until = comma + 1
			}
			e.cuts = append(e.cuts[:before], [2]int{from, until})
		}
		empty = empty && nothing
	}
	return empty
}

func (e *emptier) skip(at int, what string) int {
	return len(e.body) - len(bytes.TrimLeft(e.body[at:], what))
}

func (e *emptier) blanked() (out []byte) {
	at := 0
	for _, cut := range e.cuts {
		out = append(out, e.body[at:cut[0]]...)
		out = appendBlank(out, e.body[cut[0]:cut[1]])
		at = cut[1]
	}
	return append(out, e.body[at:]...)
}

// itemNumber is an index as people count.
func itemNumber(index string) string {
	n, err := strconv.Atoi(index)
	if err != nil {
		return index
	}
	return strconv.Itoa(n + 1)
}
