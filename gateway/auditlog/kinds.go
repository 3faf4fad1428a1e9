package auditlog

import (
	"errors"
	"slices"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Kind names what happened: an event of a message, or one of the broker's own.
type Kind = envelope.Event

const (
	Refusals Kind = "refusals" // so many more submissions were refused, beyond the caller's budget
	Entered  Kind = "entered"  // the register has a new entry
	Opened   Kind = "opened"   // a writer started
)

// A Tree names the log that a kind's leaves go to.
type Tree string

const (
	Audit    Tree = "audit"
	Register Tree = "register"
	NoTree   Tree = "" // the record has no leaf: it is the broker's own bookkeeping
)

// A Shape is one row of the table of kinds (SPEC §7.1).
type Shape struct {
	Kind  Kind
	Tree  Tree
	Lines []Line // after those that every record has
}

// A Line of a record: its name, and what its one value is in the words of SPEC
// §1.2; "" where SPEC names the words elsewhere.
type Line struct {
	Name, Value string
	write       func(*Record) string
	read        func(*signed.Reader, string, *Record)
}

const lineEntry = "entry"

// line ties a line to its field.
func line[T any](name, value string, field func(*Record) *T, format func(T) string, parse func(string) (T, error)) Line {
	return Line{name, value,
		func(r *Record) string { return format(*field(r)) },
		func(rd *signed.Reader, s string, r *Record) {
			v, err := parse(s)
			rd.Fail(err)
			*field(r) = v
		}}
}

func address(name string, field func(*Record) *signed.Address) Line {
	return line(name, "address", field, text, signed.ParseAddress)
}

func hash(name string, field func(*Record) *signed.Hash) Line {
	return line(name, "hash", field, signed.Hash.String, signed.ParseHash)
}

func moment(name string, field func(*Record) *signed.Time) Line {
	return line(name, "time", field, signed.Time.String, signed.ParseTime)
}

func text[T ~string](s T) string { return string(s) }

var (
	lMessage   = hash("message", func(r *Record) *signed.Hash { return &r.Message })
	lID        = line("id", "id", func(r *Record) *signed.ID { return &r.ID }, signed.ID.String, signed.ParseID)
	lFrom      = address("from", func(r *Record) *signed.Address { return &r.From })
	lTo        = address("to", func(r *Record) *signed.Address { return &r.To })
	lType      = line("type", "word", func(r *Record) *string { return &r.Type }, text, signed.ParseWord)
	lUrgency   = line("urgency", "", func(r *Record) *string { return &r.Urgency }, text, parseUrgency)
	lExpires   = moment("expires", func(r *Record) *signed.Time { return &r.Expires })
	lBy        = address("by", func(r *Record) *signed.Address { return &r.By })
	lStatement = hash("statement", func(r *Record) *signed.Hash { return &r.Statement })
	lCode      = line("code", "word", func(r *Record) *problem.Code { return &r.Code }, text, parseCode)
	lCaller    = address("caller", func(r *Record) *signed.Address { return &r.Caller })
	lText      = hash("text", func(r *Record) *signed.Hash { return &r.TextHash })
	lUntil     = moment("until", func(r *Record) *signed.Time { return &r.Until })
	lCount     = line("count", "number", func(r *Record) *int64 { return &r.Count }, signed.FormatInt, signed.ParseInt)
	lEntry     = line(lineEntry, "base64 of a note", func(r *Record) *[]byte { return &r.Entry }, signed.EncodeBytes, parseEntryBytes)
	lWriter    = line("writer", "id", func(r *Record) *signed.ID { return &r.Writer }, signed.ID.String, signed.ParseID)

	// A withdrawal of what was never accepted names no message.
	lMessageIfAny = line("message", "hash or `-`", func(r *Record) *signed.Hash { return &r.Message }, hashOrDash, parseHashOrDash)
)

var kinds = []Shape{
	{envelope.Accepted, Audit, []Line{lMessage, lID, lFrom, lTo, lType, lUrgency, lExpires}},
	{envelope.Consigned, Audit, []Line{lMessage, lBy, lStatement}},
	{envelope.HandedOver, Audit, []Line{lMessage, lBy, lStatement}},
	{envelope.Refused, Audit, []Line{lMessage, lBy, lStatement, lCode}},
	{envelope.Withdrawn, Audit, []Line{lID, lFrom, lStatement, lMessageIfAny}},
	{envelope.Expired, Audit, []Line{lMessage}},
	{envelope.Rejected, Audit, []Line{lCaller, lText, lCode, lUntil}},
	{Refusals, Audit, []Line{lCaller, lCount}},
	{Entered, Register, []Line{lEntry}},
	{Opened, NoTree, []Line{lWriter}},
}

// Kinds returns the table of kinds, in the order of SPEC §7.1.
func Kinds() []Shape { return slices.Clone(kinds) }

// shapeOf returns the row of a kind; the zero Shape when there is none.
func shapeOf(k Kind) Shape {
	for _, s := range kinds {
		if s.Kind == k {
			return s
		}
	}
	return Shape{}
}

// one reads a line of one value; "" after a fault.
func one(r *signed.Reader, name string) string {
	if v := r.Line(name, 1); v != nil {
		return v[0]
	}
	return ""
}

func parseUrgency(s string) (string, error) {
	if s != "urgent" && s != "non-urgent" {
		return "", errors.New("an urgency is neither urgent nor non-urgent")
	}
	return s, nil
}

func parseCode(s string) (problem.Code, error) {
	if _, ok := problem.Lookup(problem.Code(s)); !ok {
		return "", errors.New("a code is not of the closed list")
	}
	return problem.Code(s), nil
}

func parseEntryBytes(s string) ([]byte, error) {
	if s == "" {
		return nil, errors.New("a register entry is empty")
	}
	return signed.DecodeBytes(s, MaxEntry)
}

func hashOrDash(h signed.Hash) string {
	if h == (signed.Hash{}) {
		return "-"
	}
	return h.String()
}

func parseHashOrDash(s string) (signed.Hash, error) {
	if s == "-" {
		return signed.Hash{}, nil
	}
	return signed.ParseHash(s)
}
