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
	"samband/gateway/verify"
)

const (
	progressFeed = "progress"
	maxNotHeld   = 1000 // lines of the desk's log about messages that it does not hold
)

func (d *Desk) cursor() (c api.Cursor, err error) {
	err = d.store.View(func(tx *store.Tx) error {
		s, err := tx.Cursor(progressFeed)
		if err != nil {
			return err
		}
		c, err = api.ParseCursor(s)
		return err
	})
	return c, err
}

// followProgress returns the job that reads what became of this desk's messages.
// The first page of a run is not waited for: it brings both logs up to date. After
// a page with something that was not believed, the cursor that outlives the
// process stays before it, and the feed is read from its beginning again.
func (d *Desk) followProgress() func(context.Context) error {
	var wait time.Duration
	var doubted time.Time
	after, known := api.Cursor(0), false
	return func(ctx context.Context) (err error) {
		if !known {
			if after, err = d.cursor(); err != nil {
				return err
			}
			if after.Leaf() > d.logs.Load().Audit().Size {
				after = 0
			}
			known = true
		}
		if !doubted.IsZero() && d.now().Sub(doubted) > sweepAfter {
			after, doubted = 0, time.Time{}
		}
		next, answer, err := feed(ctx, d, d.broker.Progress, api.Page{After: after, Wait: wait, Limit: feedPage},
			func(a *api.ProgressAnswer) (*api.Catchup, int) { return &a.Catchup, len(a.Items) + len(a.Again) })
		if err != nil || answer == nil {
			return err
		}
		defer d.calls.Unlock()
		err = within(len(answer.Items), len(answer.Again))
		if err == nil {
			err = onward(next, after, answer.Next)
		}
		if err != nil {
			return errors.Join(err, d.take(next, unsynced, nothing))
		}
		wait = feedWait
		heard := d.now()
		believed, err := d.progressed(next, answer, doubted.IsZero())
		if err != nil {
			return err
		}
		if believed < len(answer.Items) && doubted.IsZero() {
			doubted = heard
		}
		after = answer.Next
		return errors.Join(d.sendAgain(ctx, answer.Again), worthIt(believed, len(answer.Items)))
	}
}

// onward holds that a cursor leads on, and not past the log: one that does would
// hide for ever what comes before it.
func onward(next *lesson, after, cursor api.Cursor) error {
	if cursor < after || cursor.Leaf() > next.Audit().Size {
		return fmt.Errorf("the feed's next cursor is %s: from %s, in a log of %d entries, it leads nowhere", cursor, after, next.Audit().Size)
	}
	return nil
}

// progressed writes down what a page brought, and reports how much of it could be
// believed. Where all could, and keep says that nothing before it is in doubt, the
// cursor is kept in the same transaction.
func (d *Desk) progressed(next *lesson, answer *api.ProgressAnswer, keep bool) (believed int, err error) {
	var steps []func(*store.Tx) error
	for _, item := range answer.Items {
		step, err := d.heardOf(next, item)
		_, refused := problem.Of(err)
		switch {
		case err == nil:
			steps = append(steps, step)
		case refused, errors.Is(err, errEarly), errors.Is(err, verify.ErrNoNote):
			d.log.Warn("an event is not believed", "id", item.ID, "event", item.Event, "problem", err.Error())
			if errors.Is(err, verify.ErrNoNote) { // it never comes again, and is in nobody's way
				steps = append(steps, nothing)
			}
		default:
			return 0, err
		}
	}
	err = d.take(next, unsynced, func(tx *store.Tx) error {
		for _, step := range steps {
			if err := step(tx); err != nil {
				return err
			}
		}
		if !keep || len(steps) < len(answer.Items) {
			return nil
		}
		return tx.PutCursor(progressFeed, answer.Next.String())
	})
	wake(d.workers.outbox) // an event may have come before our own acceptance did
	return len(steps), err
}

// heardOf verifies one item and returns what is to be written for it.
func (d *Desk) heardOf(next *lesson, item api.ProgressItem) (func(*store.Tx) error, error) {
	o, err := d.sent(item)
	if p, ok := problem.Of(err); ok {
		// Nothing that this desk shows changes by it, and a desk that was put back
		// from a backup hears so of what it sent since: that convicts nobody.
		return func(tx *store.Tx) error {
			return tx.LogOnce(d.entry("not held here", "message "+item.ID.String(), p), maxNotHeld)
		}, nil
	}
	if err != nil {
		return nil, err
	}
	message := item.Message
	if item.Message.IsZero() {
		message = o.Message
	}
	h, err := d.headerOf(message)
	if err != nil {
		return nil, err
	}
	fact, err := d.believe(next, h, message, &item.Fact)
	if errors.Is(err, errEarly) {
		err = errors.Join(err, d.waits(o, err.Error()))
	}
	if err != nil {
		return nil, err
	}
	return func(tx *store.Tx) error {
		if fact.Event == string(envelope.Withdrawn) {
			if err := tx.DropStatement(o.Message, fact.Event); err != nil {
				return err
			}
		}
		return d.advance(tx, o.ID, []store.Fact{fact})
	}, nil
}

// sent finds the message that an item speaks of: one of this desk's, by a text
// that it made.
func (d *Desk) sent(item api.ProgressItem) (o store.OutboxItem, err error) {
	err = d.store.View(func(tx *store.Tx) error {
		if o, err = tx.Outbox(item.ID); err != nil {
			return err
		}
		if item.Message.IsZero() {
			return nil
		}
		id, err := tx.AttemptOf(item.Message)
		if err == nil && id != item.ID {
			return store.ErrNotFound
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = problem.New(problem.UnknownMessage,
			"the broker has %s of a message that this desk does not hold: it was put back from a backup, or the broker invents it", item.Event)
	}
	return o, err
}

// sendAgain submits messages whose bytes the broker or the receiver lost. One that
// is refused doesn't hold up the others. d.calls is held.
func (d *Desk) sendAgain(ctx context.Context, again []api.Again) error {
	var errs []error
	for _, a := range again {
		err := d.sendOneAgain(ctx, a)
		if takesNothing(err) || ctx.Err() != nil {
			return err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (d *Desk) sendOneAgain(ctx context.Context, a api.Again) error {
	var o store.OutboxItem
	var b []byte
	err := d.store.View(func(tx *store.Tx) error {
		id, err := tx.AttemptOf(a.Message)
		if err != nil || id != a.ID {
			return err
		}
		if o, err = tx.Outbox(id); err != nil {
			return err
		}
		b, err = tx.Envelope(a.Message)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && b == nil {
		return nil
	}
	if err != nil {
		return err
	}
	e, err := parseStored(b, a.Message)
	if err != nil {
		return err
	}
	d.log.Info("sent again, as the broker asked", "id", a.ID)
	l, begin := d.logs.Load(), d.now()
	answer, err := d.broker.Submit(ctx, heads(l), [][]byte{b})
	d.heard(err)
	if err == nil {
		err = answer.Items[0].Refusal()
	}
	if err != nil {
		return err
	}
	return d.admitted(ctx, l, begin, o, e, answer)
}
