package desk

import (
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/signed"
	"samband/schema"
)

// A Deadline is where the legal clock of a request stands. All its times are the
// broker's logged times.
type Deadline struct {
	Class    string      `json:"class"` // "8h", "3d", "7d"
	Due      signed.Time `json:"due"`
	Paused   bool        `json:"paused,omitempty"` // a clarification is out
	Overdue  bool        `json:"overdue,omitempty"`
	Answered signed.Time `json:"answered,omitzero"`
	OnTime   bool        `json:"on_time,omitempty"` // of an answered one
}

// A turn is one message of a conversation, as a clock sees it.
type turn struct {
	message  signed.Hash
	replyTo  signed.Hash
	typ      string
	accepted time.Time
}

// clockOf computes the clock of a message, wherever it stands; nil when its type
// has none or nobody has consigned it yet.
func (d *Desk) clockOf(tx *store.Tx, h *envelope.Header, message signed.Hash, answered signed.Time) (*Deadline, error) {
	t, ok := schema.FindHash(h.Type.Hash)
	if !ok || t.Clock == nil {
		return nil, nil
	}
	facts, err := tx.Facts(message)
	if err != nil {
		return nil, err
	}
	start := timeOf(facts, auditlog.Consigned)
	if start.IsZero() {
		return nil, nil
	}
	turns, err := turnsOf(tx, h.Conversation)
	if err != nil {
		return nil, err
	}
	run := schema.Run{Urgency: schema.Urgency(h.Urgency), Start: start, Pauses: pauses(t.Clock, message, turns)}
	now := d.now()
	if !answered.IsZero() {
		now = answered.Go()
	}
	at := t.Clock.At(run, now)
	return &Deadline{
		Class: at.Class, Due: signed.At(at.Due), Paused: at.Paused && answered.IsZero(),
		Overdue: at.Overdue && answered.IsZero(), Answered: answered, OnTime: !answered.IsZero() && !at.Overdue,
	}, nil
}

func timeOf(facts []store.Fact, kind auditlog.Kind) time.Time {
	for _, f := range facts {
		if f.Event == string(kind) {
			return f.Time.Go()
		}
	}
	return time.Time{}
}

// turnsOf reads the accepted messages of a conversation, both ways.
func turnsOf(tx *store.Tx, conversation signed.ID) ([]turn, error) {
	var turns []turn
	add := func(message, replyTo signed.Hash, typ string) error {
		facts, err := tx.Facts(message)
		if at := timeOf(facts, auditlog.Accepted); !at.IsZero() {
			turns = append(turns, turn{message, replyTo, typ, at})
		}
		return err
	}
	sent, err := tx.SentIn(conversation)
	if err != nil {
		return nil, err
	}
	for _, o := range sent {
		if err := add(o.Message, o.ReplyTo, o.Type); err != nil {
			return nil, err
		}
	}
	received, err := tx.ReceivedIn(conversation)
	if err != nil {
		return nil, err
	}
	for _, i := range received {
		if err := add(i.Message, i.ReplyTo, i.Type); err != nil {
			return nil, err
		}
	}
	return turns, nil
}

// pauses are the times between a question back and its answer, from acceptance
// to acceptance.
func pauses(c *schema.Clock, message signed.Hash, turns []turn) []schema.Pause {
	if c.Pause == nil {
		return nil
	}
	var out []schema.Pause
	for _, q := range turns {
		if q.typ != c.Pause.By || q.replyTo != message {
			continue
		}
		p := schema.Pause{From: q.accepted}
		for _, a := range turns {
			if a.typ == c.Pause.Until && a.replyTo == q.message && (p.Until.IsZero() || a.accepted.Before(p.Until)) {
				p.Until = a.accepted
			}
		}
		out = append(out, p)
	}
	return out
}

// endsClocks marks what a message of ours answered, when it was accepted.
func (d *Desk) endsClocks(tx *store.Tx, o store.OutboxItem, at signed.Time) error {
	if o.ReplyTo.IsZero() {
		return nil
	}
	received, err := tx.ReceivedIn(o.Conversation)
	if err != nil {
		return err
	}
	for _, i := range received {
		if !i.Answered.IsZero() || i.From != o.To || !ends(i.Note, i.Message, o.Outcome, o.ReplyTo, typeOfReceived(received, o.ReplyTo)) {
			continue
		}
		if err := tx.InboxAnswered(i.Message, at); err != nil {
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
	sent, err := tx.SentIn(i.Conversation)
	if err != nil {
		return err
	}
	for _, o := range sent {
		if !o.Answered.IsZero() || o.To != i.From || !ends(o.Note, o.Message, outcome, i.ReplyTo, typeOfSent(sent, i.ReplyTo)) {
			continue
		}
		if err := tx.OutboxAnswered(o.ID, at); err != nil {
			return err
		}
	}
	return nil
}

// ends reports whether a reply ends a request's clock: it is of an outcome that
// does, and answers the request itself or, in its conversation, a message that
// has no clock of its own, such as a reminder.
func ends(note []byte, request signed.Hash, outcome string, replyTo signed.Hash, replied *schema.Type) bool {
	h, err := parseHeader(note)
	if err != nil {
		return false
	}
	t, ok := schema.FindHash(h.Type.Hash)
	if !ok || t.Clock == nil || !t.Clock.StoppedBy(outcome) {
		return false
	}
	return replyTo == request || replied != nil && replied.Clock == nil
}

func typeOfReceived(items []store.InboxItem, message signed.Hash) *schema.Type {
	for _, i := range items {
		if i.Message == message {
			return typeOf(i.Note)
		}
	}
	return nil
}

func typeOfSent(items []store.OutboxItem, message signed.Hash) *schema.Type {
	for _, o := range items {
		if o.Message == message {
			return typeOf(o.Note)
		}
	}
	return nil
}

func typeOf(note []byte) *schema.Type {
	h, err := parseHeader(note)
	if err != nil {
		return nil
	}
	t, _ := schema.FindHash(h.Type.Hash)
	return t
}

// maxOffset is how far this desk's clock may be from the log's before it is
// shown (SPEC §9.4).
const maxOffset = time.Minute

// compareClocks holds the log's time of a record against the span of the call
// that it was written in. A repeat was recorded earlier and tells nothing: its
// record lies before what this desk knew of the log when it called.
func (d *Desk) compareClocks(begin time.Time, known *logs, f store.Fact) {
	if f.Index < known.audit.Size {
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
