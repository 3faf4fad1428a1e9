package auditlog

import (
	"errors"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Kind names what happened: an event of a message, or one of the broker's own.
type Kind = envelope.Event

const (
	Refusals Kind = "refusals" // so many more submissions were refused, beyond the caller's budget
	Quiet    Kind = "quiet"    // the broker is at work, and nothing else happened for the better part of an hour
	Entered  Kind = "entered"  // the register has a new entry
	Opened   Kind = "opened"   // a writer started
)

// A Tree names the log that a kind's leaves go to.
type Tree string

const (
	Audit    Tree = "audit"
	Register Tree = "register"
	noTree   Tree = "" // the record has no leaf: it is the broker's own bookkeeping
)

// A shape is one row of the table of kinds (SPEC §7.1).
type shape struct {
	kind  Kind
	tree  Tree
	lines []line // after those that every record has
}

// A line of a record.
type line func(*Record, *signed.Lines)

const lineEntry = "entry"

var (
	lMessage line = func(r *Record, l *signed.Lines) { l.Line("message").Hash(&r.Message) }
	lID      line = func(r *Record, l *signed.Lines) { l.Line("id").ID(&r.ID) }
	lFrom    line = func(r *Record, l *signed.Lines) { l.Line("from").Address(&r.From) }
	lTo      line = func(r *Record, l *signed.Lines) { l.Line("to").Address(&r.To) }
	lType    line = func(r *Record, l *signed.Lines) { l.Line("type").Word(&r.Type) }
	lUrgency line = func(r *Record, l *signed.Lines) {
		signed.OneOf(l.Line("urgency"), &r.Urgency, envelope.Urgent, envelope.NonUrgent)
	}
	lExpires   line = func(r *Record, l *signed.Lines) { l.Line("expires").Time(&r.Expires) }
	lBy        line = func(r *Record, l *signed.Lines) { l.Line("by").Address(&r.By) }
	lStatement line = func(r *Record, l *signed.Lines) { l.Line("statement").Hash(&r.Statement) }
	lCode      line = func(r *Record, l *signed.Lines) {
		signed.Value(l.Line("code"), "word", &r.Code, signed.Same, parseCode)
	}
	lCaller line = func(r *Record, l *signed.Lines) { l.Line("caller").Address(&r.Caller) }
	lText   line = func(r *Record, l *signed.Lines) { l.Line("text").Hash(&r.TextHash) }
	lUntil  line = func(r *Record, l *signed.Lines) { l.Line("until").Time(&r.Until) }
	lCount  line = func(r *Record, l *signed.Lines) { l.Line("count").Int(&r.Count) }
	lEntry  line = func(r *Record, l *signed.Lines) { l.Line(lineEntry).Bytes(&r.Entry, MaxEntry) }
	lWriter line = func(r *Record, l *signed.Lines) { l.Line("writer").ID(&r.Writer) }

	// A withdrawal of what was never accepted names no message.
	lMessageIfAny line = func(r *Record, l *signed.Lines) { l.Line("message").HashOrNone(&r.Message) }
)

var kinds = []shape{
	{envelope.Accepted, Audit, []line{lMessage, lID, lFrom, lTo, lType, lUrgency, lExpires}},
	{envelope.Consigned, Audit, []line{lMessage, lBy, lStatement}},
	{envelope.HandedOver, Audit, []line{lMessage, lBy, lStatement}},
	{envelope.Refused, Audit, []line{lMessage, lBy, lStatement, lCode}},
	{envelope.Withdrawn, Audit, []line{lID, lFrom, lStatement, lMessageIfAny}},
	{envelope.Expired, Audit, []line{lMessage}},
	{envelope.Lapsed, Audit, []line{lMessage}},
	{envelope.Erased, Audit, []line{lBy, lStatement}},
	{envelope.Rejected, Audit, []line{lCaller, lText, lCode, lUntil}},
	{Refusals, Audit, []line{lCaller, lCount}},
	{Quiet, Audit, nil},
	{Entered, Register, []line{lEntry}},
	{Opened, noTree, []line{lWriter}},
}

// shapeOf returns the row of a kind; the zero shape when there is none.
func shapeOf(k Kind) shape {
	for _, s := range kinds {
		if s.kind == k {
			return s
		}
	}
	return shape{}
}

func parseKind(s string) (Kind, error) {
	if shapeOf(Kind(s)).kind == "" {
		return "", errors.New("a record's kind is unknown")
	}
	return Kind(s), nil
}

func parseCode(s string) (problem.Code, error) {
	if _, ok := problem.Lookup(problem.Code(s)); !ok {
		return "", errors.New("a code is not of the closed list")
	}
	return problem.Code(s), nil
}
