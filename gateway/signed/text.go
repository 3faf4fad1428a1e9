package signed

import (
	"strings"

	"samband/gateway/problem"
)

// Bounds of a signed text (SPEC §1.1).
const (
	maxText = 64 << 10 // bytes of text, signature lines not counted
	maxLine = 16 << 10 // bytes of one line
)

// checkText checks what every signed text obeys: printable ASCII in non-empty
// lines, each ended by a newline, none longer than maxLine.
func checkText(text string) error {
	if len(text) > maxText {
		return oversize(text, maxText)
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
			if i-start > maxLine {
				return problem.New(problem.Oversize, "line %d passes the bound of %d bytes", line, maxLine)
			}
			line, start = line+1, i+1
		case c < 0x20 || c > 0x7e:
			return malformed("line %d has a byte outside printable ASCII", line)
		}
	}
	return nil
}

// FirstLine returns the first line of a text. It names the text's form, so that a
// caller can choose the parser.
func FirstLine(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}

func malformed(format string, args ...any) error {
	return problem.New(problem.TextMalformed, format, args...)
}

func oversize(text string, bound int) error {
	return problem.New(problem.Oversize, "a text of %d bytes passes the bound of %d", len(text), bound)
}
