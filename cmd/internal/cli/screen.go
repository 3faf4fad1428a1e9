package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"samband/gateway/problem"
)

// Clean makes what strangers wrote safe to show: control characters could move
// the cursor or hide lines, and marks of direction could show a number or a file
// name backwards. They are shown as escapes. The joiners that Persian and Hindi
// are spelled with stay.
func Clean(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case unicode.IsPrint(c), c == '\u200c', c == '\u200d':
			b.WriteRune(c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			fmt.Fprintf(&b, `\U%08x`, c)
		}
	}
	return b.String()
}

// WriteJSON writes data as one line of JSON that no terminal can misread: what is
// not printable stands as \uXXXX, which is the same string to a program.
func WriteJSON(w io.Writer, data any) error {
	var encoded bytes.Buffer
	if err := json.NewEncoder(&encoded).Encode(data); err != nil {
		return err
	}
	var b strings.Builder
	for _, c := range strings.TrimSuffix(encoded.String(), "\n") {
		switch {
		case c != utf8.RuneError && unicode.IsPrint(c):
			b.WriteRune(c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	_, err := fmt.Fprintln(w, b.String())
	return err
}

// ShowProblem prints a refusal in a listing.
func ShowProblem(w io.Writer, indent string, p *problem.Details) {
	if p == nil {
		return
	}
	fmt.Fprintf(w, "%s%s: %s\n%sRule: %s.\n%sNext: %s.\n", indent, p.Code, Clean(p.Detail), indent, p.Rule, indent, p.Next)
}

// Table prints rows under a heading, in columns.
func Table(w io.Writer, heading string, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ReplaceAll(heading, " ", "\t"))
	for _, r := range rows {
		for i := range r {
			r[i] = Clean(r[i])
		}
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	t.Flush()
}
