package desk

import (
	"errors"
	"fmt"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// proven reads a proof that came with a lesson: its record stands in the log
// under the lesson's head, is of this exchange and of the kind expected, and was
// decided under a register that is a prefix of ours and no older than it may be.
func (d *Desk) proven(next *lesson, proof string, kind auditlog.Kind) (*auditlog.Record, error) {
	if proof == "" {
		return nil, problem.New(problem.ProofMissing, "no proof that the message was %s", kind)
	}
	p, err := auditlog.ParseProof([]byte(proof))
	if err != nil {
		return nil, err
	}
	r, head, err := p.Verify(next.logs.register.Federation().Audit)
	switch {
	case err != nil:
		return nil, err
	case head != next.logs.audit:
		return nil, problem.New(problem.ProofInvalid, "the proof stands under another checkpoint than its answer's")
	case r.Exchange != next.logs.register.Exchange():
		return nil, problem.New(problem.ProofInvalid, "the proven record is of another exchange")
	case r.Kind != kind:
		return nil, problem.New(problem.ProofInvalid, "the proven record is of kind %s, not %s", r.Kind, kind)
	}
	return r, d.recent(next, r)
}

// recent holds that a record was not decided under a register older than one
// that this desk had seen before the record was written: else a broker could
// keep an old register alive for a stolen key.
func (d *Desk) recent(next *lesson, r *auditlog.Record) error {
	at := signed.Head{Origin: next.logs.register.Head().Origin, Size: r.RegisterSize, Root: r.RegisterRoot}
	if err := next.logs.register.CheckHead(at); err != nil || r.RegisterSize < 1 {
		return problem.New(problem.ProofInvalid, "the record's register at size %d is not this exchange's", r.RegisterSize)
	}
	var seen int64
	err := d.store.View(func(tx *store.Tx) (err error) {
		seen, err = tx.RegisterSeenBefore(r.Index)
		return err
	})
	if err != nil {
		return err
	}
	if r.RegisterSize < seen {
		return problem.New(problem.RegisterTooOld, "decided under register size %d; this desk had seen %d before", r.RegisterSize, seen)
	}
	return nil
}

// accepted reads the proof that a message was accepted (SPEC §5, steps 2 and 3).
func (d *Desk) accepted(next *lesson, e *envelope.Envelope, proof string) (*auditlog.Record, error) {
	r, err := d.proven(next, proof, envelope.Accepted)
	if err != nil {
		return nil, err
	}
	same := r.Message == e.TextHash() && r.ID == e.ID && r.From == e.From && r.To == e.To &&
		r.Type == e.Type.Name && r.Urgency == e.Urgency && r.Expires == e.Expires
	if !same {
		return nil, problem.New(problem.ProofInvalid, "the proven acceptance is of another message")
	}
	if r.RegisterSize < e.AsOfRegister.Size {
		return nil, problem.New(problem.RegisterTooOld, "decided under register size %d; its sender had seen %d", r.RegisterSize, e.AsOfRegister.Size)
	}
	return r, nil
}

// errNoNote says that a broker let a statement go, as it may once its sender has
// stored it. What it said can't be verified any more, and nobody is to blame.
var errNoNote = errors.New("the broker no longer has the statement itself")

// became verifies what is said to have become of a message: the proof, that the
// record binds this very note, and the note's own signature by the one who may
// say it, with the keys in force at the record's register. Without the last a
// broker could invent a handover: it is STATEMENT_FORGED.
func (d *Desk) became(next *lesson, h *envelope.Header, message signed.Hash, f *api.Fact) (store.Fact, error) {
	own := f.Event == envelope.Consigned && h.To == d.Address() // our word: the record alone will do
	if len(f.Note) == 0 && f.Event != envelope.Expired && !own {
		return store.Fact{}, fmt.Errorf("%s of message %s: %w", f.Event, message, errNoNote)
	}
	r, err := d.proven(next, f.Proof, envelope.Event(f.Event))
	if err != nil {
		return store.Fact{}, err
	}
	v := said{next: next, header: h, message: message, note: f.Note, record: r}
	switch f.Event {
	case envelope.Consigned:
		err = v.consignment()
	case envelope.HandedOver, envelope.Refused, envelope.Withdrawn:
		err = v.statement()
	case envelope.Expired:
		err = v.expiry()
	default:
		err = problem.New(problem.ProofInvalid, "an event is none of this version")
	}
	return factOf(message, r, f.Note, f.Proof), err
}

// oneLog holds that this desk's audit log extends the one that the other desk
// knew when it signed: a broker that shows two histories is found out by the
// first note that crosses between them. A desk's own words were signed under its
// own log.
func (d *Desk) oneLog(next *lesson, f *api.Fact) error {
	if len(f.Note) == 0 {
		return nil
	}
	_, s, err := envelope.ReadStatement(f.Note)
	if err != nil || s.Signer == d.Address() {
		return err
	}
	return auditlog.CheckConsistency(s.AsOfAudit, next.logs.audit, f.Consistency)
}

func factOf(message signed.Hash, r *auditlog.Record, note []byte, proof string) store.Fact {
	return store.Fact{
		Message: message, Event: string(r.Kind), Note: note, Proof: []byte(proof),
		Index: r.Index, Time: r.Time, Register: r.RegisterSize, Code: r.Code,
	}
}

// said is a statement about a message, with the record that binds it.
type said struct {
	next    *lesson
	header  *envelope.Header
	message signed.Hash
	note    []byte
	record  *auditlog.Record
}

func (v *said) consignment() error {
	if v.record.By != v.header.To || v.record.Message != v.message {
		return problem.New(problem.ProofInvalid, "the proven consignment is of another message or desk")
	}
	if len(v.note) == 0 {
		return nil
	}
	n, c, err := envelope.ReadStatement(v.note)
	if err != nil {
		return forged(err)
	}
	if c.Event != envelope.Consigned || c.Message != v.message || c.Signer != v.header.To {
		return problem.New(problem.StatementForged, "the consignment is of another message or desk")
	}
	if err := v.bound(v.message, c.AsOfRegister); err != nil {
		return err
	}
	if err := v.next.logs.register.At(v.record.RegisterSize).VerifyStatement(n, c); err != nil {
		return forged(err)
	}
	return nil
}

func (v *said) statement() error {
	n, s, err := envelope.ReadStatement(v.note)
	if err != nil {
		return forged(err)
	}
	message := v.message
	by, speaker := v.record.By, v.header.To
	if s.Event == envelope.Withdrawn {
		by, speaker = v.record.From, v.header.From
		if v.record.Message == (signed.Hash{}) {
			message = signed.Hash{}
		}
	}
	same := string(s.Event) == string(v.record.Kind) && s.Signer == speaker && by == speaker &&
		s.Code == v.record.Code && s.ID == v.record.ID
	if s.Event == envelope.Withdrawn {
		same = same && s.ID == v.header.ID
	} else {
		same = same && s.Message == v.message
	}
	if !same {
		return problem.New(problem.StatementForged, "the statement is of another message, desk or event than its record")
	}
	if err := v.bound(message, s.AsOfRegister); err != nil {
		return err
	}
	if err := v.next.logs.register.At(v.record.RegisterSize).VerifyStatement(n, s); err != nil {
		return forged(err)
	}
	return nil
}

// bound holds that the record binds this note and message, and rests on a
// register no older than the signer's.
func (v *said) bound(message signed.Hash, asOf signed.Head) error {
	if v.record.Message != message || v.record.Statement != signed.HashOf(v.note) {
		return problem.New(problem.ProofInvalid, "the proven record binds another statement")
	}
	if v.record.RegisterSize < asOf.Size {
		return problem.New(problem.RegisterTooOld, "decided under register size %d; its signer had seen %d", v.record.RegisterSize, asOf.Size)
	}
	return nil
}

func (v *said) expiry() error {
	if v.record.Message != v.message || v.record.Time.Before(v.header.Expires) {
		return problem.New(problem.ProofInvalid, "the proven expiry is of another message, or before its time")
	}
	return nil
}

// errEarly says that the log is ahead of this desk's clock. Which of the two is
// right nobody can prove, so it is no evidence.
var errEarly = errors.New("later than this desk's clock")

// timely holds that an end by the broker's time alone is not before its time by
// this desk's clock: else a broker could end what it likes by a lie about the
// hour. Where the clocks disagree the end waits, and the offset is shown.
func (d *Desk) timely(event string, at signed.Time) error {
	offset := at.Go().Sub(d.now())
	if offset <= maxOffset {
		return nil
	}
	d.metrics.offset.Set(offset.Seconds())
	return fmt.Errorf("the log says %s at %s: %w", event, at, errEarly)
}

// forged dresses up what is wrong with a statement's own text or signature.
func forged(err error) error {
	return problem.New(problem.StatementForged, "%v", err)
}
