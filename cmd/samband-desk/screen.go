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

// timeText is a time for a table; "-" if there is none.
func timeText(t signed.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.String()
}

// deadlineText says how much time a message's legal clock leaves, or how it ended.
func deadlineText(d *client.Deadline) string {
	switch {
	case d == nil:
		return "-"
	case !d.Answered.IsZero() && d.OnTime:
		return "answered in time"
	case !d.Answered.IsZero():
		return "answered late"
	case d.Overdue:
		return "OVERDUE since " + d.Due.String() + accessText(d)
	case d.Paused:
		return "paused, " + d.Class + " term" + accessText(d)
	}
	return d.Class + ", due " + d.Due.String() + accessText(d)
}

// accessText is the kind of access that was declared, if any.
func accessText(d *client.Deadline) string {
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
