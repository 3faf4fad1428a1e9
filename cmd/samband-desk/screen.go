package main

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

	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// clean makes what strangers wrote safe to show: control characters could move
// the cursor or hide lines, and marks of direction could show a number or a file
// name backwards. They are shown as escapes. The joiners that Persian and Hindi
// are spelled with stay.
func clean(s string) string {
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

// writeJSON writes data as one line of JSON that no terminal can misread: what is
// not printable stands as \uXXXX, which is the same string to a program.
func writeJSON(w io.Writer, data any) error {
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

// A problemLine is a code with what a person needs to know of it.
type problemLine struct {
	Code   problem.Code  `json:"code"`
	Class  problem.Class `json:"class"`
	Detail string        `json:"detail,omitempty"`
	Rule   string        `json:"rule"`
	Next   string        `json:"next"`
}

func lineOf(code problem.Code, detail string) problemLine {
	row, _ := problem.Lookup(code)
	return problemLine{code, row.Class, detail, row.Rule, row.Next}
}

// showProblem prints a refusal in a listing.
func showProblem(w io.Writer, indent string, p *client.Problem) {
	if p == nil {
		return
	}
	fmt.Fprintf(w, "%s%s: %s\n%sRule: %s.\n%sNext: %s.\n", indent, p.Code, clean(p.Detail), indent, p.Rule, indent, p.Next)
}

// table prints rows under a heading, in columns.
func table(w io.Writer, heading string, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ReplaceAll(heading, " ", "\t"))
	for _, r := range rows {
		for i := range r {
			r[i] = clean(r[i])
		}
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	t.Flush()
}

func moment(t signed.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.String()
}

// due says where a legal clock stands.
func due(d *client.Deadline) string {
	switch {
	case d == nil:
		return "-"
	case !d.Answered.IsZero() && d.OnTime:
		return "answered in time"
	case !d.Answered.IsZero():
		return "answered late"
	case d.Overdue:
		return "OVERDUE since " + d.Due.String() + declared(d)
	case d.Paused:
		return "paused, " + d.Class + " term" + declared(d)
	}
	return d.Class + ", due " + d.Due.String() + declared(d)
}

func declared(d *client.Deadline) string {
	if d.Access == schema.Undeclared {
		return ""
	}
	return ", declared " + string(d.Access)
}

func subject(s *client.Summary) string {
	if s == nil {
		return "-"
	}
	return s.Subject
}

// outline prints a JSON body for reading: names and values, one a line, deeper
// parts indented. It is made of the tokens in their order.
func outline(w io.Writer, body json.RawMessage) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	(&outliner{w, d}).value("", 0)
}

type outliner struct {
	w io.Writer
	d *json.Decoder
}

func (o *outliner) value(name string, depth int) {
	tok, err := o.d.Token()
	if err != nil {
		return
	}
	pad := strings.Repeat("  ", depth)
	if name != "" {
		name = strings.ReplaceAll(clean(name), "_", " ") + ":"
	}
	switch tok {
	case json.Delim('{'), json.Delim('['):
		if name != "" {
			fmt.Fprintf(o.w, "%s%s\n", pad, name)
			depth++
		}
		o.members(tok == json.Delim('{'), depth)
		return
	}
	lines := strings.Split(fmt.Sprint(tok), "\n")
	if name == "" {
		name = "-"
	}
	fmt.Fprintf(o.w, "%s%s %s\n", pad, name, clean(lines[0]))
	for _, l := range lines[1:] {
		fmt.Fprintf(o.w, "%s    %s\n", pad, clean(l))
	}
}

func (o *outliner) members(named bool, depth int) {
	for n := 1; o.d.More(); n++ {
		name := ""
		if named {
			tok, err := o.d.Token()
			if err != nil {
				return
			}
			name = tok.(string)
		}
		o.value(name, depth)
	}
	o.d.Token()
}
