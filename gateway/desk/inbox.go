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

const (
	feedWait = 50 * time.Second
	feedPage = 50

	// sweepAfter is when the inbox is read from its beginning again, after it
	// held something that this desk could not believe.
	sweepAfter = 10 * time.Minute
)

// followInbox returns the job that reads the inbox. The feed holds only what has
// not ended, so its cursor need not outlive the process: a start reads it from
// the beginning and finds what an earlier run left undone. It does so too after a
// call that failed, for a broker that was away has forgotten what it was asked.
// The first page is not waited for: it names also what this desk consigned and
// the broker no longer holds, in case its disk was lost.
func (d *Desk) followInbox() func(context.Context) error {
	var after api.Cursor
	var wait time.Duration
	var doubted time.Time
	wanted := map[signed.Hash]bool{}
	return func(ctx context.Context) error {
		if !doubted.IsZero() && d.now().Sub(doubted) > sweepAfter {
			after, doubted = 0, time.Time{}
		}
		next, answer, err := feed(ctx, d, d.broker.Inbox, api.Page{After: after, Wait: wait, Limit: feedPage},
			func(a *api.InboxAnswer) (*api.Catchup, int) { return &a.Catchup, len(a.Items) + len(a.Again) })
		if errors.Is(err, api.ErrUnreachable) {
			after, wait = 0, 0
			clear(wanted)
		}
		if err != nil || answer == nil {
			return err
		}
		defer d.calls.Unlock()
		err = within(len(answer.Items), len(answer.Again))
		if err == nil {
			err = onward(next, 0, answer.Next) // it may lead back, to bytes that are awaited
		}
		if err != nil {
			return errors.Join(err, d.take(next, unsynced, nothing))
		}
		wait = feedWait
		believed, err := d.takeIn(ctx, next, answer.Items)
		if err != nil {
			return err
		}
		if believed < len(answer.Items) && doubted.IsZero() {
			doubted = d.now()
		}
		after = answer.Next
		return errors.Join(d.want(ctx, answer.Again, wanted), worthIt(believed, len(answer.Items)))
	}
}

// within holds a page against what was asked for.
func within(items, again int) error {
	if items > feedPage || again > api.MaxLimit {
		return fmt.Errorf("a page of %d items, where %d were asked for, and %d that are wanted again", items, feedPage, again)
	}
	return nil
}

// worthIt makes a page of which nothing could be believed an error, so that the
// next is asked for after a pause: a broker must not keep this desk busy.
func worthIt(believed, items int) error {
	if believed == 0 && items > 0 {
		return fmt.Errorf("of a page of %d items none could be believed", items)
	}
	return nil
}

// want asks for the bytes of messages that the broker has no more, once in a run
// for each that this desk does not hold either. d.calls is held.
func (d *Desk) want(ctx context.Context, lost []signed.Hash, wanted map[signed.Hash]bool) error {
	for _, message := range lost {
		err := d.store.View(func(tx *store.Tx) error { _, err := tx.Inbox(message); return err })
		if wanted[message] || !errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err := d.broker.Want(ctx, heads(d.logs.Load()), api.Want{Message: message}); err != nil {
			return err
		}
		wanted[message] = true
	}
	return nil
}

// feed makes one long poll. The poll itself holds nobody up; what it brought is
// learned under d.calls, which stays held when an answer is returned. Where
// another call was quicker, the page is asked for again from where we are by
// then, without waiting. No answer and no error: nothing came.
func feed[A any](ctx context.Context, d *Desk, ask func(context.Context, api.Heads, api.Page) (*A, error),
	page api.Page, parts func(*A) (*api.Catchup, int)) (*lesson, *A, error) {
	l := d.logs.Load()
	answer, err := ask(ctx, heads(l), page)
	d.heard(err)
	if err != nil {
		return nil, nil, err
	}
	d.calls.Lock()
	if now := d.logs.Load(); heads(now) != heads(l) {
		if _, items := parts(answer); items == 0 {
			d.calls.Unlock()
			return nil, nil, nil
		}
		l, page.Wait = now, 0
		if answer, err = ask(ctx, heads(l), page); err != nil {
			d.calls.Unlock()
			return nil, nil, err
		}
	}
	catchup, _ := parts(answer)
	next, err := d.learn(ctx, l, catchup)
	if err != nil {
		d.calls.Unlock()
		return nil, nil, err
	}
	return next, answer, nil
}

// takeIn holds each item of an inbox page against SPEC §5, and stores those that
// pass in one transaction, with their signed consignments. It reports how many
// could be believed.
func (d *Desk) takeIn(ctx context.Context, next *lesson, items []api.InboxItem) (believed int, err error) {
	var steps []func(*store.Tx) error
	held := map[sender]signed.Hash{}
	for _, item := range items {
		step, err := d.judge(ctx, next, item, held)
		if err != nil {
			if _, refused := problem.Of(err); !refused && !errors.Is(err, verify.ErrNoNote) {
				return 0, err
			}
			continue
		}
		steps = append(steps, step)
	}
	err = d.take(next, synced, func(tx *store.Tx) error {
		for _, step := range steps {
			if err := step(tx); err != nil {
				return err
			}
		}
		return nil
	})
	wake(d.workers.statements)
	wake(d.workers.opening)
	return len(steps), err
}

// sender and id name a message before its text is known.
type sender struct {
	from signed.Address
	id   signed.ID
}

// judge decides about one item and returns what is to be written for it. A
// *problem.Problem is the broker's fault: the bytes are kept as evidence and
// nothing is consigned.
func (d *Desk) judge(ctx context.Context, next *lesson, item api.InboxItem, held map[sender]signed.Hash) (func(*store.Tx) error, error) {
	shown := map[string][]byte{"envelope": item.Envelope, "acceptance": []byte(item.Acceptance), "checkpoint": next.Checkpoint}
	e, err := envelope.Parse(item.Envelope)
	if p, ok := problem.Of(err); ok {
		err = &verify.Breach{Problem: p, Subject: "inbox item " + item.Cursor.String(), Exhibits: shown}
	}
	var admitted *verify.Fact
	if err == nil {
		admitted, err = next.Admit(e, d.Address(), []byte(item.Acceptance), item.Consistency)
	}
	known := false
	if err == nil {
		known, err = d.held(e, held, shown)
	}
	if err != nil {
		d.accuse(err)
		return nil, err
	}
	fact := factOf(e.TextHash(), admitted)
	held[sender{e.From, e.ID}] = e.TextHash()
	if item.Consigned != nil {
		return d.consignedBefore(next, e, fact, item.Consigned, known)
	}
	if known {
		return nothing, nil // its consignment is on its way
	}
	note, err := d.signConsignment(next.Logs, e.TextHash())
	if err != nil {
		return nil, err
	}
	return func(tx *store.Tx) error {
		if err := receive(tx, e, fact); err != nil {
			return err
		}
		return tx.PutStatement(store.Statement{Message: e.TextHash(), Event: string(envelope.Consigned), Note: note})
	}, nil
}

// held reports whether this desk has the message already. A second text under
// the same sender and id is SECOND_TEXT.
func (d *Desk) held(e *envelope.Envelope, page map[sender]signed.Hash, shown map[string][]byte) (bool, error) {
	first, ok := page[sender{e.From, e.ID}]
	if !ok {
		err := d.store.View(func(tx *store.Tx) error {
			i, err := tx.InboxBy(e.From, e.ID)
			first, ok = i.Message, err == nil
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		})
		if err != nil {
			return false, err
		}
	}
	if ok && first != e.TextHash() {
		return true, breach("message "+e.ID.String()+" of "+string(e.From), shown, problem.SecondText, "this desk holds another text of %s with that id: %s", e.From, first)
	}
	return ok, nil
}

// receive stores a message as it crossed the wire, with the proof that it was
// accepted.
func receive(tx *store.Tx, e *envelope.Envelope, acceptance store.Fact) error {
	if err := tx.AddMessage(e.TextHash(), e.Note.Bytes(), e.Sealed); err != nil {
		return err
	}
	err := tx.AddInbox(store.InboxItem{
		Message: e.TextHash(), From: e.From, ID: e.ID, Type: e.Type.Name,
		Conversation: e.Conversation, ReplyTo: e.InReplyTo, State: store.Stored,
	})
	if err != nil {
		return err
	}
	return tx.PutFact(acceptance)
}

// consignedBefore takes in a message whose consignment stands already: this desk
// signed it and did not hear of the proof, or lost its disk since.
func (d *Desk) consignedBefore(next *lesson, e *envelope.Envelope, acceptance store.Fact, f *api.Fact, known bool) (func(*store.Tx) error, error) {
	fact, err := d.believe(next, &e.Header, e.TextHash(), f)
	if err != nil {
		return nil, err
	}
	return func(tx *store.Tx) error {
		if !known {
			if err := receive(tx, e, acceptance); err != nil {
				return err
			}
		}
		return d.settle(tx, store.Statement{Message: e.TextHash(), Event: string(envelope.Consigned)}, fact)
	}, nil
}
