package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// sendQueued submits what has no proof of acceptance yet, oldest first. What is
// refused, or lies here damaged, doesn't hold up the others; a broker that takes
// nothing now does: the rest would fare no better.
func (d *Desk) sendQueued(ctx context.Context) error {
	var queued []store.OutboxItem
	err := d.store.View(func(tx *store.Tx) (err error) {
		queued, err = tx.ToSubmit()
		return err
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, o := range queued {
		err := d.submit(ctx, o.ID)
		if takesNothing(err) || ctx.Err() != nil {
			return errors.Join(err, errors.Join(errs...))
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("submit message %s: %w", o.ID, err))
		}
	}
	return errors.Join(errs...)
}

// ofBroker are codes that a broker says to whatever it is sent. BROKER_BUSY is
// none: of a text that expires while its clock is in doubt it says that too.
var ofBroker = map[problem.Code]bool{
	problem.BudgetExhausted: true,
	problem.StoreFull:       true,
	problem.BrokerStopped:   true,
	problem.HeadAhead:       true,
	problem.HeadContradicts: true,
}

// takesNothing reports whether a submission failed as every other would now.
func takesNothing(err error) bool {
	p, ok := problem.Of(err)
	return errors.Is(err, api.ErrUnreachable) || ok && (ofBroker[p.Code] || ofConnection[p.Code])
}

// submit sends one message, the same bytes each time, and takes in the answer.
func (d *Desk) submit(ctx context.Context, id signed.ID) error {
	d.calls.Lock()
	defer d.calls.Unlock()
	o, b, err := d.attempt(id)
	if err != nil || b == nil {
		return err
	}
	e, err := parseStored(b, o.Message)
	if err != nil {
		return errors.Join(err, d.unsendable(o))
	}
	if classOf(o.Code) == problem.Reseal {
		moved, err := d.moved(ctx, e)
		if err != nil {
			return err
		}
		if moved {
			return d.reseal(o, e, nil)
		}
	}
	l := d.logs.Load()
	begin := d.now()
	answer, err := d.broker.Submit(ctx, heads(l), [][]byte{e.Bytes()})
	d.heard(err)
	if err != nil {
		return d.notAccepted(ctx, l, o, e, nil, err)
	}
	if err := answer.Items[0].Refusal(); err != nil {
		return d.notAccepted(ctx, l, o, e, &answer.Catchup, err)
	}
	return d.admitted(ctx, l, begin, o, e, answer)
}

// admitted takes in the answer to a submission that began at a time. d.calls is
// held.
func (d *Desk) admitted(ctx context.Context, l *verify.Logs, begin time.Time, o store.OutboxItem, e *envelope.Envelope, answer *api.SubmitAnswer) error {
	next, err := d.learn(ctx, l, &answer.Catchup)
	if err != nil {
		return errors.Join(err, d.stillQueued(o, err))
	}
	message := e.TextHash()
	item := &answer.Items[0]
	accepted, err := next.Acceptance(e, []byte(item.Acceptance))
	if err != nil {
		d.accuse(err)
		return errors.Join(err, d.take(next, unsynced, nothing), d.stillQueued(o, err))
	}
	facts := []store.Fact{factOf(message, accepted)}
	if err := d.refusedBefore(facts[0]); err != nil {
		return err
	}
	d.compareClocks(begin, l, facts[0])
	for _, f := range []*api.Fact{item.Consigned, item.End} {
		if f == nil {
			continue
		}
		fact, err := d.believe(next, &e.Header, message, f)
		if errors.Is(err, verify.ErrNoNote) {
			continue
		}
		if err != nil {
			return errors.Join(err, d.take(next, unsynced, func(tx *store.Tx) error { return d.advance(tx, o.ID, facts) }))
		}
		facts = append(facts, fact)
	}
	return d.take(next, unsynced, func(tx *store.Tx) error { return d.advance(tx, o.ID, facts) })
}

func nothing(*store.Tx) error { return nil }

func classOf(code problem.Code) problem.Class {
	row, _ := problem.Lookup(code)
	return row.Class
}

// attempt reads a message that has no acceptance yet, and its bytes. No bytes:
// another call was quicker, or the message is being withdrawn.
func (d *Desk) attempt(id signed.ID) (o store.OutboxItem, b []byte, err error) {
	err = d.store.View(func(tx *store.Tx) (err error) {
		if o, err = tx.Outbox(id); err != nil || o.State == store.Withdrawn || o.State == store.Rejected {
			return err
		}
		_, err = tx.Fact(o.Message, string(envelope.Accepted))
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		_, err = tx.Statement(o.Message, string(envelope.Withdrawn))
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
		b, err = tx.Envelope(o.Message)
		return err
	})
	return o, b, err
}

// parseStored reads a text of the database. One that the disk has bent is not
// the message that its row names.
func parseStored(b []byte, message signed.Hash) (*envelope.Envelope, error) {
	e, err := envelope.Parse(b)
	if err == nil && e.TextHash() != message {
		err = problem.New(problem.TextMalformed, "the text has another hash than its row")
	}
	if err != nil {
		return nil, fmt.Errorf("read message %s in the database: %w", message, err)
	}
	return e, nil
}

// unsendable shows that a queued message lies here damaged; the metric beside it
// alarms.
func (d *Desk) unsendable(o store.OutboxItem) error {
	d.log.Error("a queued message can't be read", "id", o.ID)
	return d.waits(o, unreadable)
}

// waits shows what a message waits for, where no code says it.
func (d *Desk) waits(o store.OutboxItem, why string) error {
	if o.Code == "" && o.Detail == why {
		return nil
	}
	defer d.touch()
	return d.store.Update(func(tx *store.Tx) error { return tx.SetOutbox(o.ID, o.State, "", why) })
}

// believe verifies a fact about a message, and keeps one that fails as evidence.
func (d *Desk) believe(next *lesson, h *envelope.Header, message signed.Hash, f *api.Fact) (store.Fact, error) {
	verified, err := next.Event(h, message, d.Address(), claimOf(f))
	var fact store.Fact
	if err == nil {
		fact = factOf(message, verified)
		if fact.Event == string(envelope.Expired) {
			if err := d.timely(fact.Event, fact.Time); err != nil {
				return fact, err
			}
		}
		if err = d.onlyEnd(next, fact); err == nil {
			return fact, d.refusedBefore(fact)
		}
	}
	d.accuse(err)
	return fact, err
}

// onlyEnd refuses a second end, and an expiry or withdrawal of what is consigned.
// A refusal by the broker is none here: what the log says of the message beside
// it is so.
func (d *Desk) onlyEnd(next *lesson, f store.Fact) error {
	var known []store.Fact
	err := d.store.View(func(tx *store.Tx) (err error) {
		known, err = tx.Facts(f.Message)
		return err
	})
	if err != nil {
		return err
	}
	for _, k := range known {
		if k.Event == string(envelope.Rejected) {
			continue
		}
		ended := store.State(k.Event).Ended() && store.State(f.Event).Ended() && k.Event != f.Event
		if ended || contrary(k.Event, f.Event) || contrary(f.Event, k.Event) {
			return breach("message "+f.Message.String(),
				map[string][]byte{"event": []byte(f.Event), "note": f.Note, "proof": f.Proof, "checkpoint": next.Checkpoint},
				problem.AlreadyEnded, "the log says %s, and before it said %s", f.Event, k.Event)
		}
	}
	return nil
}

func contrary(one, other string) bool {
	return one == string(envelope.Consigned) && (other == string(envelope.Expired) || other == string(envelope.Withdrawn))
}

// advance writes down what is proven of a sent message. Its state follows, and
// never goes back.
func (d *Desk) advance(tx *store.Tx, id signed.ID, facts []store.Fact) error {
	o, err := tx.Outbox(id)
	if err != nil {
		return err
	}
	for _, f := range facts {
		if err := tx.PutFact(f); err != nil {
			return err
		}
		if f.Message != o.Message {
			if err := tx.SetAttempt(id, f.Message); err != nil {
				return err
			}
			o.Message = f.Message
		}
		if f.Event == string(envelope.Accepted) {
			if err := d.endsClocks(tx, o, f.Time); err != nil {
				return err
			}
		}
		if reached := store.State(f.Event); reached.After(o.State) {
			o.State = reached
			if err := tx.SetOutbox(id, reached, f.Code, ""); err != nil {
				return err
			}
			d.log.Info("message moved", "id", id, "state", reached, "code", f.Code)
			if !reached.Counts() {
				if err := d.reopensClocks(tx, o); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// stillQueued shows what a queued message waits for.
func (d *Desk) stillQueued(o store.OutboxItem, err error) error {
	p, ok := problem.Of(err)
	if !ok || p.Code == o.Code || o.State != store.Queued {
		return nil
	}
	defer d.touch()
	return d.store.Update(func(tx *store.Tx) error {
		return tx.SetOutbox(o.ID, o.State, p.Code, p.Detail)
	})
}

// errEarly says that the log is ahead of this desk's clock. Which of the two is
// right nobody can prove, so it is no evidence.
var errEarly = errors.New("later than this desk's clock")

// timely checks that an end by the broker's time alone is not before its time by
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
