package auditlog

import (
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Record is one event in the broker's words. Which fields beyond the first
// six it has is fixed by its kind: see kinds.go.
type Record struct {
	Exchange     signed.Hash
	Kind         Kind
	Index        int64       // position in the log of its kind; 0 if the kind has none
	Time         signed.Time // logged time, by the broker's clock; it never decreases but at a register.Clock
	RegisterSize int64       // the register that the event was decided under
	RegisterRoot signed.Hash

	Message   signed.Hash    // hash of the header's text; zero: withdrawn before it was accepted
	ID        signed.ID      // of the message
	From      signed.Address // sender
	To        signed.Address // recipient
	Type      string         // name of the message type
	Urgency   string         // urgent or non-urgent
	Expires   signed.Time    // of the message
	By        signed.Address // the desk that signed the statement
	Statement signed.Hash    // hash of the whole note, its signatures with it
	Code      problem.Code   // why it was refused or rejected
	Caller    signed.Address // the desk whose submission was rejected
	TextHash  signed.Hash    // of the header's text, or by envelope.HashOfBytes of what came
	Until     signed.Time    // a repeat of that gets the same answer until then
	Count     int64          // submissions refused beyond the caller's budget
	Entry     []byte         // a register entry: the whole signed note
	Writer    signed.ID      // drawn anew by each writer that starts
}

var form = signed.Form[Record]{Title: "samband/record/v1", MaxBytes: MaxRecord, LongLine: lineEntry, Lines: (*Record).lines}

func (r *Record) lines(l *signed.Lines) {
	l.Exchange(&r.Exchange)
	signed.Value(l.Line("kind"), "word", &r.Kind, signed.Same, parseKind)
	l.When("unless `opened`", r.Tree() != noTree).Line("index").Int(&r.Index)
	l.Line("time").Time(&r.Time)
	l.Line("register").Int(&r.RegisterSize).Hash(&r.RegisterRoot)
	for _, line := range shapeOf(r.Kind).lines {
		line(r, l)
	}
}

// Text writes the record.
func (r *Record) Text() string { return form.Text(r) }

// Tree returns the log that the record's kind belongs to.
func (r *Record) Tree() Tree { return shapeOf(r.Kind).tree }

// parseRecord reads a record's text; a fault is TEXT_MALFORMED or OVERSIZE.
func parseRecord(text string) (*Record, error) { return form.Parse(text) }

// Tables lists the form of records for SPEC: the lines that all have, and then
// under "samband/record/v1 <kind>" those that a kind has besides.
func Tables() []signed.Table {
	all := form.Table(Record{})
	tables := []signed.Table{all}
	for _, s := range kinds {
		t := form.Table(Record{Kind: s.kind})
		tables = append(tables, signed.Table{Form: form.Title + " " + string(s.kind), Rows: t.Rows[len(all.Rows):]})
	}
	return tables
}
