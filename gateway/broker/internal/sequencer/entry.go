package sequencer

import (
	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// An Entry is a signed note for the register. It ends its group, so whatever
// comes after it is decided by a register that is committed.
type Entry struct{ Note []byte }

func (a Entry) bytes() int { return len(a.Note) }

func (a Entry) order(d *draft) (Done, error) {
	if err := d.s.cfg.Register.Check(a.Note); err != nil {
		return Done{}, err
	}
	d.entry = a.Note
	return Done{Event: d.add(auditlog.Record{Kind: auditlog.Entered, Entry: a.Note})}, nil
}

// A Rejection logs a final refusal: of a header's text, which gets the same
// answer until it expires, or of bytes that had none.
type Rejection struct {
	Caller signed.Address
	Text   signed.Hash
	Code   problem.Code
	Until  signed.Time // zero: it binds nobody
}

func (a Rejection) bytes() int { return 0 }

// order logs the refusal, unless the caller's text was accepted meanwhile, as one
// with other signatures may be: then it is the message that stands.
func (a Rejection) order(d *draft) (Done, error) {
	m, err := d.message(a.Text)
	if err != nil {
		return Done{}, err
	}
	if m != nil && m.From == a.Caller {
		return Done{m.Accepted, m}, nil
	}
	r := rejection{a.Caller, a.Text}
	if before, err := d.rejected(r); before != nil || err != nil {
		return Done{Event: before}, err
	}
	until := envelope.RefusedUntil(a.Until, d.now)
	event := d.add(auditlog.Record{Kind: envelope.Rejected, Caller: a.Caller, TextHash: a.Text, Code: a.Code, Until: until})
	if d.now.Before(until) {
		d.changed.rejected[r] = event
	}
	return Done{Event: event}, nil
}

// A Tally logs how many more submissions of a caller were refused beyond its
// budget.
type Tally struct {
	Caller signed.Address
	Count  int64
}

func (a Tally) bytes() int { return 0 }

func (a Tally) order(d *draft) (Done, error) {
	return Done{Event: d.add(auditlog.Record{Kind: auditlog.Refusals, Caller: a.Caller, Count: a.Count})}, nil
}
