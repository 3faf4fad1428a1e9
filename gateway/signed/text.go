package signed

import (
	"fmt"
	"strings"

	"samband/gateway/problem"
)

// Bounds of a signed text (SPEC §1.1).
const (
	MaxText = 64 << 10 // bytes of text, signature lines not counted
	MaxLine = 16 << 10 // bytes of one line
)

// federationForm is the one form without an exchange: its hash is the exchange.
const federationForm = "samband/federation/v1"

// A Writer builds a text line by line.
type Writer struct{ b strings.Builder }

// NewWriter begins a text of a form such as "samband/message/v1" in an exchange.
// A zero exchange is written "-": only the federation file, whose hash is the
// exchange, has that.
func NewWriter(form string, exchange Hash) *Writer {
	w := &Writer{}
	w.b.WriteString(form + "\n")
	w.Line("exchange", exchangeToken(exchange))
	return w
}

// Line adds a line of a name and its values.
func (w *Writer) Line(name string, values ...string) {
	w.b.WriteString(name)
	for _, v := range values {
		w.b.WriteByte(' ')
		w.b.WriteString(v)
	}
	w.b.WriteByte('\n')
}

// Text returns what was written so far.
func (w *Writer) Text() string { return w.b.String() }

func exchangeToken(h Hash) string {
	if h == (Hash{}) {
		return "-"
	}
	return h.String()
}

// A Reader takes a text apart line by line, in the order its caller asks for.
// The first fault sticks; Close reports it.
type Reader struct {
	exchange Hash
	rest     string
	err      error
}

// NewReader checks the bounds and bytes of a text and reads its first two lines.
func NewReader(text, form string) *Reader {
	r := &Reader{rest: text}
	if err := CheckText(text); err != nil {
		r.err = err
		return r
	}
	first, rest, _ := strings.Cut(text, "\n")
	if first != form {
		r.fail("the first line is not %q", form)
		return r
	}
	r.rest = rest
	if v := r.Line("exchange", 1); v != nil && (v[0] != "-" || form != federationForm) {
		r.exchange = r.Hash(v[0])
	}
	return r
}

// CheckText holds the bounds that every signed text obeys: printable ASCII in
// non-empty lines, each ended by a newline, none longer than MaxLine.
func CheckText(text string) error {
	if len(text) > MaxText {
		return problem.New(problem.Oversize, "a text of %d bytes passes the bound of %d", len(text), MaxText)
	}
	if text == "" || text[len(text)-1] != '\n' {
		return malformed("the text does not end with a newline")
	}
	line, start := 1, 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\n':
			if i == start {
				return malformed("line %d is empty", line)
			}
			if i-start > MaxLine {
				return problem.New(problem.Oversize, "line %d passes the bound of %d bytes", line, MaxLine)
			}
			line, start = line+1, i+1
		case c < 0x20 || c > 0x7e:
			return malformed("line %d has a byte outside printable ASCII", line)
		}
	}
	return nil
}

// FormOf returns the first line of a text, to choose its parser.
func FormOf(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}

// Exchange returns the exchange that the second line names; zero for "-".
func (r *Reader) Exchange() Hash { return r.exchange }

// Peek returns the name of the next line, "" at the end.
func (r *Reader) Peek() string {
	if r.err != nil {
		return ""
	}
	line, _, _ := strings.Cut(r.rest, "\n")
	name, _, _ := strings.Cut(line, " ")
	return name
}

// Line reads the next line, which must have this name and n values; the last
// value runs to the end of the line. It returns nil after a fault.
func (r *Reader) Line(name string, n int) []string {
	if r.err != nil {
		return nil
	}
	line, rest, _ := strings.Cut(r.rest, "\n")
	got, values, _ := strings.Cut(line, " ")
	if got != name {
		if got == "" {
			r.fail("the text ends where line %q belongs", name)
		} else {
			r.fail("a line stands where %q belongs", name)
		}
		return nil
	}
	v := strings.SplitN(values, " ", n)
	if len(v) != n || v[n-1] == "" {
		r.fail("line %q does not have %d values", name, n)
		return nil
	}
	r.rest = rest
	return v
}

// Fail records a fault that the caller found in a value.
func (r *Reader) Fail(err error) {
	if r.err == nil && err != nil {
		if _, ok := problem.Of(err); !ok {
			err = malformed("%v", err)
		}
		r.err = err
	}
}

func (r *Reader) fail(format string, args ...any) { r.Fail(malformed(format, args...)) }

// Err returns the first fault so far.
func (r *Reader) Err() error { return r.err }

// Close reports the first fault, or that lines are left over, or that the text
// is not what its own values write: pass the text as written again.
func (r *Reader) Close(text, again string) error {
	if r.err != nil {
		return r.err
	}
	if r.rest != "" {
		return malformed("a line follows where the text should end")
	}
	if text != again {
		return malformed("the text is not in its canonical form")
	}
	return nil
}

func malformed(format string, args ...any) error {
	return problem.New(problem.TextMalformed, format, args...)
}

// parse lifts a token parser into the Reader: the zero value after a fault.
func parse[T any](r *Reader, s string, f func(string) (T, error)) T {
	var zero T
	if r.err != nil {
		return zero
	}
	v, err := f(s)
	if err != nil {
		r.fail("%s", fmt.Sprint(err))
		return zero
	}
	return v
}

// The token readers of a Reader; each fault is kept.

func (r *Reader) Hash(s string) Hash       { return parse(r, s, ParseHash) }
func (r *Reader) ID(s string) ID           { return parse(r, s, ParseID) }
func (r *Reader) Address(s string) Address { return parse(r, s, ParseAddress) }
func (r *Reader) Name(s string) string     { return parse(r, s, ParseName) }
func (r *Reader) Time(s string) Time       { return parse(r, s, ParseTime) }
func (r *Reader) Int(s string) int64       { return parse(r, s, ParseInt) }
func (r *Reader) Quoted(s string) string   { return parse(r, s, Unquote) }
func (r *Reader) Word(s string) string     { return parse(r, s, ParseWord) }
func (r *Reader) Head(v []string) Head {
	if v == nil {
		return Head{}
	}
	return Head{Origin: parse(r, v[0], ParseOrigin), Size: r.Int(v[1]), Root: r.Hash(v[2])}
}
