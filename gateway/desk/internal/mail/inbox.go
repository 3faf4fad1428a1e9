package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

const (
	feedWait = 50 * time.Second

	// sweepAfter is after how long this desk asks again for what it could not believe.
	sweepAfter = 10 * time.Minute

	// hasty is how soon a poll ends that was not waited for.
	hasty = time.Second

	// maxDoubted bounds the messages that are not asked for meanwhile: a broker can show
	// as many as it likes.
	maxDoubted = 256

	// maxTold bounds the large messages that wait to be fetched, likewise.
	maxTold = 256
)

// errIdle says that a poll ended at once and brought nothing, or nothing but what this
// desk had heard. A pause follows, so that no broker keeps this desk busy.
var errIdle = errors.New("the poll ended early and brought nothing")

// An inbox reads what arrives. It asks by what this desk has in hand (what it took in and
// has said no proven word of), which is in the database, so a start finds what an earlier
// run left undone, and a broker that forgets what it was asked loses nothing.
// The first page, and the one after a call that failed, is not waited for: so it shows at
// once that the broker answers, and a poll of another in this desk's name takes nothing from it.
//
// There are two. One polls for small messages, and is told the hashes of large ones, which
// the other then fetches over a connection of its own: nothing short waits behind them.
type inbox struct {
	*Room
	*inHand
	part api.Part
	wait time.Duration
	load load
}

// inHand is what the two inboxes know of messages beside the database.
type inHand struct {
	mu      sync.Mutex
	back    map[signed.Hash]bool      // consigned, came again since this desk wanted it, and is here
	doubted map[signed.Hash]time.Time // not believed, and since when
	told    map[signed.Hash]time.Time // large ones that are to be fetched; with a time: since when they are not there
}

func (m *Room) newInboxes() (small, large *inbox) {
	hand := &inHand{back: map[signed.Hash]bool{}, doubted: map[signed.Hash]time.Time{}, told: map[signed.Hash]time.Time{}}
	return &inbox{Room: m, inHand: hand, part: api.Small, load: firstPage}, &inbox{Room: m, inHand: hand, part: api.Large, load: firstPage}
}

func (i *inbox) do(ctx context.Context) error {
	if i.diskHasRoom(ctx); ctx.Err() != nil {
		return nil
	}
	if i.opener.hasRoom(ctx); ctx.Err() != nil {
		return nil
	}
	if i.part == api.Large {
		return i.fetch(ctx)
	}
	_, err := i.page(ctx)
	return err
}

// fetch takes in the large messages that this desk was told of. What the broker does not
// have for it then, it is asked for again a while later.
func (i *inbox) fetch(ctx context.Context) error {
	for {
		texts := i.toFetch()
		if len(texts) == 0 {
			return nil
		}
		answer, err := i.page(ctx)
		if err != nil {
			return err
		}
		if len(answer.Items) == 0 {
			i.notThere(texts)
		}
	}
}

// page asks for a page and takes it in.
func (i *inbox) page(ctx context.Context) (*api.InboxAnswer, error) {
	held, err := i.held(ctx)
	if err != nil {
		return nil, err
	}
	base, began, waits, called := i.logs.Load(), i.Now(), i.wait > 0, time.Now()
	ask := api.Ask{Held: held, Wait: i.wait, Limit: min(api.MaxLimit, api.MaxHeld-len(held)), Bytes: int(i.load), Part: i.part}
	answer, err := i.Broker.Inbox(ctx, heads(base), ask)
	if i.part == api.Small || !errors.Is(err, api.ErrBroken) {
		i.heard(err)
	}
	i.polled(err == nil && answer.Shared, err)
	if i.part == api.Small {
		i.wait = feedWait
	}
	if err != nil {
		i.wait = 0
		i.load.failed()
		return nil, err
	}
	size := catchupSize(&answer.Catchup)
	for n := range answer.Items {
		size += len(answer.Items[n].Envelope)
	}
	i.load.page(size, time.Since(called))
	next, err := i.extend(ctx, base, &answer.Catchup)
	if err != nil {
		return nil, err
	}
	if len(answer.Items) > ask.Limit || len(answer.Large) > ask.Limit {
		err := fmt.Errorf("a page of %d items, and %d that are large, where %d of each were asked for", len(answer.Items), len(answer.Large), ask.Limit)
		return nil, errors.Join(err, i.write(unsynced, next))
	}
	early := waits && i.Now().Sub(began) < hasty
	news, err := i.takeIn(next, answer)
	if i.tell(answer.Large) {
		news++
		wake(i.workers.inbox)
	}
	switch {
	case err != nil || news > 0:
		return answer, err
	case len(answer.Items) > 0: // an error, so that a pause follows: a broker must not keep this desk busy
		return nil, fmt.Errorf("a page of %d items brought nothing that could be believed and was not here", len(answer.Items))
	case (early || len(answer.Large) > 0) && next.Register().Size() == base.Register().Size():
		return nil, errIdle
	}
	return answer, nil
}

// tell takes the hashes of large messages, and reports whether any is to be fetched that
// was not before.
func (h *inHand) tell(large api.Held) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, text := range large {
		if _, known := h.told[text]; !known && len(h.told) < maxTold {
			h.told[text] = time.Time{}
			news = true
		}
	}
	return news
}

// toFetch are the large messages that are to be fetched.
func (h *inHand) toFetch() (texts []signed.Hash) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for text, since := range h.told {
		if since.IsZero() {
			texts = append(texts, text)
		}
	}
	return texts
}

// notThere says that the broker has none of these that it told of.
func (i *inbox) notThere(texts []signed.Hash) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, text := range texts {
		if _, told := i.told[text]; told {
			i.told[text] = i.Now()
		}
	}
}

// held is what the broker is not to show again. With as much in hand as may be named,
// this desk asks for nothing until it has said something of it.
func (i *inbox) held(ctx context.Context) (held []signed.Hash, err error) {
	i.mu.Lock()
	for text, since := range i.doubted {
		if i.Now().Sub(since) > sweepAfter {
			delete(i.doubted, text)
		}
	}
	for text, since := range i.told {
		if !since.IsZero() && i.Now().Sub(since) > wantAfter {
			delete(i.told, text)
		}
	}
	i.mu.Unlock()
	for {
		_, changed := i.Changed()
		err := i.Store.View(func(tx *store.Tx) (err error) {
			if held, err = tx.Held(api.MaxHeld); err != nil {
				return err
			}
			i.mu.Lock()
			defer i.mu.Unlock()
			for text := range i.back {
				r, err := tx.OfText(true, text)
				if err != nil {
					return err
				}
				if r.State.Ended() {
					delete(i.back, text)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		i.mu.Lock()
		held = slices.AppendSeq(slices.AppendSeq(held, maps.Keys(i.back)), maps.Keys(i.doubted))
		if i.part == api.Small {
			held = slices.AppendSeq(held, maps.Keys(i.told))
		}
		i.mu.Unlock()
		slices.SortFunc(held, func(a, b signed.Hash) int { return bytes.Compare(a[:], b[:]) })
		if held = slices.Compact(held); len(held) < api.MaxHeld {
			return held, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
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
// reports how many items could be believed and were not here.
func (i *inbox) takeIn(next *verify.Answer, page *api.InboxAnswer) (news int, err error) {
	items := page.Items
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
			if parsed[n] != nil {
				i.doubt(parsed[n].TextHash())
			}
			continue
		}
		if a.twice || a.known != 0 && (a.consigned == nil || i.here(a.TextHash())) {
			continue // its statement is on its way, or it came again before
		}
		news++
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
		i.came(a.TextHash(), a.consigned != nil)
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
	return news - doubted, nil
}

// doubt notes a message that was not believed.
func (i *inbox) doubt(text signed.Hash) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.doubted) < maxDoubted {
		i.doubted[text] = i.Now()
	}
}

// here reports whether a message that was wanted came again before.
func (h *inHand) here(text signed.Hash) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.back[text]
}

// came notes a message that is here now, and whether it was wanted again.
func (h *inHand) came(text signed.Hash, again bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.told, text)
	if again {
		h.back[text] = true
	}
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
		err = &verify.Breach{Problem: p, Subject: "inbox item " + signed.HashOf(item.Envelope).String(), Exhibits: shown}
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
			Conversation: a.Conversation, ReplyTo: a.InReplyTo, State: client.Accepted, Accepted: true,
		}
		if a.statement.Event != "" {
			if err := c.State(&r, a.statement); err != nil {
				return err
			}
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
		if err := c.WantElsewhere(r.TextHash, false); err != nil {
			return err
		}
		a.known, a.written = r.Seq, true
	}
	if a.consigned != nil {
		return c.advance(a.known, *a.consigned)
	}
	return nil
}
