package desk

import (
	"context"
	"errors"

	"samband/gateway/api"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/gateway/verify"
	"samband/schema"
)

// ofConnection are final codes that speak of this desk's connection and not of
// the message: it stays queued until somebody has put that right.
var ofConnection = map[problem.Code]bool{
	problem.CertificateRefused: true,
	problem.CertificateWrong:   true,
	problem.DeskBarred:         true,
	problem.NotFound:           true,
}

// notAccepted takes in a refusal of a submission, under the answer's catchup; nil
// where the whole call is refused. A nil result means that the refusal is dealt with.
// d.calls is held.
func (d *Desk) notAccepted(ctx context.Context, l *verify.Logs, o store.OutboxItem, e *envelope.Envelope, c *api.Catchup, err error) error {
	p, ok := problem.Of(err)
	switch {
	case !ok:
		return err
	case ofConnection[p.Code] || p.Class() == problem.Retry:
		return errors.Join(err, d.stillQueued(o, err))
	case p.Class() == problem.Reseal && o.State != store.Queued: // the log says that it was accepted
		return errors.Join(err, d.stillQueued(o, err))
	case p.Class() == problem.Reseal:
		moved, failed := d.moved(ctx, e)
		if !moved {
			return errors.Join(err, failed, d.stillQueued(o, err))
		}
		return d.reseal(o, e, err)
	}
	r := api.RefusalOf(err)
	if own, err := d.earlierAttempt(o, r); own || err != nil {
		return err
	}
	if r.End != nil && c != nil {
		return d.endedBefore(ctx, l, o, e, c, r)
	}
	return d.rejected(ctx, l, o, e, c, r)
}

// endedBefore takes in the end of a message that this desk thought queued: it was
// withdrawn, and this desk's disk has forgotten it.
func (d *Desk) endedBefore(ctx context.Context, l *verify.Logs, o store.OutboxItem, e *envelope.Envelope, c *api.Catchup, r *api.Refusal) error {
	next, err := d.learn(ctx, l, c)
	if err != nil {
		return errors.Join(err, d.stillQueued(o, err))
	}
	fact, err := d.believe(next, &e.Header, o.Message, r.End)
	if err != nil {
		return errors.Join(err, d.take(next, unsynced, nothing))
	}
	return d.take(next, unsynced, func(tx *store.Tx) error { return d.advance(tx, o.ID, []store.Fact{fact}) })
}

// earlierAttempt recognises an ID_REUSED that names an earlier text of our own:
// that one was accepted and we never heard. It is sent again, and gets its first
// acceptance.
func (d *Desk) earlierAttempt(o store.OutboxItem, r *api.Refusal) (bool, error) {
	if r.Problem.Code != problem.IDReused || r.Accepted == o.Message {
		return false, nil
	}
	own := false
	err := d.store.Update(func(tx *store.Tx) error {
		id, err := tx.AttemptOf(r.Accepted)
		if errors.Is(err, store.ErrNotFound) || err == nil && id != o.ID {
			return nil
		}
		if err != nil {
			return err
		}
		own = true
		if err := tx.SetAttempt(o.ID, r.Accepted); err != nil {
			return err
		}
		return tx.SetOutbox(o.ID, store.Queued, "", "")
	})
	if own {
		wake(d.workers.outbox)
	}
	return own, err
}

// rejected ends a message that the broker refused for good. The refusal must
// bring the proof that it is logged: without it a broker could say no to the
// sender and deliver all the same. What lacks it, or is false, ends nothing.
func (d *Desk) rejected(ctx context.Context, l *verify.Logs, o store.OutboxItem, e *envelope.Envelope, c *api.Catchup, r *api.Refusal) error {
	p := r.Problem
	d.log.Warn("message refused by the broker", "id", o.ID, "code", p.Code, "problem", p.Detail)
	if r.Proof == "" || c == nil {
		err := problem.New(problem.ProofMissing, "refused by %s, and no entry of the log is shown for it", p.Code)
		return errors.Join(err, d.stillQueued(o, err))
	}
	next, err := d.learn(ctx, l, c)
	if err != nil {
		return errors.Join(err, d.stillQueued(o, err))
	}
	subject, shown := "message "+o.Message.String(), map[string][]byte{"refusal": []byte(r.Proof), "checkpoint": next.Checkpoint}
	refusal, err := next.Refusal(e, []byte(r.Proof))
	switch {
	case err != nil:
	case refusal.Record.Code != p.Code:
		err = breach(subject, shown, problem.ProofInvalid, "the proven refusal is of code %s, not %s", refusal.Record.Code, p.Code)
	case o.State != store.Queued:
		err = breach(subject, shown, problem.AlreadyEnded, "the log says rejected, and it says %s", o.State)
	}
	if err != nil {
		d.accuse(err)
		return errors.Join(err, d.take(next, unsynced, nothing), d.stillQueued(o, err))
	}
	if err := d.timely(string(envelope.Rejected), refusal.Record.Time); err != nil {
		return errors.Join(err, d.take(next, unsynced, nothing), d.waits(o, err.Error()))
	}
	fact := factOf(o.Message, refusal)
	return d.take(next, synced, func(tx *store.Tx) error {
		if err := tx.PutFact(fact); err != nil {
			return err
		}
		if err := tx.SetOutbox(o.ID, store.Rejected, p.Code, p.Detail); err != nil {
			return err
		}
		return tx.Log(d.entry("rejected", "message "+o.ID.String(), p))
	})
}

// refusedBefore keeps as evidence that the log proves something else of a message
// whose refusal it proved before. The message's true state wins (advance).
func (d *Desk) refusedBefore(f store.Fact) error {
	var refusal store.Fact
	err := d.store.View(func(tx *store.Tx) (err error) {
		refusal, err = tx.Fact(f.Message, string(envelope.Rejected))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	d.accuse(breach("message "+f.Message.String(),
		map[string][]byte{"refusal": refusal.Proof, "event": []byte(f.Event), "note": f.Note, "proof": f.Proof},
		problem.AlreadyEnded, "the log says %s, and before it said rejected", f.Event))
	return nil
}

// moved reports whether the register has grown since a message was sealed. Where
// it has not, sealing anew would change nothing: the same bytes go again. d.calls
// is held.
func (d *Desk) moved(ctx context.Context, e *envelope.Envelope) (bool, error) {
	if err := d.refresh(ctx); err != nil {
		return false, err
	}
	return d.logs.Load().Register().Size() > e.AsOfRegister.Size, nil
}

// reseal makes a queued message anew under its id, with the register as it is
// now. The earlier texts are kept. Locked, it waits to be unlocked, and shows what
// it was refused with. It waits too while the recipient's opening key is none:
// the recipient's party may enter another.
func (d *Desk) reseal(o store.OutboxItem, e *envelope.Envelope, refusal error) error {
	err := d.withRing(func(ring *keys.Locked) error { return d.resealWith(ring, o, e) })
	p, refused := problem.Of(err)
	switch {
	case err == nil:
		return nil
	case !refused:
		return errors.Join(err, d.stillQueued(o, refusal))
	case p.Code == problem.DeskLocked:
		return d.stillQueued(o, refusal) // unlocking wakes us
	case p.Code != problem.EntryInvalid && p.Class() == problem.Final:
		defer d.touch()
		return d.store.Update(func(tx *store.Tx) error {
			if err := tx.SetOutbox(o.ID, store.Rejected, p.Code, p.Detail); err != nil {
				return err
			}
			return tx.Log(d.entry("rejected", "message "+o.ID.String(), p))
		})
	}
	return errors.Join(err, d.stillQueued(o, err))
}

func (d *Desk) resealWith(ring *keys.Locked, o store.OutboxItem, e *envelope.Envelope) error {
	content, err := d.contentOf(ring, e)
	if err != nil {
		return err
	}
	l := d.logs.Load()
	h := e.Header
	ref, ok := l.View().Type(h.Type.Name)
	if !ok {
		return problem.New(problem.TypeUnknown, "the catalogue has no type %s any more", h.Type.Name)
	}
	t, ok := schema.FindHash(ref.Hash)
	if !ok {
		return problem.New(problem.TypeOutdated, "this desk's program lacks %s %s", ref.Name, ref.Version)
	}
	if err := t.Validate(content.Body); err != nil {
		return err
	}
	h.Type, h.AsOfAudit, h.AsOfRegister = ref, l.Audit(), l.Register().Head()
	made, err := d.make(ring, l, h, content)
	if err != nil {
		return err
	}
	d.log.Info("message sealed anew", "id", o.ID, "code", o.Code)
	defer wake(d.workers.outbox)
	return d.store.Update(func(tx *store.Tx) error {
		if err := made.keep(tx); err != nil {
			return err
		}
		if err := tx.AddAttempt(o.ID, made.hash); err != nil {
			return err
		}
		return tx.SetOutbox(o.ID, store.Queued, "", "")
	})
}

// contentOf opens a message of ours, or one that was handed over, by its file key.
func (d *Desk) contentOf(ring *keys.Locked, e *envelope.Envelope) (*seal.Content, error) {
	var wrapped []byte
	err := d.store.View(func(tx *store.Tx) (err error) {
		wrapped, err = tx.FileKey(e.TextHash())
		return err
	})
	if err != nil {
		return nil, err
	}
	key, err := ring.Unwrap(wrapped, e.TextHash())
	if err != nil {
		return nil, err
	}
	return seal.OpenWith(e, key)
}

// refresh brings both logs up to date. d.calls is held.
func (d *Desk) refresh(ctx context.Context) error {
	l := d.logs.Load()
	cursor, err := d.cursor()
	if err != nil {
		return err
	}
	answer, err := d.broker.Progress(ctx, heads(l), api.Page{After: cursor, Limit: 1})
	d.heard(err)
	if err != nil {
		return err
	}
	next, err := d.learn(ctx, l, &answer.Catchup)
	if err != nil {
		return err
	}
	return d.take(next, unsynced, nothing)
}

// made is a message as it was just sealed and signed.
type made struct {
	hash         signed.Hash
	note, sealed []byte
	wrapped      []byte
}

// make seals content for the header's recipient, signs it and holds it against
// the law as it stands now.
func (d *Desk) make(ring *keys.Locked, l *verify.Logs, h envelope.Header, content *seal.Content) (*made, error) {
	to, ok := l.View().Desk(h.To)
	if !ok {
		return nil, problem.New(problem.UnknownDesk, "%s is no desk in the register", h.To)
	}
	fresh := *content
	sealed, key, err := seal.Seal(&h, &fresh, to.Opening)
	if err != nil {
		return nil, err
	}
	d.metrics.sealed.Inc()
	if err := l.View().Decide(&h, signed.At(d.now())); err != nil {
		return nil, err
	}
	e, err := envelope.Sign(h, sealed, ring.Message)
	if err != nil {
		return nil, err
	}
	if len(e.Note.Bytes())+len(sealed) > envelope.MaxEnvelope {
		return nil, problem.New(problem.Oversize, "body and attachments pass what one envelope holds")
	}
	return &made{e.TextHash(), e.Note.Bytes(), sealed, ring.Wrap(key, e.TextHash())}, nil
}

// keep stores the message and its wrapped file key.
func (m *made) keep(tx *store.Tx) error {
	if err := tx.AddMessage(m.hash, m.note, m.sealed); err != nil {
		return err
	}
	return tx.PutFileKey(m.hash, m.wrapped)
}
