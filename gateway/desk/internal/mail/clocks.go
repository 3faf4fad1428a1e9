package mail

import (
	"errors"
	"time"

	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/signed"
	"samband/gateway/verify"
	"samband/schema"
)

// asked returns what a reply may answer: the message that it names or, if that
// has no clock of its own, such as a reminder, what went the same way in its
// conversation.
func (c *change) asked(reply store.Row) ([]store.Row, error) {
	if reply.ReplyTo.IsZero() {
		return nil, nil
	}
	request, err := c.OfText(!reply.Received, reply.ReplyTo)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil || request.Other() != reply.Other() || request.Conversation != reply.Conversation {
		return nil, err
	}
	if _, t := c.typeOf(&request); t == nil || t.Clock != nil {
		return []store.Row{request}, nil
	}
	return c.Requests(!reply.Received, reply.Other(), reply.Conversation)
}

// endsClocks marks what a message of ours answered, when it was accepted, and
// counts the answer, once, as the clock stood then. Of several answers the first by
// the log's time ends the clock, whichever is written here first.
func (c *change) endsClocks(o store.Row, at signed.Time) error {
	if !o.Counts() {
		return nil
	}
	requests, err := c.asked(o)
	if err != nil {
		return err
	}
	for _, i := range requests {
		if !i.Counts() || !c.stops(&i, o.Outcome) || !sooner(at, i.Answered) {
			continue
		}
		first := i.Answered.IsZero()
		i.Answered, i.Answer = at, o.TextHash
		if err := c.Put(&i); err != nil {
			return err
		}
		if !first {
			continue
		}
		h, _ := c.typeOf(&i)
		deadline, err := c.room.Deadline(c.Tx, &i, h, at.AsTime())
		if err != nil {
			return err
		}
		if deadline != nil {
			if err := c.CountAnswer(deadline.Class, deadline.OnTime); err != nil {
				return err
			}
		}
	}
	return nil
}

func sooner(at, than signed.Time) bool { return than.IsZero() || at.Before(than) }

// reopensClocks takes back what an answer of ours ended, once that answer itself
// was refused, expired or withdrawn: it never counted. Another answer to the same
// message may.
func (c *change) reopensClocks(o store.Row) error {
	requests, err := c.asked(o)
	if err != nil {
		return err
	}
	ended := false
	for _, i := range requests {
		if i.Answer != o.TextHash {
			continue
		}
		ended = true
		i.Answered, i.Answer = signed.Time{}, signed.Hash{}
		if err := c.Put(&i); err != nil {
			return err
		}
	}
	if !ended {
		return nil
	}
	others, err := c.SentReplies(o.ReplyTo)
	if err != nil {
		return err
	}
	for _, other := range others {
		at, err := c.Time(other.TextHash, envelope.Accepted)
		if err != nil {
			return err
		}
		if err := c.endsClocks(other, at); err != nil {
			return err
		}
	}
	return nil
}

// endsOurClock marks what a received message answered, once it is handed over:
// only then is known what it says. The first answer by the log's time counts.
func (c *change) endsOurClock(i store.Row, at signed.Time) error {
	requests, err := c.asked(i)
	if err != nil {
		return err
	}
	for _, o := range requests {
		if !o.Counts() || !c.stops(&o, i.Outcome) || !sooner(at, o.Answered) {
			continue
		}
		o.Answered = at
		if err := c.Put(&o); err != nil {
			return err
		}
	}
	return nil
}

// stops reports whether a request has a clock that a reply of this outcome ends.
func (c *change) stops(request *store.Row, outcome string) bool {
	_, t := c.typeOf(request)
	return t != nil && t.Clock != nil && t.SettledBy(outcome)
}

// typeOf is the header of a message and its type; nil if this desk lacks
// that, or the header lies here damaged.
func (c *change) typeOf(r *store.Row) (*envelope.Header, *schema.Type) {
	h, err := HeaderOf(c.Tx, r.TextHash)
	if err != nil {
		return nil, nil
	}
	t, _ := c.room.Type(h.Type.Hash)
	return h, t
}

// maxOffset is how far this desk's clock may be from the log's before it is
// shown (SPEC §9.4).
const maxOffset = time.Minute

// compareClocks checks the log's time of a record against the span of the call
// that it was written in. A repeat was recorded earlier and tells nothing: its
// record lies before what this desk knew of the log when it called.
func (m *Room) compareClocks(begin time.Time, known *verify.Logs, index int64, at signed.Time) {
	if index < known.Audit().Size {
		return
	}
	end := m.Now()
	var offset time.Duration
	switch at := at.AsTime(); {
	case at.After(end):
		offset = at.Sub(end)
	case at.Before(begin.Truncate(time.Second)):
		offset = at.Sub(begin)
	}
	m.Metrics.offset.Set(offset.Seconds())
	if offset.Abs() > maxOffset {
		m.Log.Warn("this desk's clock and the log's disagree", "log minus desk", offset.String())
	}
}
