package desk

import (
	"cmp"
	"context"
	"errors"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/schema"
)

// Outbox lists what this desk sends, the newest first.
func (d *Desk) Outbox(_ context.Context, q client.Query) ([]client.OutboxItem, error) {
	items, err := list(d, q, false, outboxItem)
	if err == nil {
		err = d.markCopies(items)
	}
	for n := range items {
		items[n].Summary = d.summary(items[n].Message)
	}
	return items, err
}

// Inbox lists what this desk received, the newest first. What is not handed over
// shows its header alone; the rest its subject too, while unlocked.
func (d *Desk) Inbox(_ context.Context, q client.Query) ([]client.InboxItem, error) {
	items, err := list(d, q, true, func(r *store.Row, i client.Item) client.InboxItem { return client.InboxItem{From: r.From, Item: i} })
	for n := range items {
		if items[n].State == client.HandedOver {
			items[n].Summary = d.summary(items[n].Message)
		}
	}
	return items, err
}

func outboxItem(r *store.Row, i client.Item) client.OutboxItem {
	return client.OutboxItem{To: r.To, Name: r.Send, Item: i}
}

// sent is one message that this desk sends.
func (d *Desk) sent(id signed.ID) (*client.OutboxItem, error) {
	if id.IsZero() { // to a listing that would mean every message
		return nil, unknown(store.ErrNotFound, id)
	}
	items, err := list(d, client.Query{ID: id}, false, outboxItem)
	if err == nil {
		err = d.markCopies(items)
	}
	if err != nil {
		return nil, err
	}
	return &items[0], nil
}

// list lists what this desk received, or sends. It opens nothing: there are no
// summaries.
func list[T any](d *Desk, q client.Query, received bool, as func(*store.Row, client.Item) T) (items []T, err error) {
	err = d.room.Store.View(func(tx *store.Tx) error {
		rows, err := rowsOf(tx, q, received)
		if err == nil {
			items, err = listed(d, tx, rows, as)
		}
		return err
	})
	return items, err
}

func rowsOf(tx *store.Tx, q client.Query, received bool) (rows []store.Row, err error) {
	switch {
	case q.ID.IsZero():
		return tx.Newest(received, limit(q))
	case received:
		if rows, err = tx.ReceivedID(q.ID); err == nil && len(rows) == 0 {
			err = store.ErrNotFound
		}
	default:
		rows = make([]store.Row, 1)
		rows[0], err = tx.Sent(q.ID)
	}
	return rows, unknown(err, q.ID)
}

func limit(q client.Query) int { return cmp.Or(max(q.Limit, 0), client.DefaultLimit) }

// listed makes a listing of rows.
func listed[T any](d *Desk, tx *store.Tx, rows []store.Row, as func(*store.Row, client.Item) T) ([]T, error) {
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
func (d *Desk) item(tx *store.Tx, r *store.Row) (client.Item, error) {
	i := client.Item{
		ID: r.ID, State: client.State(r.State), Message: r.TextHash,
		Says: client.State(r.Unproven.Event), Since: r.Unproven.Since,
	}
	h, err := mail.HeaderOf(tx, r.TextHash)
	if err != nil {
		i.Waits = mail.Unreadable
		return i, nil
	}
	i.Type, i.Urgency, i.Agreement = h.Type.Name, h.Urgency, h.Agreement
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
		case client.State(f.Event) == r.State && r.State.Ended():
			i.Ended = f.Time
		}
	}
	if r.Code != "" {
		p := problem.DetailsOf(r.Code, r.Detail)
		i.Problem = &p
	} else {
		i.Waits = r.Detail
	}
	if i.Hidden, err = tx.Hidden(r.TextHash); err != nil {
		return i, err
	}
	if i.Hidden {
		i.Waits = mail.Hidden
	}
	i.Open, i.Owed = r.Open(), d.room.Owed(r, h)
	if i.Waits == "" && r.Received && r.State == client.HandedOver && r.Open() {
		i.Waits = d.hits.waits(r.TextHash)
	}
	i.Deadline, err = d.room.Deadline(tx, r, h, d.now())
	return i, err
}

// shown reports whether a message's content may be shown: this desk sent it, or
// the log proves that it is handed over.
func shown(m *client.Message) bool { return !m.Received || m.State == client.HandedOver }

// summary opens a message that may be shown for a listing; nil while locked, and for
// what is erased.
func (d *Desk) summary(text signed.Hash) *client.Summary {
	body := d.body(text)
	if body == nil {
		return nil
	}
	return &client.Summary{
		Subject: body.Summary.Subject, OurReference: body.Summary.OurReference,
		YourReference: body.Summary.YourReference, Language: body.Summary.Language,
	}
}

// body opens a message and reads its body; nil where summary is.
func (d *Desk) body(text signed.Hash) *schema.Body {
	e, c, err := d.opened(text)
	if err != nil {
		return nil
	}
	t, ok := d.room.Type(e.Type.Hash)
	if !ok {
		return nil
	}
	body, err := t.Read(c.Body)
	if err != nil {
		return nil
	}
	return body
}

// opened opens a text with its file key. DESK_LOCKED while locked;
// store.ErrNotFound for what was erased, is hidden, or was never opened. Until this desk
// knows what it erased, it opens nothing.
func (d *Desk) opened(text signed.Hash) (*envelope.Envelope, *seal.Content, error) {
	var b []byte
	err := d.room.Store.View(func(tx *store.Tx) (err error) {
		if err := d.room.MayShow(tx); err != nil {
			return err
		}
		b, err = envelopeShown(tx, text)
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

// envelopeShown is a text as it crossed the wire; store.ErrNotFound for what was erased, or
// is hidden.
func envelopeShown(tx *store.Tx, text signed.Hash) ([]byte, error) {
	hidden, err := tx.Hidden(text)
	if err == nil && hidden {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return tx.Envelope(text)
}

// Log lists the desk's own log, the newest first; q's limit counts.
func (d *Desk) Log(_ context.Context, q client.Query) ([]client.LogEntry, error) {
	entries := []client.LogEntry{} // not null in JSON
	err := d.room.Store.View(func(tx *store.Tx) error {
		lines, err := tx.LogEntries(limit(q))
		entries = append(entries, lines...)
		return err
	})
	return entries, err
}
