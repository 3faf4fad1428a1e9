// Package journal has the nouns of what was ordered: the groups of JOURNAL, the
// messages, and what the audit log says of them. The writer makes them, the index
// finds them again, and both speak of the same.
package journal

import (
	"samband/gateway/auditlog"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Message is what is known of one id of one sender: a text that was accepted,
// or an id that was withdrawn before any. It is never changed; what happens to
// it makes another.
type Message struct {
	From         signed.Address
	ID           signed.ID
	Text         signed.Hash // of the accepted header; zero: withdrawn before one came
	To           signed.Address
	Type         string
	Urgency      string
	Conversation signed.ID // zero: not known any more
	Expires      signed.Time
	Size         int64 // of its envelope, in bytes; zero: not known any more
	Wanted       bool  // the receiving desk asks for the bytes again

	Accepted  *Event // nil where Text is zero
	Consigned *Event
	End       *Event
}

// An Event is one entry of the audit log, and where it lies.
type Event struct {
	Leaf      int64
	Kind      auditlog.Kind
	Time      signed.Time
	Group     uint64 // the group that it came in
	Place     int    // as which of the group's records
	Blob      *Place // the envelope that it accepts; nil: none, or lost
	Statement signed.Hash
	Code      problem.Code
}

// A Place is where an envelope lies in JOURNAL.
type Place struct {
	Group uint64
	Blob  int
}

// Broker stands for a desk where the broker itself looks a message up: it sees all.
const Broker signed.Address = ""

// Of reports whether a desk sent or received the message.
func (m *Message) Of(desk signed.Address) bool {
	return desk == Broker || desk == m.From || desk == m.To
}

// Open reports whether the message was accepted and has not ended.
func (m *Message) Open() bool { return m != nil && m.Accepted != nil && m.End == nil }

// LacksBytes reports whether a repeat of the message is to be stored.
func (m *Message) LacksBytes() bool {
	return m.Open() && m.Accepted.Blob == nil && (m.Consigned == nil || m.Wanted)
}

// Done is what came of an act.
type Done struct {
	Event   *Event   // the entry that answers the caller: of what it asked for, or of its refusal
	Message *Message // as it stands now
	Stands  *Event   // with a refusal: the consignment or end that came first
	Known   bool     // the entry was ordered before this act
}

// A Result is what came of an act: with an error nothing was ordered for it, but
// for the entry that Done names.
type Result struct {
	Done Done
	Err  error
}
