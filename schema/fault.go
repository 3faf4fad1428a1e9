package schema

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"samband/gateway/problem"
)

// maxFaults is how many faults of one body a problem names.
const maxFaults = 5

// A Fault is one thing that is wrong with a body. Path and Rule come from the schema
// and never quote the body, so they may go to the other desk and into logs. Hint may
// quote: it is for whoever wrote the body, and stays on this machine.
type Fault struct {
	Path   string `json:"path"`           // JSON pointer; "" is the body itself
	Line   int    `json:"line,omitempty"` // from 1, of the value; 0: the body is not text that was typed
	Column int    `json:"column,omitempty"`
	Rule   string `json:"rule"`           // what must be so
	Hint   string `json:"hint,omitempty"` // what would be right

	code problem.Code
	name string // of the member at Path that has the fault, where Path can't say it: it is the writer's word
}

// words is the fault without what it would quote.
func (f *Fault) words() string {
	switch {
	case f.code == problem.Oversize:
		return f.Rule
	case f.code == problem.BodyMalformed:
		return fmt.Sprintf("line %d, column %d: %s", f.Line, f.Column, f.Rule)
	}
	return fmt.Sprintf("at %s: %s", cmp.Or(f.Path, "/"), f.Rule)
}

// Code is that of the refusal which the fault is: BODY_INVALID, BODY_MALFORMED or
// OVERSIZE.
func (f *Fault) Code() problem.Code { return f.code }

func (f *Fault) problem() error { return problem.New(f.code, "%s", f.words()) }

// says reports whether another fault says the same: the same rule at the same place, or
// that the same place is empty.
func (f *Fault) says(g Fault) bool {
	return g.Path == f.Path && (g.Rule == f.Rule || f.Hint == emptyHint && g.Hint == emptyHint)
}

// refusal is one problem for the faults of a body, in a fixed order.
func refusal(faults []Fault) error {
	var words []string
	for _, f := range faults {
		words = append(words, f.words())
	}
	slices.Sort(words)
	words = slices.Compact(words)
	if more := len(words) - maxFaults; more > 0 {
		words = append(words[:maxFaults], fmt.Sprintf("and %d more", more))
	}
	return problem.New(faults[0].code, "%s", strings.Join(words, "; "))
}

// faultAt is a fault against the schema.
func faultAt(path, rule string) Fault {
	return Fault{Path: path, Rule: rule, code: problem.BodyInvalid}
}
