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
	Rejected Event = "rejected" // the broker refused it for good
)

// Ends reports whether nothing more can happen to a message after the event.
func (e Event) Ends() bool {
	switch e {
	case HandedOver, Refused, Withdrawn, Expired, Rejected:
		return true
	}
	return false
}

// Forms of a statement. The online ring signs the first, the locked ring the
// second, so neither can say the other's words.
const (
	ConsignmentForm = "samband/consignment/v1"
	StatementForm   = "samband/statement/v1"
)

// A Statement is what a desk says of a message.
type Statement struct {
	Exchange     signed.Hash
	Signer       signed.Address
	Event        Event        // Consigned in the one form; HandedOver, Refused or Withdrawn in the other
	Message      signed.Hash  // text hash; zero for Withdrawn
	ID           signed.ID    // for Withdrawn
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

func (s *Statement) form() string {
	if s.Event == Consigned {
		return ConsignmentForm
	}
	return StatementForm
}

// Text writes the statement.
func (s *Statement) Text() string {
	w := signed.NewWriter(s.form(), s.Exchange)
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

// ParseStatement reads a statement's text, in either form.
func ParseStatement(text string) (*Statement, error) {
	form, events := StatementForm, []string{string(HandedOver), string(Refused), string(Withdrawn)}
	if signed.FormOf(text) == ConsignmentForm {
		form, events = ConsignmentForm, []string{string(Consigned)}
	}
	r := signed.NewReader(text, form)
	s := &Statement{Exchange: r.Exchange()}
	s.Signer = r.Address(one(r, "signer"))
	s.Event = Event(oneOf(r, one(r, "event"), events...))
	if s.Event == Withdrawn {
		s.ID = r.ID(one(r, "id"))
	} else {
		s.Message = r.Hash(one(r, "message"))
	}
	if s.Event == Refused {
		s.Code = problem.Code(r.Word(one(r, "code")))
		if s.Code.Row().Class != problem.Final {
			r.Fail(problem.New(problem.TextMalformed, "the code is not a final one of the closed list"))
		}
	}
	s.Time = r.Time(one(r, "time"))
	s.AsOfAudit, s.AsOfRegister = asOf(r), asOf(r)
	return s, r.Close(text, s.Text())
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
