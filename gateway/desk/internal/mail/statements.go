package mail

import (
	"context"
	"errors"
	"fmt"

	"samband/gateway/api"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// statements submits what this desk signed and nobody has proven yet, as many a call
// as there are. One that is refused doesn't keep up the others.
type statements struct {
	queue
	refused map[statementKey]int64 // the register's size then
	from    int64
}

// A statementKey names a statement of this desk. One that the broker refused for good
// is not submitted again until the register is larger than it was then.
type statementKey struct {
	seq   int64
	event envelope.Event
}

func (w *statements) do(ctx context.Context) error {
	return errors.Join(w.finishErasing(), drain(ctx, &w.from, w.next, w.submit, unreachable))
}

// An outgoing is a statement on its way.
type outgoing struct {
	store.Row
	header  *envelope.Header
	wrapped []byte // the file key of what is handed over
}

func (s *outgoing) key() statementKey { return statementKey{s.Seq, s.Unproven.Event} }

// submit makes one call of a group, and one write of its answer: a proof and what
// follows from it are durable before anybody is shown the content.
func (w *statements) submit(ctx context.Context, group []outgoing) error {
	notes := make([][]byte, len(group))
	for n, s := range group {
		notes[n] = s.Unproven.Note
	}
	answer, err := call(ctx, &w.queue, notes, w.Broker.State)
	if err != nil {
		return err
	}
	var steps []step
	var errs []error
	wait, consigned := unsynced, false
	for n := range answer.Items {
		s := &group[n]
		step, err := w.takeIn(s, &answer.Items[n], answer)
		if err != nil {
			errs = append(errs, fmt.Errorf("state %s of message %s: %w", s.Unproven.Event, s.ID, err))
		}
		if step != nil {
			steps = append(steps, step)
		}
		consigned = consigned || s.Unproven.Event == envelope.Consigned
		if s.Unproven.Event != envelope.Consigned || answer.Items[n].Problem != nil {
			wait = synced
		}
	}
	_, err = w.writeWith(wait, answer.under, w.says(group), steps)
	if consigned && !w.Ring.Locked() {
		w.opener.lookAgain() // what is consigned is opened now, or its verdict was waiting
	}
	return errors.Join(err, errors.Join(errs...))
}

// next is the next group behind a place, and where it ends. It leaves out what was
// refused for good, until the register has grown: then that is signed anew.
func (w *statements) next(after int64) (group []outgoing, last int64, err error) {
	last = after
	err = w.Store.View(func(tx *store.Tx) error {
		rows, err := tx.Unproven(w.urgent, after, w.most)
		for _, r := range rows {
			last = r.Seq
			h, err := HeaderOf(tx, r.TextHash)
			if err != nil {
				w.Log.Error("the header of a message can't be read", "id", r.ID, "problem", err.Error())
				continue
			}
			s := outgoing{r, h, nil}
			if r.Unproven.Event == envelope.HandedOver {
				if s.wrapped, err = tx.FileKey(r.TextHash); err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
			}
			group = append(group, s)
		}
		return err
	})
	size := w.logs.Load().Register().Size()
	sayable := group[:0]
	for _, s := range group {
		if at, refused := w.refused[s.key()]; refused {
			if at == size {
				continue
			}
			old, err := statementIn(s.Unproven.Note)
			stored := false
			if err == nil {
				stored, err = w.signAnew(&s, old)
			}
			if err == nil && !stored {
				continue // it waits for its proof no more
			}
			if err != nil { // locked: it stays refused until it can be signed
				w.Log.Warn("a refused statement is not signed anew", "id", s.ID, "problem", err.Error())
				continue
			}
			delete(w.refused, s.key())
		}
		sayable = append(sayable, s)
	}
	return sayable, last, err
}

// says is what the messages of a group say, if the ring is unlocked.
func (w *statements) says(group []outgoing) map[signed.Hash]store.Facts {
	wrapped := map[signed.Hash][]byte{}
	for _, s := range group {
		if s.wrapped != nil {
			wrapped[s.TextHash] = s.wrapped
		}
	}
	return w.unwrap(wrapped)
}

// unwrap opens wrapped file keys and returns what the texts say. Locked, it opens
// none: the effects wait for the next unlock.
func (m *Room) unwrap(wrapped map[signed.Hash][]byte) map[signed.Hash]store.Facts {
	all := map[signed.Hash]store.Facts{}
	m.Ring.Use(func(ring *keys.Locked) error {
		for textHash, key := range wrapped {
			_, says, err := ring.Unwrap(key, textHash)
			if err != nil {
				continue
			}
			if facts, err := parseFacts(says); err == nil {
				all[textHash] = facts
			}
		}
		return nil
	})
	return all
}

// takeIn takes in what the broker answered to one statement.
func (w *statements) takeIn(s *outgoing, item *api.StateItem, a *answered[api.StateItem]) (step, error) {
	if err := item.Refusal(); err != nil {
		return w.refusal(s, a.under, err)
	}
	event, err := w.believe(a.under, s.header, s.TextHash, &api.LoggedEvent{Event: s.Unproven.Event, Note: s.Unproven.Note, Proof: item.Proof})
	if err != nil {
		return nil, err
	}
	return advances(s.Seq, event), nil
}

// refusal takes in that a statement was refused.
func (w *statements) refusal(s *outgoing, next *verify.Answer, err error) (step, error) {
	p, ok := problem.Of(err)
	r := api.RefusalOf(err)
	switch {
	case !ok:
		return nil, err
	case p.Class() == problem.Reseal:
		return nil, w.signAgain(s, err)
	case r.Stands != nil: // an end before our consignment, or a consignment before our withdrawal
		event, err := w.believe(next, s.header, s.TextHash, r.Stands)
		if err != nil {
			return nil, err
		}
		return advances(s.Seq, event), nil
	case p.Class() == problem.Final && r.Proof != "":
		return w.refusedForGood(s, p), nil
	}
	return nil, err
}

// refusedForGood shows why the broker takes no statement of this desk about a message.
// It would refuse the same again, and log it each time, so the statement waits until
// the register has moved; then it is signed anew.
func (w *statements) refusedForGood(s *outgoing, p *problem.Problem) step {
	w.refused[s.key()] = w.logs.Load().Register().Size()
	w.Log.Warn("a statement is refused", "message", s.TextHash, "event", s.Unproven.Event, "problem", p.Error())
	return func(c *change) error {
		if err := c.LogBounded(c.room.Entry("refused: "+string(s.Unproven.Event), "message "+s.TextHash.String(), p)); err != nil {
			return err
		}
		r, err := c.Row(s.Seq)
		if err != nil {
			return err
		}
		r.Code, r.Detail = p.Code, p.Detail
		return c.Put(&r)
	}
}

// signAgain signs a statement with the keys and heads of now, which the answer that
// refused it has brought.
func (w *statements) signAgain(s *outgoing, refusal error) error {
	old, err := statementIn(s.Unproven.Note)
	if err != nil {
		return err
	}
	if w.logs.Load().Register().Size() == old.AsOfRegister.Size {
		return fmt.Errorf("the register has not moved since it was signed: %w", refusal)
	}
	defer w.wakeStatements()
	_, err = w.signAnew(s, old)
	return err
}

// statementIn reads a statement that lies in the database.
func statementIn(note []byte) (*envelope.Statement, error) {
	n, err := signed.ParseNote(note)
	if err != nil {
		return nil, err
	}
	return envelope.ParseStatement(n.Text)
}

// signAnew replaces a statement, durably, before it is submitted. One that was not stored,
// since the message waits for none any more, must not be.
func (w *statements) signAnew(s *outgoing, old *envelope.Statement) (stored bool, err error) {
	if old.Event == envelope.Consigned {
		s.Unproven, err = w.consignment(s.TextHash)
	} else {
		err = w.withRing(func(ring *keys.Locked) (err error) {
			s.Unproven, err = w.statement(ring, *old)
			return err
		})
	}
	if err != nil {
		return false, err
	}
	err = w.write(synced, nil, func(c *change) error {
		r, err := c.Row(s.Seq)
		if err != nil || r.Unproven.Event != s.Unproven.Event {
			return err
		}
		stored = true
		s.Unproven.Since = r.Unproven.Since
		if err := c.State(&r, s.Unproven); err != nil {
			return err
		}
		return c.Put(&r)
	})
	return stored, err
}

// consignment states that this desk keeps a message durably.
func (m *Room) consignment(textHash signed.Hash) (store.Statement, error) {
	online, err := m.online()
	if err != nil {
		return store.Statement{}, err
	}
	return m.sign(envelope.Statement{Event: envelope.Consigned, Message: textHash}, online.Receipts)
}

// online is the online ring that the register names.
func (m *Room) online() (*keys.Online, error) {
	if own, ok := m.logs.Load().Register().Now().Desk(m.Desk); ok {
		return m.Online.Follow(own.TLS)
	}
	return m.Online.Now(), nil
}

// statement signs what an unlocked desk states of a message.
func (m *Room) statement(ring *keys.Locked, s envelope.Statement) (store.Statement, error) {
	return m.sign(s, ring.Statement())
}

// sign signs a statement, as of now.
func (m *Room) sign(s envelope.Statement, with []*signed.PrivateKey) (store.Statement, error) {
	l := m.logs.Load()
	s.Exchange, s.Signer, s.Time = l.Register().Exchange(), m.Desk, signed.At(m.Now())
	s.AsOfAudit, s.AsOfRegister = l.Audit(), l.Register().Head()
	n, err := signed.Sign(s.Text(), with...)
	if err != nil {
		return store.Statement{}, err
	}
	return store.Statement{Event: s.Event, Note: n.Bytes(), Since: s.Time}, nil
}

// Withdraw signs the withdrawal of a message that this desk sent, and queues it.
// The log decides whether it came in time.
func (m *Room) Withdraw(id signed.ID) error {
	return m.withRing(func(ring *keys.Locked) error {
		withdrawal, err := m.statement(ring, envelope.Statement{Event: envelope.Withdrawn, ID: id})
		if err != nil {
			return err
		}
		defer m.wakeStatements()
		return m.write(synced, nil, func(c *change) error {
			r, err := c.Sent(id)
			if err != nil || r.Unproven.Event != "" || r.State.Ended() {
				return err
			}
			if err := c.State(&r, withdrawal); err != nil {
				return err
			}
			if err := c.Log(m.Entry("withdrawing", "message "+id.String(), nil)); err != nil {
				return err
			}
			return c.Put(&r)
		})
	})
}
