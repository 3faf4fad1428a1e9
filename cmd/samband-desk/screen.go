package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
	"samband/schema"
)

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
	case !d.Dropped.IsZero():
		return "closed by who asked"
	case d.Overdue && d.Then != nil:
		return "OVERDUE since " + d.Due.String() + said(d) + "; then " + due(d.Then)
	case d.Overdue:
		return "OVERDUE since " + d.Due.String() + said(d)
	case d.Paused:
		return "paused, " + d.Class + " term" + said(d)
	}
	return d.Class + ", due " + d.Due.String() + said(d)
}

// said is what was said of a clock, and what it asks for at its end.
func said(d *client.Deadline) (words string) {
	if d.Access != schema.Undeclared {
		words += ", declared " + string(d.Access)
	}
	if d.Alone {
		words += " at this desk alone"
	}
	if !d.Extended.IsZero() {
		words += ", extended"
	}
	if d.Warning > 0 && !d.Overdue {
		words += fmt.Sprintf(", WARNING: %.0f %% of the term has passed", 100*d.Warning)
	}
	if d.AtEnd != "" {
		words += ", at its end: " + cli.Clean(d.AtEnd)
	}
	return words
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
		name = strings.ReplaceAll(cli.Clean(name), "_", " ") + ":"
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
	fmt.Fprintf(o.w, "%s%s %s\n", pad, name, cli.Clean(lines[0]))
	for _, l := range lines[1:] {
		fmt.Fprintf(o.w, "%s    %s\n", pad, cli.Clean(l))
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
