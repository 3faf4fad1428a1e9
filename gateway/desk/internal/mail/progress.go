package mail

import (
	"context"
	"errors"

	"samband/gateway/api"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

const (
	progressFeed = "progress"
	maxNotHeld   = 1000 // lines of the desk's log about messages that it does not have
)

// A progress reads what became of this desk's messages. The first page of a run is
// not waited for: it brings both logs up to date. After a page with something that
// was not believed, the cursor that outlives the process stays before it, and the
// feed is read from its beginning again.
type progress struct {
	feed
	known bool // after is that of the database, or later
}

func (p *progress) do(ctx context.Context) error {
	if !p.known {
		if err := p.resume(); err != nil {
			return err
		}
	}
	p.sweep()
	return read(ctx, &p.feed, p.after, p.Broker.Progress, p.takeIn)
}

// resume reads the cursor that an earlier run left.
func (p *progress) resume() error {
	err := p.Store.View(func(tx *store.Tx) error {
		s, err := tx.Cursor(progressFeed)
		if err != nil {
			return err
		}
		p.after, err = api.ParseCursor(s)
		return err
	})
	if p.after.Leaf() > p.logs.Load().Audit().Size {
		p.after = 0
	}
	p.known = err == nil
	return err
}

// takeIn writes down what a page brought, and reports how much of it could be
// believed. Where all could, and nothing before it is in doubt, the cursor is kept
// in the same write.
func (p *progress) takeIn(next *verify.Answer, answer *api.ProgressAnswer) (believed int, err error) {
	subjects, err := p.subjects(answer.Items)
	if err != nil {
		return 0, err
	}
	var steps []step
	for n := range answer.Items {
		item := &answer.Items[n]
		s, err := p.verifyItem(next, item, &subjects[n])
		_, refused := problem.Of(err)
		switch {
		case err == nil:
			steps = append(steps, s)
			believed++
		case refused, errors.Is(err, errEarly), errors.Is(err, verify.ErrNoNote):
			p.Log.Warn("an event is not believed", "id", item.ID, "event", item.Event, "problem", err.Error())
			if errors.Is(err, verify.ErrNoNote) { // it never comes again, and is in nobody's way
				believed++
			}
		default:
			return 0, err
		}
	}
	if p.doubted.IsZero() && believed == len(answer.Items) {
		steps = append(steps, func(c *change) error {
			if len(c.breaches) > 0 {
				return nil
			}
			return c.PutCursor(progressFeed, answer.Next.String())
		})
	}
	doubted, err := p.writeWith(unsynced, next, nil, steps)
	if err == nil {
		p.wait = p.readErasures(answer)
	}
	if err == nil && len(answer.Again) > 0 {
		p.again.add(answer.Again)
		wake(p.workers.outbox)
	}
	return believed - doubted, err
}

// A subject is the message that an item speaks of: one of this desk's, by a text
// that it made. None: it has no such message.
type subject struct {
	seq      int64
	textHash signed.Hash
	header   *envelope.Header
}

// subjects finds those of a page.
func (p *progress) subjects(items []api.ProgressItem) ([]subject, error) {
	found := make([]subject, len(items))
	err := p.Store.View(func(tx *store.Tx) error {
		for n, item := range items {
			r, err := tx.Sent(item.ID)
			textHash := item.Message
			switch {
			case err != nil:
			case textHash.IsZero():
				textHash = r.TextHash
			case textHash != r.TextHash:
				var of store.Row
				if of, err = tx.OfText(false, textHash); err == nil && of.Seq != r.Seq {
					err = store.ErrNotFound
				}
			}
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			h, err := HeaderOf(tx, textHash)
			if err != nil {
				return err
			}
			found[n] = subject{r.Seq, textHash, h}
		}
		return nil
	})
	return found, err
}

// heardOf verifies one item and returns what is to be written for it.
func (p *progress) verifyItem(next *verify.Answer, item *api.ProgressItem, of *subject) (step, error) {
	if item.Event == envelope.Erased {
		return p.ownErasures(next, item)
	}
	if of.header == nil {
		// Nothing that this desk shows changes by it, and a desk that was put back
		// from a backup hears so of what it sent since: that convicts nobody.
		unknown := problem.New(problem.UnknownMessage,
			"the broker has %s of a message that this desk does not have: it was put back from a backup, or the broker invents it", item.Event)
		return func(c *change) error {
			return c.LogOnce(p.Entry("not held here", "message "+item.ID.String(), unknown), maxNotHeld)
		}, nil
	}
	event, err := p.believe(next, of.header, of.textHash, &item.LoggedEvent)
	if errors.Is(err, errEarly) {
		why := err.Error()
		return nil, errors.Join(err, p.write(unsynced, nil, func(c *change) error { return c.waits(of.seq, nil, why) }))
	}
	if err != nil {
		return nil, err
	}
	p.tells(event.Index)
	return advances(of.seq, event), nil
}
