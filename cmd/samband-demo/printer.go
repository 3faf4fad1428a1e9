package main

import (
	"fmt"
	"io"
	"strings"

	"samband/cmd/internal/cli"
	"samband/gateway/problem"
)

// A stepResult is what a step came to. OK means that the step went as the story
// says, a refusal included.
type stepResult struct {
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

// A printer prints the story for a person, or as JSON lines.
type printer struct {
	out  io.Writer
	json bool
	n    int
}

const width = 92

func (p *printer) printStep(s stepResult) error {
	p.n++
	if p.json {
		return cli.WriteJSON(p.out, s)
	}
	mark := "ok"
	if !s.OK {
		mark = "NOT AS TOLD"
	}
	if s.Problem != "" {
		mark += ", refused with " + string(s.Problem)
	}
	fmt.Fprintf(p.out, "%2d. %s (%s)\n", p.n, s.Step, mark)
	if s.ID != "" {
		fmt.Fprintf(p.out, "    message %s\n", s.ID)
	}
	_, err := fmt.Fprintln(p.out, wrap(s.What, "    "))
	return err
}

func (p *printer) printSummary(s summary) error {
	s.Step = "summary"
	if p.json {
		return cli.WriteJSON(p.out, s)
	}
	verified := "it verifies, offline, from files alone"
	if !s.Verified {
		verified = "IT DOES NOT VERIFY"
	}
	_, err := fmt.Fprintf(p.out, "\n%s\n    sent %d, refused %d, handed over %d; the audit log has %d entries, and %s\n",
		s.What, s.Sent, s.Refused, s.HandedOver, s.LogSize, verified)
	return err
}

// printText prints text beside the steps; nothing in JSON.
func (p *printer) printText(format string, args ...any) {
	if !p.json {
		fmt.Fprintf(p.out, format, args...)
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
