package desk

import (
	"context"
	"errors"

	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/seal"
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
	Says         string      `json:"says,omitempty"`  // what this desk signed of it and the log has not proven yet
	Since        signed.Time `json:"since,omitzero"`  // when it signed that, by its own clock
	Summary      *Summary    `json:"summary,omitempty"`
	header       envelope.Header
	received     bool
}

// A Deadline is where the legal clock of a request stands. All its times are the
// broker's logged times.
type Deadline = mail.Deadline

// A Summary is what only an unlocked desk shows.
type Summary struct {
	Subject       string `json:"subject"`
	OurReference  string `json:"our_reference"` // the writer's
	YourReference string `json:"your_reference,omitempty"`
	Language      string `json:"language"`
}

// An OutboxItem is a message that this desk sends.
type OutboxItem struct {
	To   signed.Address `json:"to"`
	Name string         `json:"name"` // of the sending
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

// outboxItems and inboxItems open nothing: they have no summaries.
func (d *Desk) outboxItems(q Query) (items []OutboxItem, err error) {
	err = d.room.Store.View(func(tx *store.Tx) error {
		rows, err := outboxRows(tx, q)
		if err == nil {
			items, err = listed(d, tx, rows, outboxItem)
		}
		return err
	})
	return items, err
}

func outboxRows(tx *store.Tx, q Query) ([]store.Row, error) {
	if q.ID.IsZero() {
		return tx.Newest(false, q.limit())
	}
	r, err := tx.Sent(q.ID)
	return []store.Row{r}, unknown(err, q.ID)
}

func outboxItem(r *store.Row, i Item) OutboxItem { return OutboxItem{r.To, r.Send, i} }

// Inbox lists what this desk received, the newest first. What is not handed over
// shows its header alone; the rest its subject too, while unlocked.
func (d *Desk) Inbox(_ context.Context, q Query) ([]InboxItem, error) {
	items, err := d.inboxItems(q)
	for n := range items {
		items[n].Summary = d.summary(items[n].Item)
	}
	return items, err
}

func (d *Desk) inboxItems(q Query) (items []InboxItem, err error) {
	err = d.room.Store.View(func(tx *store.Tx) error {
		rows, err := inboxRows(tx, q)
		if err == nil {
			items, err = listed(d, tx, rows, func(r *store.Row, i Item) InboxItem { return InboxItem{r.From, i} })
		}
		return err
	})
	return items, err
}

func inboxRows(tx *store.Tx, q Query) ([]store.Row, error) {
	if q.ID.IsZero() {
		return tx.Newest(true, q.limit())
	}
	rows, err := tx.ReceivedID(q.ID)
	if err == nil && len(rows) == 0 {
		err = store.ErrNotFound
	}
	return rows, unknown(err, q.ID)
}

// listed makes a listing of rows.
func listed[T any](d *Desk, tx *store.Tx, rows []store.Row, as func(*store.Row, Item) T) ([]T, error) {
	items := []T{}
	for n := range rows {
		i, err := d.item(tx, &rows[n])
		if err != nil {
			return nil, err
		}
		items = append(items, as(&rows[n], i))
	}
	return items, nil
}

// unknown puts a row that isn't there in words.
func unknown(err error, id signed.ID) error {
	if errors.Is(err, store.ErrNotFound) {
		return problem.New(problem.UnknownMessage, "this desk has no message %s there", id)
	}
	return err
}

// item is a message for a listing. One of which this desk can't read what it has
// shows that, and doesn't hide the others.
func (d *Desk) item(tx *store.Tx, r *store.Row) (Item, error) {
	i := Item{
		ID: r.ID, State: string(r.State), Message: r.TextHash,
		Says: string(r.Unproven.Event), Since: r.Unproven.Since, received: r.Received,
	}
	h, err := mail.HeaderOf(tx, r.TextHash)
	if err != nil {
		i.Waits = mail.Unreadable
		return i, nil
	}
	i.header, i.Type, i.Urgency, i.Agreement = *h, h.Type.Name, h.Urgency, h.Agreement
	i.Conversation, i.InReplyTo, i.Created, i.Expires = h.Conversation, h.InReplyTo, h.Created, h.Expires
	moments, err := tx.Moments(r.TextHash)
	if err != nil {
		return i, err
	}
	for _, f := range moments {
		switch {
		case f.Event == envelope.Accepted:
			i.Accepted = f.Time
		case f.Event == envelope.Consigned:
			i.Consigned = f.Time
		case store.State(f.Event) == r.State && r.State.Ended():
			i.Ended = f.Time
		}
	}
	if r.Code != "" {
		p := problem.DetailsOf(r.Code, r.Detail)
		i.Problem = &p
	} else {
		i.Waits = r.Detail
	}
	i.Deadline, err = mail.DeadlineOf(tx, r, h, d.now())
	return i, err
}

// shown reports whether a message's content may be shown: this desk sent it, or
// the log proves that it is handed over.
func (i *Item) shown() bool { return !i.received || i.State == string(store.HandedOver) }

// summary opens a message for a listing; nil while locked, and for what may not be
// shown or is erased.
func (d *Desk) summary(i Item) *Summary {
	if !i.shown() {
		return nil
	}
	e, c, err := d.opened(i.Message)
	if err != nil {
		return nil
	}
	t, ok := schema.FindHash(e.Type.Hash)
	if !ok {
		return nil
	}
	body, err := t.Read(c.Body)
	if err != nil {
		return nil
	}
	return &Summary{
		Subject: body.Summary.Subject, OurReference: body.Summary.OurReference,
		YourReference: body.Summary.YourReference, Language: body.Summary.Language,
	}
}

// opened opens a text with its file key. DESK_LOCKED while locked;
// store.ErrNotFound for what was erased, or never opened.
func (d *Desk) opened(text signed.Hash) (*envelope.Envelope, *seal.Content, error) {
	var b []byte
	err := d.room.Store.View(func(tx *store.Tx) (err error) {
		b, err = tx.Envelope(text)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	e, err := envelope.Parse(b)
	if err != nil {
		return nil, nil, err
	}
	c, err := d.room.Content(e)
	return e, c, err
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
	err := d.room.Store.View(func(tx *store.Tx) error {
		all, err := tx.LogEntries(q.limit())
		for _, e := range all {
			entries = append(entries, LogEntry(e))
		}
		return err
	})
	return entries, err
}
