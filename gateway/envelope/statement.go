package envelope

import (
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Forms of the two statements.
const (
	ConsignmentForm = "samband/consignment/v1"
	StatementForm   = "samband/statement/v1"
)

// A Consignment says that the receiving desk holds the sealed bytes of a
// message durably. The online ring signs it, so a locked desk can.
type Consignment struct {
	Exchange     signed.Hash
	Signer       signed.Address
	Message      signed.Hash // text hash
	Time         signed.Time // by the signer's clock
	AsOfAudit    signed.Head
	AsOfRegister signed.Head
}

// Text writes the consignment.
func (c *Consignment) Text() string {
	w := signed.NewWriter(ConsignmentForm, c.Exchange)
	w.Line("signer", string(c.Signer))
	w.Line("event", "consigned")
	w.Line("message", c.Message.String())
	w.Line("time", c.Time.String())
	w.Line("as-of", c.AsOfAudit.Values()...)
	w.Line("as-of", c.AsOfRegister.Values()...)
	return w.Text()
}

// ParseConsignment reads a consignment's text.
func ParseConsignment(text string) (*Consignment, error) {
	r := signed.NewReader(text, ConsignmentForm)
	c := &Consignment{Exchange: r.Exchange()}
	c.Signer = r.Address(one(r, "signer"))
	oneOf(r, one(r, "event"), "consigned")
	c.Message = r.Hash(one(r, "message"))
	c.Time = r.Time(one(r, "time"))
	c.AsOfAudit, c.AsOfRegister = asOf(r), asOf(r)
	return c, r.Close(text, c.Text())
}

// An Event is what a statement says became of a message.
type Event string

const (
	HandedOver Event = "handed-over" // by the receiver: opened, valid, in an officer's view
	Refused    Event = "refused"     // by the receiver: unreadable or invalid, with a code
	Withdrawn  Event = "withdrawn"   // by the sender, of an id: all its attempts
)

// A Statement ends a message. The locked ring's Ed25519 key signs it.
type Statement struct {
	Exchange     signed.Hash
	Signer       signed.Address
	Event        Event
	Message      signed.Hash  // text hash; for handed-over and refused
	ID           signed.ID    // for withdrawn
	Code         problem.Code // for refused
	Time         signed.Time  // by the signer's clock
	AsOfAudit    signed.Head
	AsOfRegister signed.Head
}

// Text writes the statement.
func (s *Statement) Text() string {
	w := signed.NewWriter(StatementForm, s.Exchange)
	w.Line("signer", string(s.Signer))
	w.Line("event", string(s.Event))
	if s.Event == Withdrawn {
		w.Line("id", s.ID.String())
	} else {
		w.Line("message", s.Message.String())
	}
	if s.Event == Refused {
		w.Line("code", string(s.Code))
	}
	w.Line("time", s.Time.String())
	w.Line("as-of", s.AsOfAudit.Values()...)
	w.Line("as-of", s.AsOfRegister.Values()...)
	return w.Text()
}

// ParseStatement reads a statement's text.
func ParseStatement(text string) (*Statement, error) {
	r := signed.NewReader(text, StatementForm)
	s := &Statement{Exchange: r.Exchange()}
	s.Signer = r.Address(one(r, "signer"))
	s.Event = Event(oneOf(r, one(r, "event"), string(HandedOver), string(Refused), string(Withdrawn)))
	if s.Event == Withdrawn {
		s.ID = r.ID(one(r, "id"))
	} else {
		s.Message = r.Hash(one(r, "message"))
	}
	if s.Event == Refused {
		s.Code = problem.Code(r.Word(one(r, "code")))
		if row, _ := problem.Lookup(s.Code); row.Class != problem.Final {
			r.Fail(problem.New(problem.TextMalformed, "the code is not a final one of the closed list"))
		}
	}
	s.Time = r.Time(one(r, "time"))
	s.AsOfAudit, s.AsOfRegister = asOf(r), asOf(r)
	return s, r.Close(text, s.Text())
}

// Seen returns who signed a consignment or statement, and the head of the audit
// log that the signer had verified by then. The signature is not verified.
func Seen(note []byte) (signer signed.Address, audit signed.Head, err error) {
	n, err := signed.ParseNote(note)
	if err != nil {
		return "", audit, err
	}
	if signed.FormOf(n.Text) == ConsignmentForm {
		c, err := ParseConsignment(n.Text)
		if err != nil {
			return "", audit, err
		}
		return c.Signer, c.AsOfAudit, nil
	}
	s, err := ParseStatement(n.Text)
	if err != nil {
		return "", audit, err
	}
	return s.Signer, s.AsOfAudit, nil
}
