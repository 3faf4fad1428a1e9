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
// All that is said of a code stands in its row, an [Entry]: whoever needs its HTTP
// status, or what its refusal speaks of, reads that column and keeps no table of codes.
// SPEC.md §12 has the same rows; a test compares the two.
package problem

import (
	"errors"
	"fmt"
	"slices"
	"time"
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

// A Subject is what a refusal speaks of: it tells which other submissions would be
// refused alike.
type Subject string

const (
	// Item: the text that was submitted, and no other.
	Item Subject = "item"
	// Call: what was asked at this moment; the same may pass at another, and others at
	// this one. BROKER_BUSY is said of a single text that expires while the broker's
	// clock is in doubt, too.
	Call Subject = "call"
	// Connection: how this desk connects. Nothing passes until somebody has put that
	// right, and then all does.
	Connection Subject = "connection"
	// Broker: the broker's state, whatever it is sent.
	Broker Subject = "broker"
	// BrokerBreach: what the broker showed. It proves that the broker, or whoever signed,
	// broke the rules.
	BrokerBreach Subject = "breach"
)

// An Entry is one row of the closed list.
type Entry struct {
	Code    Code
	Class   Class
	Status  int           // of HTTP, also for codes that only a desk's own interface answers with
	Pause   time.Duration // until the sender tries again; zero: its own pace
	Subject Subject
	Rule    string // what holds if nothing is refused, for the reader of a refusal
	Next    string // what a person does about it
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
func (p *Problem) Class() Class { return p.Code.Row().Class }

// Of finds the Problem in err's chain.
func Of(err error) (*Problem, bool) { return errors.AsType[*Problem](err) }

// CodeOf returns the code in err's chain, or Internal when there is none:
// a fault of ours is never dressed up as a fault of the caller.
func CodeOf(err error) Code {
	if p, ok := Of(err); ok {
		return p.Code
	}
	return Internal
}

// Row returns the row of a code; an empty one for no code.
func (c Code) Row() Entry { return byCode[c] }

// Lookup returns the row of what may be a code.
func Lookup(code Code) (Entry, bool) {
	e, ok := byCode[code]
	return e, ok
}

// Compare orders two codes as the list does: of two rules of law, the one that is
// asked later is greater.
func Compare(a, b Code) int { return place(a) - place(b) }

func place(code Code) int {
	return slices.IndexFunc(list, func(e Entry) bool { return e.Code == code })
}

// List returns the whole closed list, in the order of SPEC.md §12.
func List() []Entry { return append([]Entry(nil), list...) }
