package desk

import (
	"context"
	"errors"

	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// A Query says which items of a listing are wanted.
type Query struct {
	ID    signed.ID `json:"id,omitzero"`     // this one alone
	Limit int       `json:"limit,omitempty"` // the newest so many; zero: 100
}

const defaultLimit = 100

func (q Query) limit() int {
	if q.Limit <= 0 {
		return defaultLimit
	}
	return q.Limit
}

// An Item is what outbox and inbox show of a message alike.
type Item struct {
	ID           signed.ID   `json:"id"`
	State        string      `json:"state"`
	Type         string      `json:"type"`
	Urgency      string      `json:"urgency"`
	Message      signed.Hash `json:"message"` // hash of the signed text
	Conversation signed.ID   `json:"conversation"`
	InReplyTo    signed.Hash `json:"in_reply_to,omitzero"`
	Agreement    signed.Hash `json:"agreement"`
	Created      signed.Time `json:"created,omitzero"`
	Expires      signed.Time `json:"expires,omitzero"`
	Accepted     signed.Time `json:"accepted,omitzero"` // logged times
	Consigned    signed.Time `json:"consigned,omitzero"`
	Ended        signed.Time `json:"ended,omitzero"`
	Deadline     *Deadline   `json:"deadline,omitempty"`
	Problem      *Problem    `json:"problem,omitempty"`
	Waits        string      `json:"waits,omitempty"` // what else it waits for
	Summary      *Summary    `json:"summary,omitempty"`
	header       envelope.Header
}

// A Summary is what only an unlocked desk shows.
type Summary struct {
	Subject       string `json:"subject"`
	OurReference  string `json:"our_reference"` // the writer's
	YourReference string `json:"your_reference,omitempty"`
	Language      string `json:"language"`
}

// An OutboxItem is a message that this desk sends.
type OutboxItem struct {
	To          signed.Address `json:"to"`
	Name        string         `json:"name"` // of the sending
	Withdrawing bool           `json:"withdrawing,omitempty"`
	Item
}

// An InboxItem is a message that this desk received.
type InboxItem struct {
	From signed.Address `json:"from"`
	Item
}

// Outbox lists what this desk sends, the newest first.
func (d *Desk) Outbox(_ context.Context, q Query) ([]OutboxItem, error) {
	items, err := d.outboxItems(q)
	for n := range items {
		items[n].Summary = d.summary(items[n].Item)
	}
	return items, err
}

// outboxItems, sendItems and inboxItems open nothing: they have no summaries.
func (d *Desk) outboxItems(q Query) ([]OutboxItem, error) {
	return d.outbox(func(tx *store.Tx) ([]store.OutboxItem, error) {
		if q.ID.IsZero() {
			return tx.Outboxes(q.limit())
		}
		o, err := tx.Outbox(q.ID)
		return []store.OutboxItem{o}, unknown(err, q.ID)
	})
}

func (d *Desk) sendItems(name string) ([]OutboxItem, error) {
	return d.outbox(func(tx *store.Tx) ([]store.OutboxItem, error) { return tx.Send(name) })
}

func (d *Desk) outbox(read func(*store.Tx) ([]store.OutboxItem, error)) ([]OutboxItem, error) {
	items := []OutboxItem{}
	err := d.store.View(func(tx *store.Tx) error {
		rows, err := read(tx)
		if err != nil {
			return err
		}
		for _, o := range rows {
			i := OutboxItem{To: o.To, Name: o.Send}
			if r, err := sentRequest(o); err != nil {
				i.Item = damaged(o.ID, o.Message, o.State)
			} else if i.Item, err = d.item(tx, o.ID, r, o.Code, o.Detail); err != nil {
				return err
			}
			_, err := tx.Statement(o.Message, string(envelope.Withdrawn))
			i.Withdrawing = err == nil
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			items = append(items, i)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

// Inbox lists what this desk received, the newest first. What is only stored or
// consigned shows its header alone; the rest its subject too, while unlocked.
func (d *Desk) Inbox(_ context.Context, q Query) ([]InboxItem, error) {
	items, err := d.inboxItems(q)
	for n := range items {
		items[n].Summary = d.summary(items[n].Item)
	}
	return items, err
}

func (d *Desk) inboxItems(q Query) ([]InboxItem, error) {
	items := []InboxItem{}
	err := d.store.View(func(tx *store.Tx) error {
		rows, err := d.inboxRows(tx, q)
		if err != nil {
			return err
		}
		for _, row := range rows {
			i := InboxItem{From: row.From}
			if r, err := receivedRequest(row); err != nil {
				i.Item = damaged(row.ID, row.Message, row.State)
			} else if i.Item, err = d.item(tx, row.ID, r, row.Code, row.Detail); err != nil {
				return err
			}
			items = append(items, i)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return items, nil
}

func (d *Desk) inboxRows(tx *store.Tx, q Query) ([]store.InboxItem, error) {
	if q.ID.IsZero() {
		return tx.Inboxes(q.limit())
	}
	rows, err := tx.InboxID(q.ID)
	if err == nil && len(rows) == 0 {
		err = store.ErrNotFound
	}
	return rows, unknown(err, q.ID)
}

// unknown puts a row that isn't there in words.
func unknown(err error, id signed.ID) error {
	if errors.Is(err, store.ErrNotFound) {
		return problem.New(problem.UnknownMessage, "this desk has no message %s there", id)
	}
	return err
}

// damaged is an item of which this desk can't read what it holds: it doesn't hide
// the others.
func damaged(id signed.ID, message signed.Hash, state store.State) Item {
	return Item{ID: id, State: string(state), Message: message, Waits: unreadable}
}

func (d *Desk) item(tx *store.Tx, id signed.ID, r request, code problem.Code, detail string) (Item, error) {
	facts, err := tx.Facts(r.message)
	if err != nil {
		return Item{}, err
	}
	i := Item{
		ID: id, State: string(r.state), Type: r.Type.Name, Urgency: r.Urgency, Message: r.message,
		Conversation: r.Conversation, InReplyTo: r.InReplyTo, Agreement: r.Agreement,
		Created: r.Created, Expires: r.Expires, header: *r.Header,
	}
	for _, f := range facts {
		switch {
		case f.Event == string(envelope.Accepted):
			i.Accepted = f.Time
		case f.Event == string(envelope.Consigned):
			i.Consigned = f.Time
		case f.Event == string(r.state) && r.state.Ended():
			i.Ended = f.Time
		}
	}
	if code != "" {
		p := problemOf(code, detail)
		i.Problem = &p
	} else {
		i.Waits = detail
	}
	i.Deadline, err = d.clockOf(tx, r)
	return i, err
}

// summary opens a message for a listing; nil while locked, and for what is not
// opened yet or erased.
func (d *Desk) summary(i Item) *Summary {
	var s *Summary
	d.withRing(func(ring *keys.Locked) error {
		e, err := d.envelopeOf(i.Message)
		if err != nil {
			return err
		}
		c, err := d.contentOf(ring, e)
		if err != nil {
			return err
		}
		t, ok := schema.FindHash(i.header.Type.Hash)
		if !ok {
			return nil
		}
		body, err := t.Read(c.Body)
		if err != nil {
			return err
		}
		s = &Summary{
			Subject: body.Summary.Subject, OurReference: body.Summary.OurReference,
			YourReference: body.Summary.YourReference, Language: body.Summary.Language,
		}
		return nil
	})
	return s
}

func (d *Desk) envelopeOf(message signed.Hash) (*envelope.Envelope, error) {
	var b []byte
	err := d.store.View(func(tx *store.Tx) (err error) {
		b, err = tx.Envelope(message)
		return err
	})
	if err != nil {
		return nil, err
	}
	return envelope.Parse(b)
}

// A LogEntry is a line of the desk's own log: what it did, what it stopped, who
// was consulted. It names messages and codes, and nothing of their content.
type LogEntry struct {
	Time    signed.Time  `json:"time"`
	Event   string       `json:"event"`
	Subject string       `json:"subject"`
	Code    problem.Code `json:"code,omitempty"`
	Detail  string       `json:"detail,omitempty"`
}

// Log lists the desk's own log, the newest first; q's limit counts.
func (d *Desk) Log(_ context.Context, q Query) ([]LogEntry, error) {
	entries := []LogEntry{}
	err := d.store.View(func(tx *store.Tx) error {
		all, err := tx.LogEntries(q.limit())
		for _, e := range all {
			entries = append(entries, LogEntry(e))
		}
		return err
	})
	return entries, err
}
