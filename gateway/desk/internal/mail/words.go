package mail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// words submits what this desk signed and nobody has proven yet, as many a call as
// there are. One that is refused doesn't keep up the others.
type words struct {
	*Room
	urgent  bool // of urgent messages; these wait for no others
	most    int  // items of the next call
	refused map[said]int64
}

// said names a word of this desk. One that the broker refused for good is not said
// again until the register is larger than it was then.
type said struct {
	seq   int64
	event envelope.Event
}

func (w *words) do(ctx context.Context) error {
	errs := []error{w.finishErasing()}
	for after := int64(0); ; {
		group, last, err := w.next(after)
		if err != nil {
			return err
		}
		if last == after {
			return errors.Join(errs...)
		}
		if err := w.say(ctx, group); err != nil {
			if errors.Is(err, api.ErrUnreachable) || ctx.Err() != nil {
				return err
			}
			errs = append(errs, err)
		}
		after = last
	}
}

// A saying is a word on its way.
type saying struct {
	store.Row
	header  *envelope.Header
	wrapped []byte // the file key of what is handed over
}

func (s *saying) said() said { return said{s.Seq, s.Word.Event} }

// say makes one call of words, and one write of its answer: a proof and what
// follows from it are durable before anybody is shown the content.
func (w *words) say(ctx context.Context, group []saying) error {
	if len(group) == 0 {
		return nil
	}
	notes := make([][]byte, len(group))
	for n, s := range group {
		notes[n] = s.Word.Note
	}
	base, begin := w.logs.Load(), w.Now()
	answer, err := w.Broker.State(ctx, heads(base), notes)
	w.heard(err)
	var next *verify.Answer
	if err == nil {
		next, err = w.extend(ctx, base, &answer.Catchup)
	}
	if err != nil {
		w.most = halved(w.most)
		return err
	}
	w.most = doubled(w.most)
	var steps []step
	var errs []error
	wait, consigned := unsynced, false
	for n := range answer.Items {
		s := &group[n]
		step, err := w.proven(s, &answer.Items[n], next, base, begin)
		if err != nil {
			errs = append(errs, fmt.Errorf("say %s of message %s: %w", s.Word.Event, s.ID, err))
		}
		if step != nil {
			steps = append(steps, step)
		}
		consigned = consigned || s.Word.Event == envelope.Consigned
		wait = wait || durability(s.Word.Event != envelope.Consigned || answer.Items[n].Problem != nil)
	}
	_, err = w.writeWith(wait, next, w.outcomes(group), steps)
	if consigned && !w.Ring.Locked() {
		w.judging.recall() // what is consigned is judged now, or its verdict was waiting
	}
	return errors.Join(err, errors.Join(errs...))
}

// next is the next group behind a place, and where it ends. It leaves out what was
// refused for good, until the register has grown: then that is signed anew.
func (w *words) next(after int64) (group []saying, last int64, err error) {
	last = after
	err = w.Store.View(func(tx *store.Tx) error {
		rows, err := tx.Words(w.urgent, after, w.most)
		for _, r := range rows {
			last = r.Seq
			h, err := HeaderOf(tx, r.Text)
			if err != nil {
				w.Log.Error("the header of a message can't be read", "id", r.ID, "problem", err.Error())
				continue
			}
			s := saying{r, h, nil}
			if r.Word.Event == envelope.HandedOver {
				if s.wrapped, err = tx.FileKey(r.Text); err != nil && !errors.Is(err, store.ErrNotFound) {
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
		if at, refused := w.refused[s.said()]; refused {
			if at == size {
				continue
			}
			if err := w.signAnew(&s); err != nil { // locked: it stays refused until it can be signed
				w.Log.Warn("a refused statement is not signed anew", "id", s.ID, "problem", err.Error())
				continue
			}
			delete(w.refused, s.said())
		}
		sayable = append(sayable, s)
	}
	return sayable, last, err
}

// outcomes are what the messages of a group say, where the ring is unlocked.
func (w *words) outcomes(group []saying) map[signed.Hash]string {
	wrapped := map[signed.Hash][]byte{}
	for _, s := range group {
		if s.wrapped != nil {
			wrapped[s.Text] = s.wrapped
		}
	}
	return w.unwrap(wrapped)
}

// unwrap opens wrapped file keys and returns what the texts say. Locked, it opens
// none: the effects wait for the next unlock.
func (m *Room) unwrap(wrapped map[signed.Hash][]byte) map[signed.Hash]string {
	outcomes := map[signed.Hash]string{}
	m.Ring.Use(func(ring *keys.Locked) error {
		for text, key := range wrapped {
			if _, outcome, err := ring.Unwrap(key, text); err == nil {
				outcomes[text] = outcome
			}
		}
		return nil
	})
	return outcomes
}

// proven takes in what the broker answered to one word.
func (w *words) proven(s *saying, item *api.StateItem, next *verify.Answer, base *verify.Logs, begin time.Time) (step, error) {
	if err := item.Refusal(); err != nil {
		return w.notTaken(s, next, err)
	}
	fact, err := w.believe(next, s.header, s.Text, &api.Fact{Event: s.Word.Event, Note: s.Word.Note, Proof: item.Proof})
	if err != nil {
		return nil, err
	}
	w.compareClocks(begin, base, fact.Index, fact.Time)
	return advances(s.Seq, fact), nil
}

// notTaken takes in a refusal of a word.
func (w *words) notTaken(s *saying, next *verify.Answer, err error) (step, error) {
	p, ok := problem.Of(err)
	r := api.RefusalOf(err)
	switch {
	case !ok:
		return nil, err
	case p.Class() == problem.Reseal:
		return nil, w.resay(s, err)
	case r.End != nil: // an end before our consignment, or a consignment before our withdrawal
		fact, err := w.believe(next, s.header, s.Text, r.End)
		if err != nil {
			return nil, err
		}
		return advances(s.Seq, fact), nil
	case p.Class() == problem.Final && r.Proof != "":
		return w.notBelieved(s, p), nil
	}
	return nil, err
}

// notBelieved shows why the broker takes no word of this desk about a message. It
// would refuse the same again, and log it each time, so the word waits until the
// register has moved; then it is signed anew.
func (w *words) notBelieved(s *saying, p *problem.Problem) step {
	w.refused[s.said()] = w.logs.Load().Register().Size()
	w.Log.Warn("a statement is refused", "message", s.Text, "event", s.Word.Event, "problem", p.Error())
	return func(c *change) error {
		if err := c.Log(c.room.Entry("refused: "+string(s.Word.Event), "message "+s.Text.String(), p)); err != nil {
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

// resay signs a word anew with the keys and heads of now, which the answer that
// refused it has brought.
func (w *words) resay(s *saying, refusal error) error {
	n, err := signed.ParseNote(s.Word.Note)
	if err != nil {
		return err
	}
	said, err := envelope.ParseStatement(n.Text)
	if err != nil {
		return err
	}
	if w.logs.Load().Register().Size() == said.AsOfRegister.Size {
		return fmt.Errorf("the register has not moved since it was signed: %w", refusal)
	}
	defer w.wakeWords()
	return w.signAnew(s)
}

// signAnew replaces a word, durably, before it is said.
func (w *words) signAnew(s *saying) (err error) {
	n, err := signed.ParseNote(s.Word.Note)
	if err != nil {
		return err
	}
	said, err := envelope.ParseStatement(n.Text)
	if err != nil {
		return err
	}
	if said.Event == envelope.Consigned {
		s.Word, err = w.consignment(s.Text)
	} else {
		err = w.withRing(func(ring *keys.Locked) (err error) {
			s.Word, err = w.statement(ring, *said)
			return err
		})
	}
	if err != nil {
		return err
	}
	return w.write(synced, nil, func(c *change) error {
		r, err := c.Row(s.Seq)
		if err != nil || r.Word.Event != s.Word.Event {
			return err
		}
		since := r.Word.Since
		r.Word = s.Word
		r.Word.Since = since
		return c.Put(&r)
	})
}

// consignment says that this desk keeps a message durably.
func (m *Room) consignment(text signed.Hash) (store.Word, error) {
	return m.sign(envelope.Statement{Event: envelope.Consigned, Message: text}, m.Online.Receipts)
}

// statement signs what an unlocked desk says of a message.
func (m *Room) statement(ring *keys.Locked, s envelope.Statement) (store.Word, error) {
	return m.sign(s, ring.Statement())
}

// sign signs what s says of a message, as of now.
func (m *Room) sign(s envelope.Statement, with []*signed.PrivateKey) (store.Word, error) {
	l := m.logs.Load()
	s.Exchange, s.Signer, s.Time = l.Register().Exchange(), m.Desk, signed.At(m.Now())
	s.AsOfAudit, s.AsOfRegister = l.Audit(), l.Register().Head()
	n, err := signed.Sign(s.Text(), with...)
	if err != nil {
		return store.Word{}, err
	}
	return store.Word{Event: s.Event, Note: n.Bytes(), Since: s.Time}, nil
}

// Withdraw signs the withdrawal of a message that this desk sent, and queues it.
// The log decides whether it came in time.
func (m *Room) Withdraw(id signed.ID) error {
	return m.withRing(func(ring *keys.Locked) error {
		word, err := m.statement(ring, envelope.Statement{Event: envelope.Withdrawn, ID: id})
		if err != nil {
			return err
		}
		defer m.wakeWords()
		return m.write(synced, nil, func(c *change) error {
			r, err := c.Sent(id)
			if err != nil || r.Word.Event != "" || r.State.Ended() {
				return err
			}
			r.Word = word
			if err := c.Log(m.Entry("withdrawing", "message "+id.String(), nil)); err != nil {
				return err
			}
			return c.Put(&r)
		})
	})
}
