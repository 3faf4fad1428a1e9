// Package problem is the closed list of reasons for which Samband says no.
//
// Every refusal, on the wire and on the screen, carries one [Code] of this
// list and nothing invented on the spot, so that the desk that is refused and
// the broker or desk that refuses speak of the same rule:
//
//	return problem.New(problem.NoAgreement, "agreement %s ended on 2026-06-30", hash)
//
// A code has a [Class], which says what the sender's outbox does next: send the
// same bytes again, seal anew, or stop and show the refusal to a person. The
// detail of a [Problem] says where it went wrong in words that are safe to show
// to whoever is refused: it never quotes a body, a key or an officer.
//
// The same table stands in SPEC.md §12; a test holds the two equal.
package problem

import (
	"errors"
	"fmt"
)

// A Code names one rule that was broken.
type Code string

// A Class says what a sender does after a refusal.
type Class string

const (
	// Retry: nothing is wrong with the bytes; send the same bytes again later.
	Retry Class = "retry"
	// Reseal: the world moved on; make the text anew under the same id.
	Reseal Class = "reseal"
	// Final: no repetition helps; the message stays visible as refused.
	Final Class = "final"
)

// An Entry is one row of the closed list.
type Entry struct {
	Code  Code
	Class Class
	Rule  string // what must hold, for the reader of a refusal
	Next  string // what a person does about it
}

// A Problem is a refusal: a code of the closed list and where it struck.
type Problem struct {
	Code   Code
	Detail string // safe to show to the refused caller
}

// New makes a Problem; code must be of the closed list.
func New(code Code, format string, args ...any) *Problem {
	if _, ok := byCode[code]; !ok {
		panic("problem: code not in the closed list: " + string(code))
	}
	return &Problem{Code: code, Detail: fmt.Sprintf(format, args...)}
}

func (p *Problem) Error() string {
	if p.Detail == "" {
		return string(p.Code)
	}
	return string(p.Code) + ": " + p.Detail
}

// Class returns the class of p's code.
func (p *Problem) Class() Class { return byCode[p.Code].Class }

// Of finds the Problem in err's chain.
func Of(err error) (*Problem, bool) {
	var p *Problem
	ok := errors.As(err, &p)
	return p, ok
}

// CodeOf returns the code in err's chain, or Internal when there is none:
// a fault of ours is never dressed up as a fault of the caller.
func CodeOf(err error) Code {
	if p, ok := Of(err); ok {
		return p.Code
	}
	return Internal
}

// Lookup returns the row of code.
func Lookup(code Code) (Entry, bool) {
	e, ok := byCode[code]
	return e, ok
}

// List returns the whole closed list, in the order of SPEC.md §12.
func List() []Entry { return append([]Entry(nil), list...) }
