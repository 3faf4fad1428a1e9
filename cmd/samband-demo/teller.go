package main

import (
	"fmt"
	"io"
	"strings"

	"samband/cmd/internal/cli"
	"samband/gateway/problem"
)

// A step is one line of the story. OK means that the step went as the story
// says, a refusal included.
type step struct {
	Step    string       `json:"step"`
	OK      bool         `json:"ok"`
	What    string       `json:"what"`
	ID      string       `json:"id,omitempty"`
	Problem problem.Code `json:"problem,omitempty"`
}

// A summary ends the story.
type summary struct {
	Step       string `json:"step"` // "summary"
	OK         bool   `json:"ok"`
	What       string `json:"what"`
	Sent       int    `json:"sent"`        // messages accepted
	Refused    int    `json:"refused"`     // texts that were turned away, by desk or broker
	HandedOver int    `json:"handed_over"` // messages in an officer's view
	LogSize    int64  `json:"log_size"`
	Verified   bool   `json:"verified"`
}

// A teller prints the story for a person, or as JSON lines.
type teller struct {
	out  io.Writer
	json bool
	n    int
}

const width = 92

func (t *teller) tell(s step) error {
	t.n++
	if t.json {
		return cli.WriteJSON(t.out, s)
	}
	mark := "ok"
	if !s.OK {
		mark = "NOT AS TOLD"
	}
	if s.Problem != "" {
		mark += ", refused with " + string(s.Problem)
	}
	fmt.Fprintf(t.out, "%2d. %s (%s)\n", t.n, s.Step, mark)
	if s.ID != "" {
		fmt.Fprintf(t.out, "    message %s\n", s.ID)
	}
	_, err := fmt.Fprintln(t.out, wrap(s.What, "    "))
	return err
}

func (t *teller) sum(s summary) error {
	s.Step = "summary"
	if t.json {
		return cli.WriteJSON(t.out, s)
	}
	verified := "it verifies, offline, from files alone"
	if !s.Verified {
		verified = "IT DOES NOT VERIFY"
	}
	_, err := fmt.Fprintf(t.out, "\n%s\n    sent %d, refused %d, handed over %d; the audit log has %d entries, and %s\n",
		s.What, s.Sent, s.Refused, s.HandedOver, s.LogSize, verified)
	return err
}

// say prints a line that is no step; nothing in JSON.
func (t *teller) say(format string, args ...any) {
	if !t.json {
		fmt.Fprintf(t.out, format, args...)
	}
}

// wrap breaks a text into lines of at most width letters.
func wrap(s, indent string) string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		if line != "" && len([]rune(indent+line+word))+1 > width {
			lines = append(lines, indent+line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, indent+line), "\n")
}
