package desk

import (
	"errors"
	"time"

	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/signed"
	"samband/gateway/verify"
	"samband/schema"
)

// A Deadline is where the legal clock of a request stands. All its times are the
// broker's logged times.
type Deadline struct {
	Class    string        `json:"class"` // "8h", "3d", "7d"
	Due      signed.Time   `json:"due"`
	Access   schema.Access `json:"access,omitempty"` // as this desk declared of what it received
	Paused   bool          `json:"paused,omitempty"` // a clarification is out
	Overdue  bool          `json:"overdue,omitempty"`
	Answered signed.Time   `json:"answered,omitzero"`
	OnTime   bool          `json:"on_time,omitempty"` // of an answered one
}

// A request is a message as its clock sees it, on either side.
type request struct {
	*envelope.Header
	message  signed.Hash
	received bool
	state    store.State
	answered signed.Time
	access   schema.Access // as this desk declared, of a received one
}

// clockOf computes the clock of a message, wherever it stands; nil when its type
// has none, when nobody has consigned it yet, or when it was refused.
func (d *Desk) clockOf(tx *store.Tx, r request) (*Deadline, error) {
	t, ok := schema.FindHash(r.Type.Hash)
	if !ok || t.Clock == nil || !r.state.Counts() {
		return nil, nil
	}
	start, err := tx.Time(r.message, string(envelope.Consigned))
	if err != nil || start.IsZero() {
		return nil, err
	}
	run := schema.Run{Urgency: schema.Urgency(r.Urgency), Access: r.access, Start: start.Go()}
	if run.Pauses, err = pauses(tx, t.Clock, r); err != nil {
		return nil, err
	}
	now := d.now()
	if !r.answered.IsZero() {
		now = r.answered.Go()
	}
	at := t.Clock.At(run, now)
	return &Deadline{
		Class: at.Class, Due: signed.At(at.Due), Access: r.access, Paused: at.Paused && r.answered.IsZero(),
		Overdue: at.Overdue && r.answered.IsZero(), Answered: r.answered, OnTime: !r.answered.IsZero() && !at.Overdue,
	}, nil
}

// pauses are the times between a question back and its answer, from acceptance
// to acceptance (SPEC §9.4).
func pauses(tx *store.Tx, c *schema.Clock, r request) ([]schema.Pause, error) {
	if c.Pause == nil {
		return nil, nil
	}
	other := r.To
	if r.received {
		other = r.From
	}
	turns, err := tx.Turns(store.Dialogue{
		Request: r.message, Received: r.received, With: other, Conversation: r.Conversation,
		Question: c.Pause.By, Answer: c.Pause.Until,
	})
	if err != nil {
		return nil, err
	}
	told := map[signed.Hash]time.Time{} // when a question got its first answer
	for _, t := range turns {
		at := t.Accepted.Go()
		if first, ok := told[t.ReplyTo]; !t.Question && (!ok || at.Before(first)) {
			told[t.ReplyTo] = at
		}
	}
	var out []schema.Pause
	for _, t := range turns {
		if t.Question {
			out = append(out, schema.Pause{From: t.Accepted.Go(), Until: told[t.Message]})
		}
	}
	return out, nil
}

// asked returns what a reply of ours may answer: the message that it names or,
// where that has no clock of its own, such as a reminder, what the same desk sent
// in its conversation.
func asked(tx *store.Tx, o store.OutboxItem) ([]store.InboxItem, error) {
	i, err := tx.Inbox(o.ReplyTo)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil || i.From != o.To || i.Conversation != o.Conversation {
		return nil, err
	}
	if t := typeOf(i.Note); t == nil || t.Clock != nil {
		return []store.InboxItem{i}, nil
	}
	return tx.RequestsOf(i.From, i.Conversation)
}

// endsClocks marks what a message of ours answered, when it was accepted, and
// counts the answer as the clock stood then.
func (d *Desk) endsClocks(tx *store.Tx, o store.OutboxItem, at signed.Time) error {
	if o.ReplyTo.IsZero() || !o.State.Counts() {
		return nil
	}
	requests, err := asked(tx, o)
	if err != nil {
		return err
	}
	for _, i := range requests {
		if !i.Answered.IsZero() || !i.State.Counts() || !stops(i.Note, o.Outcome) {
			continue
		}
		if err := tx.InboxAnswered(i.Message, o.Message, at); err != nil {
			return err
		}
		i.Answered = at
		r, err := receivedRequest(i)
		if err != nil {
			return err
		}
		deadline, err := d.clockOf(tx, r)
		if err != nil {
			return err
		}
		if deadline != nil {
			if err := tx.CountAnswer(deadline.Class, deadline.OnTime); err != nil {
				return err
			}
		}
	}
	return nil
}

// reopensClocks takes back what an answer of ours ended, once that answer itself
// was refused, expired or withdrawn: it never counted. Another answer to the same
// message may.
func (d *Desk) reopensClocks(tx *store.Tx, o store.OutboxItem) error {
	if o.ReplyTo.IsZero() {
		return nil
	}
	requests, err := asked(tx, o)
	if err != nil {
		return err
	}
	ended := false
	for _, i := range requests {
		if i.Answer != o.Message {
			continue
		}
		ended = true
		if err := tx.InboxUnanswered(i.Message); err != nil {
			return err
		}
	}
	if !ended {
		return nil
	}
	others, err := tx.SentReplies(o.ReplyTo)
	if err != nil {
		return err
	}
	for _, other := range others {
		at, err := tx.Time(other.Message, string(envelope.Accepted))
		if err != nil {
			return err
		}
		if err := d.endsClocks(tx, other, at); err != nil {
			return err
		}
	}
	return nil
}

// endsOurClock marks what a received message answered, when it was opened: only
// then is known what it says.
func (d *Desk) endsOurClock(tx *store.Tx, i store.InboxItem, outcome string, at signed.Time) error {
	if i.ReplyTo.IsZero() {
		return nil
	}
	id, err := tx.AttemptOf(i.ReplyTo)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	o, err := tx.Outbox(id)
	if err != nil || o.To != i.From || o.Conversation != i.Conversation {
		return err
	}
	requests := []store.OutboxItem{o}
	if t := typeOf(o.Note); t != nil && t.Clock == nil {
		if requests, err = tx.RequestsTo(o.To, o.Conversation); err != nil {
			return err
		}
	}
	for _, o := range requests {
		if !o.Answered.IsZero() || !o.State.Counts() || !stops(o.Note, outcome) {
			continue
		}
		if err := tx.OutboxAnswered(o.ID, at); err != nil {
			return err
		}
	}
	return nil
}

// stops reports whether a request has a clock that a reply of this outcome ends.
func stops(request []byte, outcome string) bool {
	t := typeOf(request)
	return t != nil && t.Clock != nil && t.Clock.StoppedBy(outcome)
}

func typeOf(note []byte) *schema.Type {
	h, err := parseHeader(note)
	if err != nil {
		return nil
	}
	t, _ := schema.FindHash(h.Type.Hash)
	return t
}

func receivedRequest(i store.InboxItem) (request, error) {
	h, err := parseHeader(i.Note)
	return request{h, i.Message, true, i.State, i.Answered, schema.Access(i.Access)}, err
}

func sentRequest(o store.OutboxItem) (request, error) {
	h, err := parseHeader(o.Note)
	return request{h, o.Message, false, o.State, o.Answered, schema.Undeclared}, err
}

// maxOffset is how far this desk's clock may be from the log's before it is
// shown (SPEC §9.4).
const maxOffset = time.Minute

// compareClocks holds the log's time of a record against the span of the call
// that it was written in. A repeat was recorded earlier and tells nothing: its
// record lies before what this desk knew of the log when it called.
func (d *Desk) compareClocks(begin time.Time, known *verify.Logs, f store.Fact) {
	if f.Index < known.Audit().Size {
		return
	}
	end := d.now()
	var offset time.Duration
	switch at := f.Time.Go(); {
	case at.After(end):
		offset = at.Sub(end)
	case at.Before(begin.Truncate(time.Second)):
		offset = at.Sub(begin)
	}
	d.metrics.offset.Set(offset.Seconds())
	if offset.Abs() > maxOffset {
		d.log.Warn("this desk's clock and the log's disagree", "log minus desk", offset.String())
	}
}
