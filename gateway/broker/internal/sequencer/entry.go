package sequencer

import (
	"strings"

	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// An Entry is a signed note for the register. It ends its group, so whatever
// comes after it is decided by a register that is committed.
type Entry struct {
	Note   []byte
	Caller signed.Address // the desk that carries it; "" for the broker's own operator
}

func (a Entry) bytes() int { return len(a.Note) }

// order enters it. What a desk carries and the register has already gets its place again,
// and its refusal is logged.
func (a Entry) order(d *groupDraft) (journal.Done, error) {
	if a.Caller == "" {
		return a.enter(d)
	}
	if index, ok := d.s.cfg.Register.Find(a.Note); ok {
		return InRegister(index), nil
	}
	done, err := a.enter(d)
	return d.logged(Rejection{Caller: a.Caller, Bytes: envelope.HashOfBytes(a.Note), Ring: quota.Online}, done, err)
}

// InRegister is what answers an entry that the register has at a place.
func InRegister(index int64) journal.Done {
	return journal.Done{Event: &journal.Event{Kind: auditlog.Entered, Leaf: index}, Known: true}
}

func (a Entry) enter(d *groupDraft) (journal.Done, error) {
	if err := d.s.cfg.Register.Check(a.Note); err != nil {
		return journal.Done{}, err
	}
	e, err := register.ReadEntry(a.Note)
	if err != nil {
		return journal.Done{}, err
	}
	_, revokes := e.(*register.Revocation)
	if a.Caller != "" && !revokes { // the room that is left is for ends, and for revocations
		if err := d.s.Room(); err != nil {
			return journal.Done{}, err
		}
	}
	clock, restarts := e.(*register.Clock)
	if restarts {
		if err := d.restarts(clock); err != nil {
			return journal.Done{}, err
		}
	}
	if err := pays(d, e, revokes); err != nil {
		return journal.Done{}, err
	}
	if restarts { // logged time goes on from an earlier moment
		d.now, d.restart = clock.Time, clock.Time
	}
	d.entry = a.Note
	return journal.Done{Event: d.add(auditlog.Record{Kind: auditlog.Entered, Entry: a.Note})}, nil
}

// pays takes an entry from the quota of the party that signed it. What the founders
// sign together is nobody's alone.
func pays(d *groupDraft, e register.Entry, revokes bool) error {
	signers := register.ChainLink(e).Signers
	if len(signers) != 1 || strings.Contains(signers[0], "/") {
		return nil
	}
	return d.quota.Enter(signers[0], revokes)
}

// A Rejection logs a final refusal. It is of a header's text where the sender signed that:
// whatever signatures come with the text, it gets the same answer until it expires. Else it
// is of these bytes alone: of an envelope, until that expires, of others for now. So nobody
// but its sender makes a text refused, and a signature that a disk or a line bent refuses no
// more than the bent bytes.
type Rejection struct {
	Caller    signed.Address
	Bytes     signed.Hash        // of what came, by envelope.HashOfBytes
	Envelope  *envelope.Envelope // nil: it is none
	CheckedAt int64              // the register's size at which the envelope's signatures were verified; 0: they were not
	Signed    bool               // they were good
	Problem   *problem.Problem
	Ring      quota.Ring // whose budget it takes
}

func (a Rejection) bytes() int { return 0 }

// order logs the refusal and returns it, with its entry. A caller's text that was
// accepted meanwhile, as one with other signatures may be, is not refused any more:
// then it is the message that stands. A repeat gets the entry of its first refusal, and
// takes nothing from the budget: it orders nothing.
func (a Rejection) order(d *groupDraft) (journal.Done, error) {
	if done, err := a.stands(d); done.Event != nil || err != nil {
		return done, err
	}
	if err := d.s.Room(); err != nil { // for the entry: then there is no refusal either
		return journal.Done{}, err
	}
	good := a.signedNow(d)
	if good && !a.Signed {
		return journal.Done{}, problem.New(problem.BrokerBusy, "the register grew while the signatures were verified, and has their keys now")
	}
	if err := d.quota.Refuse(a.Caller, a.Ring); err != nil {
		return journal.Done{}, err
	}
	name, until := a.Bytes, d.now
	if a.Envelope != nil {
		until = envelope.RefusedUntil(a.Envelope.Expires, d.now)
	}
	if good {
		name = a.Envelope.TextHash()
	}
	event := d.add(auditlog.Record{Kind: envelope.Rejected, Caller: a.Caller, TextHash: name, Code: a.Problem.Code, Until: until})
	if d.now.Before(until) {
		d.changed.rejected[rejection{a.Caller, name}] = event
	}
	return journal.Done{Event: event}, a.Problem
}

// signedNow reports whether an envelope's sender brought it and signed it, by the register
// that the refusal's record will name: the sender will ask that of the record.
func (a Rejection) signedNow(d *groupDraft) bool {
	if a.Envelope == nil || a.Envelope.From != a.Caller {
		return false
	}
	if a.CheckedAt == d.view.Size() {
		return a.Signed
	}
	return d.view.VerifyMessage(a.Envelope) == nil
}

// stands is what answers an envelope already.
func (a Rejection) stands(d *groupDraft) (journal.Done, error) {
	if a.Envelope == nil {
		return journal.Done{}, nil
	}
	text := a.Envelope.TextHash()
	m, err := d.message(a.Caller, text)
	if err != nil {
		return journal.Done{}, err
	}
	if m != nil && m.From == a.Caller {
		return journal.Done{Event: m.Accepted, Message: m, Known: true}, nil
	}
	before, err := d.rejected(a.Caller, text, a.Bytes)
	if before == nil || err != nil {
		return journal.Done{}, err
	}
	return journal.Done{Event: before, Known: true}, Before(before)
}

// Before is the refusal that a text, or bytes, had, for its repeat.
func Before(e *journal.Event) *problem.Problem {
	return problem.New(e.Code, "it was refused before")
}

// logged gives the final refusal of an act its entry, in the act's own place, as a
// that names all but the problem. Other results pass as they are.
func (d *groupDraft) logged(a Rejection, done journal.Done, err error) (journal.Done, error) {
	p, refused := problem.Of(err)
	if done.Known || !refused || p.Class() != problem.Final {
		return done, err
	}
	a.Problem = p
	out, err := a.order(d)
	if out.Message == nil {
		out.Message, out.Stands = done.Message, done.Stands
	}
	return out, err
}

// A quiet act logs that the broker is at work, unless that shows by now.
type quiet struct{}

func (a quiet) bytes() int { return 0 }

func (a quiet) order(d *groupDraft) (journal.Done, error) {
	if len(d.leaves[auditlog.Audit]) > 0 || !d.s.isQuiet() {
		return journal.Done{}, nil
	}
	return journal.Done{Event: d.add(auditlog.Record{Kind: auditlog.Quiet})}, nil
}

// A Tally logs how many more submissions of a caller were refused beyond its
// budget.
type Tally struct {
	Caller signed.Address
	Count  int64
}

func (a Tally) bytes() int { return 0 }

func (a Tally) order(d *groupDraft) (journal.Done, error) {
	return journal.Done{Event: d.add(auditlog.Record{Kind: auditlog.Refusals, Caller: a.Caller, Count: a.Count})}, nil
}
