package mail

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

// ProgressFeed is the name of the feed in the database.
const ProgressFeed = "progress"

const (
	maxWants = 100 // messages that are asked for at once

	// wantAfter is after how long this desk asks again for what it wants and did not get:
	// a thief of its online ring may have taken it from the inbox.
	wantAfter = time.Minute
)

// A progress reads what became of this desk's messages, and accounts for what was said in
// its name (elsewhere.go). The first page of a run is not waited for: it brings both logs
// up to date. Nor is the one after a call that failed: another who polls in this desk's name
// would else keep its words from it. After a page with something that was not believed, the cursor that outlives
// the process stays before it, and the feed is read from its beginning again.
type progress struct {
	*Room
	known   bool // after is that of the database, or later
	after   api.Cursor
	wait    time.Duration
	load    load
	doubted time.Time                 // when something was first not believed, since the feed's beginning
	past    int64                     // behind the last proven entry that was told of, since the feed's beginning
	asked   map[signed.Hash]time.Time // wants of this run
}

func (m *Room) newProgress() *progress {
	return &progress{Room: m, load: firstPage, asked: map[signed.Hash]time.Time{}}
}

func (p *progress) do(ctx context.Context) error {
	if !p.known {
		if err := p.resume(); err != nil {
			return err
		}
	}
	if p.feedAnew.Swap(false) || !p.doubted.IsZero() && p.Now().Sub(p.doubted) > sweepAfter {
		p.after, p.past, p.doubted = 0, 0, time.Time{}
	}
	items, err := p.read(ctx)
	if errors.Is(err, api.ErrUnreachable) {
		clear(p.asked) // a broker that was away may have forgotten
	}
	if err != nil || items == api.MaxLimit {
		return err // or there is more: what is wanted may have ended there
	}
	return p.want(ctx)
}

// read takes in one page, and returns how many items it had.
func (p *progress) read(ctx context.Context) (items int, err error) {
	base, began, waits := p.logs.Load(), p.Now(), p.wait > 0
	called := time.Now()
	answer, err := p.Broker.Progress(ctx, heads(base), api.Page{After: p.after, Wait: p.wait, Limit: api.MaxLimit, Bytes: int(p.load)})
	p.heard(err)
	p.polled(err == nil && answer.Shared, err)
	if err != nil {
		p.wait = 0
		p.load.failed()
		return 0, err
	}
	size := catchupSize(&answer.Catchup)
	for n := range answer.Items {
		size += len(answer.Items[n].Note) + len(answer.Items[n].Proof)
	}
	p.load.page(size, time.Since(called))
	next, err := p.extend(ctx, base, &answer.Catchup)
	if err != nil {
		return 0, err
	}
	if err := checkPage(answer, p.after, next.Audit().Size); err != nil {
		return 0, errors.Join(err, p.write(unsynced, next))
	}
	p.wait = feedWait
	asked, told := p.Now(), p.past
	early := waits && asked.Sub(began) < hasty
	believed, err := p.takeIn(next, answer)
	if err != nil {
		return 0, err
	}
	if believed < len(answer.Items) && p.doubted.IsZero() {
		p.doubted = asked
	}
	p.after = answer.Next
	if believed == 0 && len(answer.Items) > 0 { // an error, so that a pause follows: a broker must not keep this desk busy
		return 0, fmt.Errorf("of a page of %d items none could be believed", len(answer.Items))
	}
	if (early || len(answer.Items) > 0) && p.past == told && next.Register().Size() == base.Register().Size() {
		return 0, errIdle
	}
	return len(answer.Items), nil
}

// checkPage compares a page with what was asked for. Its cursor leads on, and not past
// the log: one that does would hide for ever what comes before it.
func checkPage(a *api.ProgressAnswer, least api.Cursor, size int64) error {
	if len(a.Items) > api.MaxLimit || len(a.Again) > api.MaxLimit {
		return fmt.Errorf("a page of %d items, and %d that are wanted again, where %d of each were asked for", len(a.Items), len(a.Again), api.MaxLimit)
	}
	if a.Next < least || a.Next.Leaf() > size {
		return fmt.Errorf("the feed's next cursor is %s: from %s, in a log of %d entries, it leads nowhere", a.Next, least, size)
	}
	return nil
}

// resume reads the cursor that an earlier run left.
func (p *progress) resume() error {
	err := p.Store.View(func(tx *store.Tx) error {
		s, err := tx.Cursor(ProgressFeed)
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
	others := elsewhere{Room: p.Room}
	var steps []step
	for n := range answer.Items {
		item := &answer.Items[n]
		s, err := p.verifyItem(next, item, &subjects[n], &others)
		_, refused := problem.Of(err)
		switch {
		case err == nil:
			steps = append(steps, s)
			believed++
			if r, err := next.Proven([]byte(item.Proof), item.Event); err == nil { // the cursor is the broker's word alone
				p.past = max(p.past, r.Index+1)
			}
		case refused, errors.Is(err, errEarly), errors.Is(err, verify.ErrNoNote):
			p.Log.Warn("an event is not believed", "id", item.ID, "event", item.Event, "problem", err.Error())
			if errors.Is(err, verify.ErrNoNote) { // it never comes again, and is in nobody's way
				believed++
			}
		default:
			return 0, err
		}
	}
	steps = append(steps, others.steps()...)
	if p.doubted.IsZero() && believed == len(answer.Items) {
		steps = append(steps, func(c *change) error {
			if len(c.breaches) > 0 {
				return nil
			}
			if err := c.DropAbsences(answer.Next.Leaf()); err != nil {
				return err
			}
			return c.PutCursor(ProgressFeed, answer.Next.String())
		})
	}
	wait := unsynced
	if !p.shows.Load() {
		wait = vital // see learning
	}
	doubted, err := p.writeWith(wait, next, nil, steps)
	if err == nil {
		p.wait = p.readErasures(answer)
	}
	if err == nil && len(answer.Again) > 0 {
		p.again.add(answer.Again)
		wake(p.workers.large)
	}
	return believed - doubted, err
}

// A subject is the message that an item speaks of: one of this desk's, by a text
// that it made. None: it has no such message.
type subject struct {
	seq      int64
	textHash signed.Hash
	header   *envelope.Header

	said bool // this desk signed the item's note
}

// own reports whether an item is a word in the desk's own name: about what it received, or
// a withdrawal.
func (of *subject) own(item *api.ProgressItem, me signed.Address) bool {
	return item.Sender != me || item.Event == envelope.Withdrawn ||
		of.header != nil && of.header.To == me && !item.Event.ByTheClock()
}

// subjects finds those of a page.
func (p *progress) subjects(items []api.ProgressItem) ([]subject, error) {
	found := make([]subject, len(items))
	err := p.Store.View(func(tx *store.Tx) error {
		for n := range items {
			item, err := &items[n], error(nil)
			if found[n].said, err = tx.Said(signed.HashOf(item.Note)); err != nil {
				return err
			}
			if item.Sender != p.Desk {
				continue
			}
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
			found[n].seq, found[n].textHash, found[n].header = r.Seq, textHash, h
		}
		return nil
	})
	return found, err
}

// verifyItem verifies one item and returns what is to be written for it. What another said
// in this desk's name it hands to others.
func (p *progress) verifyItem(next *verify.Answer, item *api.ProgressItem, of *subject, others *elsewhere) (step, error) {
	if item.Event == envelope.Erased {
		return p.ownErasures(next, item, of.said)
	}
	if of.own(item, p.Desk) {
		if err := others.account(next, item, of); err != nil {
			return nil, err
		}
	}
	if item.Sender != p.Desk {
		return nothing, nil
	}
	if of.header == nil {
		return p.notHeld(next, item, others)
	}
	event, err := p.believe(next, of.header, of.textHash, &item.LoggedEvent)
	if errors.Is(err, errEarly) {
		why := err.Error()
		return nil, errors.Join(err, p.write(unsynced, nil, func(c *change) error { return c.waits(of.seq, nil, why) }))
	}
	if err != nil {
		return nil, err
	}
	return advances(of.seq, event), nil
}

// notHeld takes in an event of a message that this desk does not have. Nothing that it
// shows changes by it.
func (p *progress) notHeld(next *verify.Answer, item *api.ProgressItem, others *elsewhere) (step, error) {
	if item.Event != envelope.Withdrawn {
		if err := others.sent(next, item); err != nil {
			return nil, err
		}
	}
	unknown := problem.New(problem.UnknownMessage,
		"the broker has %s of a message that this desk does not have: it was put back from a backup, another has its ring, or the broker invents it", item.Event)
	return func(c *change) error {
		return c.LogBounded(p.Entry("not held here", "message "+item.ID.String(), unknown))
	}, nil
}

func nothing(*change) error { return nil }

// want asks for the messages that another consigned in this desk's name and that it lacks:
// they come by the inbox. It asks once more when they do not.
func (p *progress) want(ctx context.Context) error {
	var wanted []signed.Hash
	err := p.Store.View(func(tx *store.Tx) (err error) {
		wanted, err = tx.Wanted(maxWants)
		return err
	})
	if err != nil {
		return err
	}
	for _, textHash := range wanted {
		if at, ok := p.asked[textHash]; ok && p.Now().Sub(at) <= wantAfter {
			continue
		}
		err := p.Broker.Want(ctx, heads(p.logs.Load()), api.Want{Message: textHash})
		if problem.CodeOf(err) == problem.UnknownMessage { // it has ended
			err = p.write(unsynced, nil, func(c *change) error { return c.WantElsewhere(textHash, false) })
		}
		if err != nil {
			return err
		}
		p.asked[textHash] = p.Now()
	}
	return nil
}
