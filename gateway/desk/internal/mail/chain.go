package mail

import (
	"errors"
	"slices"

	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// A chain is what stands above a message: the message that its in-reply-to names, the
// one that that names, and so on. What a message means for those above it is written
// down once, as links, when its acceptance is proven and it is known what it says; and
// taken back when it ends unread. So what a clock or a turn costs to look up is what
// was said about one message, however long its conversation is.
//
// Which message a reply settles: the nearest above it that came from the other side,
// is settled by such a reply, and was not settled by an earlier one. Earlier is by the
// log, so both desks come to the same, in whichever order they hear of things
// (SPEC §9.4).

// maxChain bounds how far up a chain is read.
const maxChain = 64

// A chained is a message of a chain, and its type; nil if this desk lacks it.
type chained struct {
	store.Row
	typ *schema.Type
}

// parent is the message that in-reply-to names, if it went between the same two desks
// in the same conversation; ErrNotFound: this desk has no such message. A message to
// this desk itself was both sent and received: what answers it names the other.
func parent(tx *store.Tx, r *store.Row) (store.Row, error) {
	if r.ReplyTo.IsZero() {
		return store.Row{}, store.ErrNotFound
	}
	p, err := tx.OfText(!r.Received, r.ReplyTo)
	if errors.Is(err, store.ErrNotFound) {
		p, err = tx.OfText(r.Received, r.ReplyTo)
	}
	if err == nil && (p.Other() != r.Other() || p.Conversation != r.Conversation) {
		err = store.ErrNotFound
	}
	return p, err
}

// chainOf is the chain above a message, the nearest first.
func (m *Room) chainOf(tx *store.Tx, r *store.Row) (chain []chained, err error) {
	for at := *r; len(chain) < maxChain; {
		at, err = parent(tx, &at)
		if errors.Is(err, store.ErrNotFound) {
			return chain, nil
		}
		if err != nil {
			return nil, err
		}
		_, t := m.typeOf(tx, &at)
		chain = append(chain, chained{at, t})
	}
	return chain, nil
}

// linksOf are what a message means for those above it.
func (m *Room) linksOf(tx *store.Tx, r *store.Row) (links []store.Link, err error) {
	chain, err := m.chainOf(tx, r)
	if err != nil || len(chain) == 0 {
		return nil, err
	}
	_, t := m.typeOf(tx, r)
	add := func(kind store.LinkKind, n int) {
		if kind != store.Settles && kind != store.Drops && slices.ContainsFunc(links, func(l store.Link) bool { return l.Kind == kind }) {
			return // it speaks of the nearest
		}
		links = append(links, store.Link{Asked: chain[n].Seq, Kind: kind, Place: n + 1})
	}
	for n, x := range chain {
		if x.Received == r.Received {
			if x.Asks && (r.Closes || x.typ != nil && x.typ.DroppedBy(r.Outcome)) {
				add(store.Drops, n)
			}
			continue
		}
		if x.typ == nil {
			continue
		}
		if x.typ.SettledBy(r.Outcome) {
			add(store.Settles, n)
		}
		clock := x.typ.Clock
		if clock == nil {
			continue
		}
		if clock.Pause != nil && clock.Pause.By == r.Outcome {
			add(store.Pauses, n)
		}
		if slices.Contains(clock.ExtendedBy, r.Outcome) {
			add(store.Extends, n)
		}
		if t != nil && t.Declares() {
			add(store.Declares, n)
		}
	}
	return links, nil
}

// weigh writes what a message means now that its row has changed.
func (c *change) weigh(seq int64) error {
	r, err := c.Row(seq)
	if err != nil {
		return err
	}
	effective := r.Accepted && r.Counts() && r.Outcome != ""
	settled := !r.Counts() && !r.Answer.IsZero() // by a reply to what was never opened
	if effective == r.Effective && !settled {
		return nil
	}
	r.Effective = effective
	if effective {
		return c.takesEffect(&r)
	}
	return c.takenBack(&r)
}

// takesEffect writes the links of a message and what follows from them.
func (c *change) takesEffect(r *store.Row) error {
	if err := c.Put(r); err != nil {
		return err
	}
	links, err := c.room.linksOf(c.Tx, r)
	if err != nil {
		return err
	}
	for _, l := range links {
		if err := c.AddLink(r.Seq, l); err != nil {
			return err
		}
		if l.Kind == store.Drops {
			if err := c.drops(l.Asked); err != nil {
				return err
			}
		}
	}
	if len(links) > 0 {
		if err := c.settles(r.Seq); err != nil {
			return err
		}
	}
	if !r.Asks {
		return nil
	}
	return c.offer(r.Seq)
}

// takenBack undoes what a message meant, once it was refused, expired or withdrawn: it
// never counted.
func (c *change) takenBack(r *store.Row) error {
	links, err := c.Links(r.Seq)
	if err != nil {
		return err
	}
	settledBy := r.Answer
	r.Answered, r.Answer = signed.Time{}, signed.Hash{}
	if err := c.Put(r); err != nil {
		return err
	}
	if err := c.DropLinks(r.Seq); err != nil {
		return err
	}
	for _, l := range links {
		switch l.Kind {
		case store.Drops:
			err = c.drops(l.Asked)
		case store.Settles:
			err = c.reopens(l.Asked, r.TextHash)
		}
		if err != nil {
			return err
		}
	}
	if settledBy.IsZero() {
		return nil
	}
	reply, err := c.OfText(!r.Received, settledBy)
	if err != nil {
		return err
	}
	return c.settles(reply.Seq)
}

// drops writes since when the sender of a message asks no more.
func (c *change) drops(asked int64) error {
	later, err := c.Later(asked, store.Drops)
	if err != nil {
		return err
	}
	x, err := c.Row(asked)
	if err != nil {
		return err
	}
	x.Dropped = signed.Time{}
	if len(later) > 0 {
		x.Dropped = later[0].Accepted
	}
	return c.Put(&x)
}

// settles finds what a reply settles, and what an earlier finding of another reply
// must give way to: of two replies the first by the log settles the nearer message.
// An answer is counted, once, as the clock stood then.
func (c *change) settles(reply int64) error {
	for {
		r, err := c.Row(reply)
		if err != nil {
			return err
		}
		links, err := c.Links(reply)
		if err != nil {
			return err
		}
		gaveWay, err := c.settlesNearest(&r, links)
		if err != nil || gaveWay.IsZero() {
			return err
		}
		other, err := c.OfText(r.Received, gaveWay)
		if err != nil {
			return err
		}
		reply = other.Seq
	}
}

// settlesNearest settles the nearest message that no earlier reply did, and returns
// the later one that had done so.
func (c *change) settlesNearest(r *store.Row, links []store.Link) (gaveWay signed.Hash, err error) {
	for _, l := range links {
		if l.Kind != store.Settles {
			continue
		}
		x, err := c.Row(l.Asked)
		if err != nil {
			return gaveWay, err
		}
		if free, err := c.free(&x, r); err != nil || !free {
			if err != nil {
				return gaveWay, err
			}
			continue
		}
		if gaveWay = x.Answer; gaveWay == r.TextHash {
			return signed.Hash{}, nil
		}
		if err := c.settle(&x, r); err != nil || !gaveWay.IsZero() || !x.Received {
			return gaveWay, err
		}
		h, _ := c.room.typeOf(c.Tx, &x)
		deadline, err := c.room.Deadline(c.Tx, &x, h, x.Answered.AsTime())
		if err != nil || deadline == nil {
			return gaveWay, err
		}
		return gaveWay, c.CountAnswer(deadline.Class, deadline.OnTime)
	}
	return gaveWay, nil
}

// free reports whether a reply may settle a message: nothing does, or something later.
func (c *change) free(x, r *store.Row) (bool, error) {
	if !x.Counts() || x.Answered.IsZero() || x.Answer == r.TextHash {
		return x.Counts(), nil
	}
	by, err := c.Index(x.Answer, envelope.Accepted)
	if err != nil {
		return false, err
	}
	mine, err := c.Index(r.TextHash, envelope.Accepted)
	return mine < by, err
}

// settle writes that a reply settled a message.
func (c *change) settle(x, r *store.Row) (err error) {
	if x.Answered, err = c.Time(r.TextHash, envelope.Accepted); err != nil {
		return err
	}
	x.Answer = r.TextHash
	return c.Put(x)
}

// reopens takes back that a message was settled by a text, and offers it to others.
func (c *change) reopens(asked int64, by signed.Hash) error {
	x, err := c.Row(asked)
	if err != nil || x.Answer != by {
		return err
	}
	x.Answered, x.Answer = signed.Time{}, signed.Hash{}
	if err := c.Put(&x); err != nil {
		return err
	}
	return c.offer(asked)
}

// offer has an open message settled by the first reply that settles nothing nearer;
// what that reply settled before is offered in its turn.
func (c *change) offer(asked int64) error {
	x, err := c.Row(asked)
	if err != nil || !x.Asks || !x.Counts() || !x.Answered.IsZero() {
		return err
	}
	later, err := c.Later(asked, store.Settles)
	if err != nil {
		return err
	}
	for _, reply := range later {
		has, place, err := c.settledBy(&reply.Row)
		if err != nil {
			return err
		}
		if has != 0 && place < reply.Place {
			continue
		}
		if err := c.settle(&x, &reply.Row); err != nil || has == 0 {
			return err
		}
		return c.reopens(has, reply.TextHash)
	}
	return nil
}

// settledBy is what a reply settles now, and its place above it; zero: nothing.
func (c *change) settledBy(reply *store.Row) (asked int64, place int, err error) {
	links, err := c.Links(reply.Seq)
	if err != nil {
		return 0, 0, err
	}
	for _, l := range links {
		if l.Kind != store.Settles {
			continue
		}
		x, err := c.Row(l.Asked)
		if err != nil {
			return 0, 0, err
		}
		if x.Answer == reply.TextHash {
			return x.Seq, l.Place, nil
		}
	}
	return 0, 0, nil
}

// MayFollow checks, before a message is sealed, that it may name an earlier one of
// this desk's or of the other's in in-reply-to; else REPLY_NOT_ALLOWED. Nobody who
// receives a message refuses it for what this asks beside the types: messages cross.
func (m *Room) MayFollow(tx *store.Tx, earlier *store.Row, t *schema.Type, outcome string) error {
	switch {
	case !earlier.Accepted:
		return problem.New(problem.ReplyNotAllowed, "message %s is not accepted yet: nothing can follow it", earlier.ID)
	case !earlier.Counts():
		return problem.New(problem.ReplyNotAllowed, "message %s is %s: nothing can follow it", earlier.ID, earlier.State)
	}
	if err := m.allows(tx, earlier, outcome, !earlier.Received); err != nil {
		return err
	}
	next := store.Row{From: earlier.From, To: earlier.To, Conversation: earlier.Conversation, ReplyTo: earlier.TextHash}
	if earlier.Received {
		next.From, next.To = earlier.To, earlier.From
	}
	chain, err := m.chainOf(tx, &next)
	if err != nil {
		return err
	}
	var settled *chained
	open := false
	for n, x := range chain {
		if x.Received && x.typ != nil && x.typ.SettledBy(outcome) && x.Counts() {
			open = open || x.Answered.IsZero() && x.Dropped.IsZero()
			if settled == nil && !x.Answered.IsZero() {
				settled = &chain[n]
			}
		}
	}
	closed, err := tx.ClosedBy(earlier.Conversation, earlier.Other())
	switch {
	case open:
		return nil // whoever owes an answer may always give it
	case err == nil && !t.AfterClose():
		return problem.New(problem.ReplyNotAllowed, "the conversation was closed at %s by message %s of %s", closed.Accepted, closed.ID, closed.From)
	case err != nil && !errors.Is(err, store.ErrNotFound):
		return err
	case settled != nil:
		by, err := tx.OfText(false, settled.Answer)
		if err != nil {
			return err
		}
		return problem.New(problem.ReplyNotAllowed, "message %s was answered at %s by message %s, of type %s", settled.ID, settled.Answered, by.ID, by.Type)
	}
	return nil
}

// allows checks by the types alone; TYPE_OUTDATED while this desk lacks the earlier
// message's.
func (m *Room) allows(tx *store.Tx, earlier *store.Row, outcome string, followUp bool) error {
	h, t := m.typeOf(tx, earlier)
	switch {
	case h != nil && t == nil:
		return lacksType(h.Type)
	case t != nil && t.Allows(outcome, followUp):
		return nil
	}
	if followUp {
		return problem.New(problem.ReplyNotAllowed, "%s may not be followed by %s of its own sender", earlier.Type, outcome)
	}
	return problem.New(problem.ReplyNotAllowed, "%s may not be answered by %s", earlier.Type, outcome)
}

// typeOf is the header of a message and its type; nil if this desk lacks that, or the header lies here damaged.
func (m *Room) typeOf(tx *store.Tx, r *store.Row) (*envelope.Header, *schema.Type) {
	h, err := HeaderOf(tx, r.TextHash)
	if err != nil {
		return nil, nil
	}
	t, _ := m.Type(h.Type.Hash)
	return h, t
}
