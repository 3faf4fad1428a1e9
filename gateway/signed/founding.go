package signed

import "strings"

// NewFoundingReader is NewReader for the cards that people show each other
// before there is an exchange: their second line is "exchange -" (SPEC §10.7).
func NewFoundingReader(text, form string) *Reader {
	r := &Reader{rest: text}
	if err := CheckText(text); err != nil {
		r.err = err
		return r
	}
	rest, ok := strings.CutPrefix(text, form+"\nexchange -\n")
	if !ok {
		r.fail("the text does not begin with %q and no exchange", form)
	}
	r.rest = rest
	return r
}
