package mail

import (
	"context"
	"errors"

	"samband/gateway/api"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// An inbox reads what arrives. The feed has only what has not ended, so its cursor
// need not outlive the process: a start reads it from the beginning and finds what
// an earlier run left undone. It does so too after a call that failed, for a broker
// that was away has forgotten what it was asked. The first page is not waited for:
// it names also what this desk consigned and the broker no longer has, in case its
// disk was lost.
type inbox struct {
	feed
	wanted map[signed.Hash]bool
	lost   []signed.Hash // of the last page
}

func (i *inbox) do(ctx context.Context) error {
	if i.opener.hasRoom(ctx); ctx.Err() != nil {
		return nil
	}
	i.sweep()
	i.lost = nil
	err := read(ctx, &i.feed, 0, i.Broker.Inbox, i.takeIn) // it may lead back, to bytes that are awaited
	if errors.Is(err, api.ErrUnreachable) {
		i.after, i.past, i.wait = 0, 0, 0
		clear(i.wanted)
	}
	return errors.Join(err, i.want(ctx))
}

// want asks for the bytes of messages that the broker has no more, once in a run
// for each that this desk does not have either.
func (i *inbox) want(ctx context.Context) error {
	for _, textHash := range i.lost {
		err := i.Store.View(func(tx *store.Tx) error { _, err := tx.OfText(true, textHash); return err })
		if i.wanted[textHash] || !errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err := i.Broker.Want(ctx, heads(i.logs.Load()), api.Want{Message: textHash}); err != nil {
			return err
		}
		i.wanted[textHash] = true
	}
	return nil
}

// An arrival is an item that passed, and what is to be written for it.
type arrival struct {
	*envelope.Envelope
	accepted  store.ProvenEvent
	consigned *store.ProvenEvent // this desk's own consignment, if there is one
	known     int64              // its row; zero: it is new
	written   bool               // it was new
	twice     bool               // it stands in the page before this one
	statement store.Statement    // of a new one, if the ring is locked
}

// takeIn checks each item of a page by SPEC §5 and keeps those that pass in one
// write. While the ring is unlocked they are opened then, before this desk
// states anything of them, and nothing is lost if the disk forgets them: they come again.
// What this desk has already is opened from the bytes that it has.
// Locked, this desk states at once that it keeps them, so the write is synced. It
// reports how many items could be believed.
func (i *inbox) takeIn(next *verify.Answer, page *api.InboxAnswer) (believed int, err error) {
	items := page.Items
	i.lost = page.Again
	locked, wait := i.Ring.Locked(), unsynced
	parsed, faults := make([]*envelope.Envelope, len(items)), make([]error, len(items))
	for n := range items {
		parsed[n], faults[n] = envelope.Parse(items[n].Envelope)
	}
	known, err := i.known(parsed)
	if err != nil {
		return 0, err
	}
	var arrived []*arrival
	var steps []step
	for n := range items {
		a, err := i.admit(next, &items[n], parsed[n], faults[n], known)
		if err != nil {
			if _, refused := problem.Of(err); !refused && !errors.Is(err, verify.ErrNoNote) {
				return 0, err
			}
			continue
		}
		i.tells(a.accepted.Index)
		i.brought = i.brought || a.known == 0 && !a.twice
		if believed++; a.twice || a.known != 0 && a.consigned == nil {
			continue // its statement is on its way
		}
		if a.known == 0 && a.consigned == nil && locked {
			if a.statement, err = i.consignment(a.TextHash()); err != nil {
				return 0, err
			}
			wait = synced
		}
		arrived = append(arrived, a)
		steps = append(steps, a.write)
	}
	doubted, err := i.writeWith(wait, next, nil, steps)
	if err != nil {
		return 0, err
	}
	for _, a := range arrived {
		if a.written && !locked {
			i.opener.begin(a.known, a.Envelope, a.accepted)
		}
	}
	if locked && !i.Ring.Locked() {
		i.opener.lookAgain() // unlocked meanwhile, before these were written
	}
	if wait == synced {
		i.wakeStatements()
	}
	return believed - doubted, nil
}

// sender and id name a message before its text is known.
type messageKey struct {
	from signed.Address
	id   signed.ID
}

// A keeping is the text that this desk has of a sender and id, and its row; zero
// for one of the same page.
type keeping struct {
	textHash signed.Hash
	seq      int64
}

// known is what this desk has already of a page.
func (i *inbox) known(page []*envelope.Envelope) (map[messageKey]keeping, error) {
	known := map[messageKey]keeping{}
	err := i.Store.View(func(tx *store.Tx) error {
		for _, e := range page {
			if e == nil {
				continue // it did not parse
			}
			r, err := tx.Received(e.From, e.ID)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			known[messageKey{e.From, e.ID}] = keeping{r.TextHash, r.Seq}
		}
		return nil
	})
	return known, err
}

// admit decides about one item. A *problem.Problem is the broker's fault: the
// bytes are kept as evidence, and nothing is stated of them. So is a second text
// under the same sender and id: SECOND_TEXT.
func (i *inbox) admit(next *verify.Answer, item *api.InboxItem, e *envelope.Envelope, err error, known map[messageKey]keeping) (*arrival, error) {
	shown := map[string][]byte{"envelope": item.Envelope, "acceptance": []byte(item.Acceptance), "checkpoint": next.AuditCheckpoint()}
	if p, ok := problem.Of(err); ok {
		err = &verify.Breach{Problem: p, Subject: "inbox item " + item.Cursor.String(), Exhibits: shown}
	}
	var admitted *verify.ProvenEvent
	if err == nil {
		admitted, err = next.Admit(e, i.Desk, []byte(item.Acceptance), item.Consistency)
	}
	var has keeping
	var before bool
	if err == nil {
		if has, before = known[messageKey{e.From, e.ID}]; before && has.textHash != e.TextHash() {
			err = breach("message "+e.ID.String()+" of "+string(e.From), shown, problem.SecondText,
				"this desk has another text of %s with that id: %s", e.From, has.textHash)
		}
	}
	if err != nil {
		i.accuse(err)
		return nil, err
	}
	a := &arrival{Envelope: e, accepted: provenEvent(e.TextHash(), admitted), known: has.seq, twice: before && has.seq == 0}
	known[messageKey{e.From, e.ID}] = keeping{e.TextHash(), has.seq}
	if item.Consigned != nil { // signed by this desk, which did not hear of the proof, or lost its disk since
		event, err := i.believe(next, &e.Header, e.TextHash(), item.Consigned)
		if err != nil {
			return nil, err
		}
		a.consigned = &event
	}
	return a, nil
}

// write keeps a message as it crossed the wire, with the proof that it was
// accepted.
func (a *arrival) write(c *change) error {
	if a.known == 0 {
		r := store.Row{
			Received: true, From: a.From, ID: a.ID, To: a.To, TextHash: a.TextHash(), Type: a.Type.Name, Urgent: isUrgent(&a.Header),
			Conversation: a.Conversation, ReplyTo: a.InReplyTo, State: client.Accepted, Accepted: true, Unproven: a.statement,
		}
		if t, ok := c.room.Type(a.Type.Hash); ok {
			r.Asks, r.Closes, r.Outcome = t.Asks(), t.Closes(), t.Outcome()
		}
		if err := c.AddText(r.TextHash, a.Note.Bytes(), a.Sealed); err != nil {
			return err
		}
		if err := c.Add(&r); err != nil {
			return err
		}
		if err := c.PutProven(a.accepted); err != nil {
			return err
		}
		if err := c.weigh(r.Seq); err != nil {
			return err
		}
		a.known, a.written = r.Seq, true
	}
	if a.consigned != nil {
		return c.advance(a.known, *a.consigned)
	}
	return nil
}
