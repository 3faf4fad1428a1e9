package mail

import (
	"errors"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
)

// Conversation is how a conversation stands: what is open in it, whose turn it is, and
// whether it was closed; by the log's proven events alone. open are its open messages.
func (m *Room) Conversation(tx *store.Tx, c store.Conversation, open []store.Row, now time.Time) (*client.Conversation, error) {
	out := &client.Conversation{Conversation: c.ID, With: c.Other, Turn: client.Nobody, Open: []client.OpenMessage{}}
	for n := range open {
		o, waits, err := m.openMessage(tx, &open[n], now)
		if err != nil {
			return nil, err
		}
		out.Open = append(out.Open, *o)
		if !waits {
			out.Turn = out.Turn.And(open[n].Received)
		}
	}
	closed, err := tx.ClosedBy(c.ID, c.Other)
	if err == nil {
		out.Closed = closed.Accepted
	} else if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	newest, err := tx.Row(c.Last)
	if err != nil {
		return nil, err
	}
	out.Newest = client.Newest{From: newest.From, ID: newest.ID, Type: newest.Type, State: newest.State}
	return out, nil
}

// openMessage is one that is open, and whether it waits for a question about it: then
// the turn is that of whom the question is to.
func (m *Room) openMessage(tx *store.Tx, r *store.Row, now time.Time) (o *client.OpenMessage, waits bool, err error) {
	o = &client.OpenMessage{From: r.From, ID: r.ID, Message: r.TextHash, Type: r.Type}
	if o.Since, err = consignedAt(tx, r); err != nil {
		return nil, false, err
	}
	h, err := HeaderOf(tx, r.TextHash)
	if err != nil {
		return o, false, nil // damaged: nobody can tell its clock
	}
	if o.Deadline, err = m.Deadline(tx, r, h, now); err != nil {
		return nil, false, err
	}
	questions, err := tx.Later(r.Seq, store.Pauses)
	for _, q := range questions {
		waits = waits || q.Open()
	}
	return o, waits, err
}

// OpenByConversation are the messages that are open, of each conversation.
func OpenByConversation(tx *store.Tx) (map[store.Conversation][]store.Row, error) {
	open := map[store.Conversation][]store.Row{}
	for _, received := range []bool{true, false} {
		rows, err := tx.Open(received)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if r.Open() {
				k := store.Conversation{ID: r.Conversation, Other: r.Other()}
				open[k] = append(open[k], r)
			}
		}
	}
	return open, nil
}
