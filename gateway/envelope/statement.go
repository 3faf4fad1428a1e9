package envelope

import (
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// An Event is what the log may say of a message: the one vocabulary of desks,
// broker and auditors. A desk signs the first four, in a [Statement].
type Event string

const (
	Consigned  Event = "consigned"   // the receiving desk keeps the sealed bytes durably
	HandedOver Event = "handed-over" // end: opened and valid, it lies in the desk's mailbox for its officers
	Refused    Event = "refused"     // end: the receiving desk could not take it, with a code
	Withdrawn  Event = "withdrawn"   // end: its sender took it back, by its id, so all texts of that id

	Accepted Event = "accepted" // the broker took it on for its recipient
	Expired  Event = "expired"  // end: nobody consigned it in time
	Lapsed   Event = "lapsed"   // end: it was consigned, and its recipient never said what came of it
	Rejected Event = "rejected" // the broker refused it for good

	// Erased speaks of no message: in a [Statement] a desk tells itself what it erased.
	Erased Event = "erased"
)

// ByTheClock reports whether the broker alone says so, by logged time: no desk signed
// it, so there is no note.
func (e Event) ByTheClock() bool { return e == Expired || e == Lapsed }

// ErasureList is how many bytes the sealed list of an erased statement has: one size
// for all, so that nobody sees how much was erased.
const ErasureList = 12 + 64*16 + 16

// A Statement is what a desk says of a message; or, of event Erased, what it alone can
// read.
type Statement struct {
	Exchange     signed.Hash
	Signer       signed.Address
	Event        Event        // Consigned in the one form; HandedOver, Refused, Withdrawn or Erased in the other
	Message      signed.Hash  // text hash; zero for Withdrawn and Erased
	ID           signed.ID    // for Withdrawn
	List         []byte       // for Erased: what only the signer opens, ErasureList bytes
	Code         problem.Code // for Refused
	Time         signed.Time  // by the signer's clock
	AsOfAudit    signed.Head
	AsOfRegister signed.Head
}

// Use is the use of the keys that sign the statement.
func (s *Statement) Use() signed.Use {
	if s.Event == Consigned {
		return signed.UseConsignment
	}
	return signed.UseStatement
}

// Forms of a statement. The online ring signs the first, the locked ring the
// second, so neither can say the other's words.
var (
	consignmentForm = signed.Form[Statement]{Title: "samband/consignment/v1", Lines: func(s *Statement, l *signed.Lines) {
		s.begin(l, Consigned)
		l.Line("message").Hash(&s.Message)
		s.end(l)
	}}
	statementForm = signed.Form[Statement]{Title: "samband/statement/v1", Check: (*Statement).check, Lines: func(s *Statement, l *signed.Lines) {
		s.begin(l, HandedOver, Refused, Withdrawn, Erased)
		l.When("unless `withdrawn` or `erased`", s.Event != Withdrawn && s.Event != Erased).Line("message").Hash(&s.Message)
		l.When("if `withdrawn`", s.Event == Withdrawn).Line("id").ID(&s.ID)
		l.When("if `refused`", s.Event == Refused).Line("code").Word((*string)(&s.Code))
		l.When("if `erased`", s.Event == Erased).Line("list").Bytes(&s.List, ErasureList)
		s.end(l)
	}}
)

func (s *Statement) begin(l *signed.Lines, events ...Event) {
	l.Exchange(&s.Exchange)
	l.Line("signer").Address(&s.Signer)
	signed.OneOf(l.Line("event"), &s.Event, events...)
}

func (s *Statement) end(l *signed.Lines) {
	l.Line("time").Time(&s.Time)
	l.Line("as-of").Head(&s.AsOfAudit)
	l.Line("as-of").Head(&s.AsOfRegister)
}

func (s *Statement) check() error {
	if s.Event == Refused && s.Code.Row().Class != problem.Final {
		return problem.New(problem.TextMalformed, "the code is not a final one of the closed list")
	}
	if s.Event == Erased && len(s.List) != ErasureList {
		return problem.New(problem.TextMalformed, "the list of what was erased has %d bytes, not %d", len(s.List), ErasureList)
	}
	return nil
}

// Text writes the statement.
func (s *Statement) Text() string {
	if s.Event == Consigned {
		return consignmentForm.Text(s)
	}
	return statementForm.Text(s)
}

// ParseStatement reads a statement's text, in either form.
func ParseStatement(text string) (*Statement, error) {
	if signed.FirstLine(text) == consignmentForm.Title {
		return consignmentForm.Parse(text)
	}
	return statementForm.Parse(text)
}

// ReadStatement reads a whole note that is a statement. It verifies no
// signature: that is the register's part.
func ReadStatement(note []byte) (*signed.Note, *Statement, error) {
	n, err := signed.ParseNote(note)
	if err != nil {
		return nil, nil, err
	}
	s, err := ParseStatement(n.Text)
	if err != nil {
		return nil, nil, err
	}
	return n, s, nil
}

// Tables lists the forms of this package for SPEC.
func Tables() []signed.Table {
	return []signed.Table{headerForm.Table(Header{}), consignmentForm.Table(Statement{}), statementForm.Table(Statement{})}
}
