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

// Clean makes what strangers wrote safe to show on one line. Text stays as its writer
// spelled it, with the spaces, hyphens, joiners and marks of direction that languages are
// written with. What could move the cursor, hide a line, or show a number or a file name
// backwards is shown as an escape, and so are tabs and the ends of lines.
func Clean(s string) string {
	return escaped(s, func(c rune) bool { return harmful(c) || c == '\t' || strings.ContainsRune(lineEnds, c) })
}

// Lines makes a text of several lines safe to show: its lines, ended as any system ends
// them, each as its writer spelled it, tabs too. Whoever shows them puts a mark before
// each, so that none looks like a line of ours.
func Lines(s string) (lines []string) {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	for {
		at := strings.IndexAny(s, lineEnds)
		if at < 0 {
			return append(lines, escaped(s, harmful))
		}
		_, width := utf8.DecodeRuneInString(s[at:])
		lines, s = append(lines, escaped(s[:at], harmful)), s[at+width:]
	}
}

// lineEnds are the characters that end a line on some system.
const lineEnds = "\n\r\u2028\u2029"

// harmful reports whether a character could steer a terminal, or make text look like
// what it isn't: control characters, embeddings, overrides and isolates of direction,
// tags, and what no edition of Unicode that we know has given a meaning.
func harmful(c rune) bool {
	switch {
	case c == '\t' || strings.ContainsRune(lineEnds, c):
		return false
	case c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069, c >= 0xe0000 && c <= 0xe007f:
		return true
	}
	return !unicode.In(c, unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cf)
}

func escaped(s string, escape func(rune) bool) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case !escape(c):
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

// Table prints rows under a heading of one word for each column.
func Table(w io.Writer, heading string, rows [][]string) {
	Columns(w, strings.Fields(heading), rows)
}

// Columns prints rows under their headings.
func Columns(w io.Writer, headings []string, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(headings, "\t"))
	for _, r := range rows {
		for i := range r {
			r[i] = Clean(r[i])
		}
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	t.Flush()
}
