package desk

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

// sendStatements submits what this desk signed and nobody has proven yet. One
// that is refused doesn't hold up the others.
func (d *Desk) sendStatements(ctx context.Context) error {
	var queued []store.Statement
	err := d.store.View(func(tx *store.Tx) (err error) {
		queued, err = tx.Statements()
		return err
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range queued {
		err := d.state(ctx, s)
		if errors.Is(err, api.ErrUnreachable) || ctx.Err() != nil {
			return err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// A word is what this desk says of a message: it says each once.
type word struct {
	message signed.Hash
	event   string
}

// state submits one note and holds its proof.
func (d *Desk) state(ctx context.Context, s store.Statement) error {
	d.calls.Lock()
	defer d.calls.Unlock()
	h, err := d.headerOf(s.Message)
	if err != nil {
		return err
	}
	err = d.store.View(func(tx *store.Tx) (err error) {
		s, err = tx.Statement(s.Message, s.Event)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil // a feed was quicker
	}
	if err != nil {
		return err
	}
	l := d.logs.Load()
	if at, refused := d.refused[word{s.Message, s.Event}]; refused {
		if at == l.Register().Size() {
			return nil // shown, until the register says something else
		}
		delete(d.refused, word{s.Message, s.Event})
		if s.Note, err = d.signAgain(s, h); err != nil {
			return err
		}
		if err := d.store.Update(func(tx *store.Tx) error { return tx.PutStatement(s) }); err != nil {
			return err
		}
	}
	begin := d.now()
	answer, err := d.broker.State(ctx, heads(l), [][]byte{s.Note})
	d.heard(err)
	if err != nil {
		return d.notStated(ctx, l, s, h, nil, err)
	}
	if err := answer.Items[0].Refusal(); err != nil {
		return d.notStated(ctx, l, s, h, &answer.Catchup, err)
	}
	next, err := d.learn(ctx, l, &answer.Catchup)
	if err != nil {
		return err
	}
	fact, err := d.believe(next, h, s.Message, &api.Fact{Event: envelope.Event(s.Event), Note: s.Note, Proof: answer.Items[0].Proof})
	if err != nil {
		return errors.Join(err, d.take(next, unsynced, nothing))
	}
	d.compareClocks(begin, l, fact)
	defer wake(d.workers.opening) // once it is written that the message is consigned
	return d.take(next, unsynced, func(tx *store.Tx) error { return d.settle(tx, s, fact) })
}

func (d *Desk) headerOf(message signed.Hash) (*envelope.Header, error) {
	e, err := d.signedHeader(message)
	if err != nil {
		return nil, err
	}
	return &e.Header, nil
}

func parseHeader(note []byte) (*envelope.Header, error) {
	n, err := signed.ParseNote(note)
	if err != nil {
		return nil, fmt.Errorf("read a header in the database: %w", err)
	}
	return envelope.ParseHeader(n.Text)
}

// settle takes a statement off the queue and writes down what is proven, be it
// by this statement or another that stands in its place.
func (d *Desk) settle(tx *store.Tx, s store.Statement, fact store.Fact) error {
	if err := tx.DropStatement(s.Message, s.Event); err != nil {
		return err
	}
	if s.Event == string(envelope.Withdrawn) {
		id, err := tx.AttemptOf(s.Message)
		if err != nil {
			return err
		}
		return d.advance(tx, id, []store.Fact{fact})
	}
	return d.progress(tx, fact)
}

// progress writes down what is proven of a received message.
func (d *Desk) progress(tx *store.Tx, f store.Fact) error {
	if err := tx.PutFact(f); err != nil {
		return err
	}
	i, err := tx.Inbox(f.Message)
	if err != nil {
		return err
	}
	reached := store.State(f.Event)
	if !reached.After(i.State) {
		return nil
	}
	d.log.Info("message moved", "id", i.ID, "state", reached, "code", f.Code)
	return tx.SetInbox(f.Message, reached, f.Code, i.Detail)
}

// notStated takes in a refusal of a statement, under the answer's catchup; nil where
// the whole call is refused. d.calls is held.
func (d *Desk) notStated(ctx context.Context, l *verify.Logs, s store.Statement, h *envelope.Header, c *api.Catchup, err error) error {
	p, ok := problem.Of(err)
	if !ok {
		return err
	}
	r := api.RefusalOf(err)
	switch {
	case p.Class() == problem.Reseal:
		return d.signAnew(ctx, s, h)
	case r.End != nil && c != nil:
		return d.standing(ctx, l, s, h, c, r)
	case p.Class() == problem.Final && r.Proof != "":
		return d.notBelieved(l, s, p)
	}
	return err
}

// notBelieved shows why the broker takes no word of this desk about a message. It
// would refuse the same again, and log it each time, so the word waits until the
// register has moved; then it is signed anew.
func (d *Desk) notBelieved(l *verify.Logs, s store.Statement, p *problem.Problem) error {
	d.refused[word{s.Message, s.Event}] = l.Register().Size()
	d.log.Warn("a statement is refused", "message", s.Message, "event", s.Event, "problem", p.Error())
	defer d.touch()
	return d.store.Update(func(tx *store.Tx) error {
		if err := tx.Log(d.entry("refused: "+s.Event, "message "+s.Message.String(), p)); err != nil {
			return err
		}
		if s.Event == string(envelope.Withdrawn) {
			id, err := tx.AttemptOf(s.Message)
			if err != nil {
				return err
			}
			o, err := tx.Outbox(id)
			if err != nil {
				return err
			}
			return tx.SetOutbox(id, o.State, p.Code, p.Detail)
		}
		i, err := tx.Inbox(s.Message)
		if err != nil {
			return err
		}
		return tx.SetInbox(s.Message, i.State, p.Code, p.Detail)
	})
}

// signAnew signs a queued statement with the keys and heads of now.
func (d *Desk) signAnew(ctx context.Context, s store.Statement, h *envelope.Header) error {
	before := d.logs.Load().Register().Size()
	if err := d.refresh(ctx); err != nil {
		return err
	}
	if d.logs.Load().Register().Size() == before {
		return fmt.Errorf("sign %s of message %s anew: the register has not moved since", s.Event, s.Message)
	}
	note, err := d.signAgain(s, h)
	if err != nil {
		return err
	}
	defer wake(d.workers.statements)
	return d.store.Update(func(tx *store.Tx) error {
		return tx.PutStatement(store.Statement{Message: s.Message, Event: s.Event, Note: note})
	})
}

func (d *Desk) signAgain(s store.Statement, h *envelope.Header) ([]byte, error) {
	if s.Event == string(envelope.Consigned) {
		return d.signConsignment(d.logs.Load(), s.Message)
	}
	n, err := signed.ParseNote(s.Note)
	if err != nil {
		return nil, err
	}
	said, err := envelope.ParseStatement(n.Text)
	if err != nil {
		return nil, err
	}
	var note []byte
	err = d.withRing(func(ring *keys.Locked) (err error) {
		note, err = d.signStatement(ring, *said)
		return err
	})
	return note, err
}

// standing takes in what stands in place of our statement: an end before our
// consignment, or a consignment before our withdrawal.
func (d *Desk) standing(ctx context.Context, l *verify.Logs, s store.Statement, h *envelope.Header, c *api.Catchup, r *api.Refusal) error {
	next, err := d.learn(ctx, l, c)
	if err != nil {
		return err
	}
	fact, err := d.believe(next, h, s.Message, r.End)
	if err != nil {
		return errors.Join(err, d.take(next, unsynced, nothing))
	}
	d.log.Info("another statement stands", "message", s.Message, "ours", s.Event, "stands", fact.Event)
	defer wake(d.workers.opening)
	return d.take(next, synced, func(tx *store.Tx) error {
		if err := tx.Log(d.entry("too late: "+s.Event, "message "+s.Message.String(), r.Problem)); err != nil {
			return err
		}
		return d.settle(tx, s, fact)
	})
}

// signConsignment says that this desk holds a message durably.
func (d *Desk) signConsignment(l *verify.Logs, message signed.Hash) ([]byte, error) {
	c := envelope.Statement{
		Exchange: l.Register().Exchange(), Signer: d.Address(), Event: envelope.Consigned, Message: message,
		Time: signed.At(d.now()), AsOfAudit: l.Audit(), AsOfRegister: l.Register().Head(),
	}
	n, err := signed.Sign(c.Text(), d.online.Receipts...)
	if err != nil {
		return nil, err
	}
	return n.Bytes(), nil
}

// signStatement signs what s says of a message, as of now.
func (d *Desk) signStatement(ring *keys.Locked, s envelope.Statement) ([]byte, error) {
	l := d.logs.Load()
	s.Exchange, s.Signer, s.Time = l.Register().Exchange(), d.Address(), signed.At(d.now())
	s.AsOfAudit, s.AsOfRegister = l.Audit(), l.Register().Head()
	n, err := signed.Sign(s.Text(), ring.Statement()...)
	if err != nil {
		return nil, err
	}
	return n.Bytes(), nil
}
