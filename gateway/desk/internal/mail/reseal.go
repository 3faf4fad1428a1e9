package mail

import (
	"errors"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// moved reports whether the register has grown since a message was sealed. Where
// it has not, sealing anew would change nothing: the same bytes go again.
func (m *Room) moved(e *envelope.Envelope) bool {
	return m.logs.Load().Register().Size() > e.AsOfRegister.Size
}

// whole sees that the broker gets what this desk signed: it verifies the signatures of a
// queued message by the register, and where a disk or a memory has bent one, it signs the
// same text again. Those bytes the broker would refuse for good, and nobody could tell whose
// fault it was. Signatures by other keys than the register names here are the broker's to
// judge: it may know a newer register.
func (o *outbox) whole(s *submission) (step, error) {
	view := o.logs.Load().View()
	switch problem.CodeOf(view.VerifyMessage(s.Envelope)) {
	case problem.SignatureMissing, problem.SignatureExtra, problem.SignatureInvalid:
	default:
		return nil, nil
	}
	var anew *envelope.Envelope
	err := o.withRing(func(ring *keys.Locked) (err error) {
		anew, err = envelope.Sign(s.Header, s.Sealed, ring.Message)
		return err
	})
	if err != nil || view.VerifyMessage(anew) != nil {
		return nil, err
	}
	o.Log.Warn("the signatures of a queued message were damaged, and it is signed again", "id", s.Row.ID)
	s.Envelope, s.bytes = anew, anew.Bytes()
	return func(c *change) error { return c.PutNote(s.Row.TextHash, anew.Note.Bytes()) }, nil
}

// early reports whether a message was made by a clock that was fast, and that is right
// now: its dates are to come by this desk's own clock.
func (m *Room) early(e *envelope.Envelope) bool {
	return m.Now().Add(maxOffset).Before(e.Created.AsTime())
}

// redate gives a message that was made by a clock that was fast the dates of now. Its
// expiry stays, where it may; else it lives as long as it was to.
func redate(h *envelope.Header, now signed.Time) {
	life := h.Expires.Sub(h.Created)
	if h.Created = now; h.Expires.Sub(now) > envelope.MaxLifetime {
		h.Expires = now.Add(life)
	}
}

// reseal makes a queued message anew under its id, with the register as it is
// now. The earlier texts are kept. Locked, it waits to be unlocked, and shows what
// it was refused with. It waits too while the recipient's opening key is none:
// the recipient's party may enter another.
func (o *outbox) reseal(r store.Row, e *envelope.Envelope, refusal error) error {
	made, err := o.sealAnew(e)
	p, refused := problem.Of(err)
	var s step
	switch {
	case err == nil:
		o.Log.Info("message sealed anew", "id", r.ID, "code", r.Code)
		defer wake(o.worker())
		s = func(c *change) error { return c.anew(r.Seq, made) }
	case refused && p.Code != problem.DeskLocked && p.Code != problem.EntryInvalid && p.Class() == problem.Final:
		s = func(c *change) error { return c.reject(r.Seq, store.ProvenEvent{}, p) }
		err = nil
	default:
		shown := err
		if refused && p.Code == problem.DeskLocked {
			shown, err = refusal, nil // unlocking wakes us
		}
		q, ok := problem.Of(shown)
		if !ok {
			return err
		}
		s = func(c *change) error { return c.waits(r.Seq, q, "") }
	}
	return errors.Join(err, o.write(synced, nil, s))
}

func (o *outbox) sealAnew(e *envelope.Envelope) (made *Sealed, err error) {
	content, err := o.Content(e)
	if err != nil {
		return nil, err
	}
	l, h := o.logs.Load(), e.Header
	ref, t, err := o.TypeNamed(l, h.Type.Name)
	if err != nil {
		return nil, err
	}
	if err := t.Validate(content.Body); err != nil {
		return nil, err
	}
	to, ok := l.View().Desk(h.To)
	if !ok {
		return nil, problem.New(problem.UnknownDesk, "%s is no desk in the register", h.To)
	}
	h.Type, h.ToKey, h.AsOfAudit, h.AsOfRegister = ref, to.OpeningID(), l.Audit(), l.Register().Head()
	now := signed.At(o.Now())
	if o.early(e) {
		redate(&h, now)
	}
	if err := l.View().Decide(&h, now); err != nil {
		return nil, err
	}
	err = o.withRing(func(ring *keys.Locked) (err error) {
		made, err = o.Seal(ring, l, h, content)
		return err
	})
	return made, err
}

// anew makes a text the newest of a queued message.
func (c *change) anew(seq int64, made *Sealed) error {
	r, err := c.Row(seq)
	if err != nil || r.State != client.Queued {
		return err
	}
	if err := made.keep(c.Tx); err != nil {
		return err
	}
	if err := c.AddAttempt(&r, made.TextHash); err != nil {
		return err
	}
	r.TextHash, r.Code, r.Detail = made.TextHash, "", ""
	return c.Put(&r)
}

// reject ends a message that will never be accepted: the broker refused it for
// good, which f proves, or it can't be sealed anew, which needs no proof.
func (c *change) reject(seq int64, f store.ProvenEvent, p *problem.Problem) error {
	r, err := c.Row(seq)
	if err != nil || !store.Follows(client.Rejected, r.State) {
		return err
	}
	if f.Event != "" {
		if err := c.PutProven(f); err != nil {
			return err
		}
	}
	r.State, r.Code, r.Detail = client.Rejected, p.Code, p.Detail
	if err := c.Put(&r); err != nil {
		return err
	}
	if err := c.weigh(seq); err != nil {
		return err
	}
	return c.Log(c.room.Entry("rejected", "message "+r.ID.String(), p))
}
