package desk

import (
	"context"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Answer sends a reply to a message of the inbox: to its sender, in its
// conversation, under its agreement unless the draft names another. What a reply
// repeats, such as reference, legal basis and purpose, the desk fills in.
//
// To a message that this desk sent it sends a follow-up: to all whom that sending went
// to, or to those whom the draft names, each in the conversation of what it got. Who
// got nothing of that sending gets no type that always answers or follows. A follow-up
// of a confidential sending is confidential.
//
// Errors are those of Send, and REPLY_NOT_ALLOWED: the message's type lets nothing of
// the kind follow, it was answered already, or the conversation is closed.
func (d *Desk) Answer(ctx context.Context, to client.Ref, draft client.Draft) (*client.Sending, error) {
	d.settles(ctx)
	m, err := d.find(to)
	if err != nil {
		return nil, err
	}
	if err := d.mayShow(); err != nil {
		return nil, err
	}
	r := reply{message: m.Message, earlier: map[signed.Address]earlier{}}
	if m.Received {
		if shown(m) {
			r.answered = d.body(m.Message)
		}
		if r.answered == nil {
			return nil, problem.New(problem.ReplyNotAllowed, "message %s is not in the officers' view", m.ID)
		}
		draft.To = nil
	} else {
		r.followed = d.body(m.Message)
	}
	var named []store.Row
	err = d.room.Store.View(func(tx *store.Tx) (err error) {
		if named, err = sharing(tx, m); err != nil {
			return err
		}
		for _, row := range named {
			h, err := mail.HeaderOf(tx, row.TextHash)
			if err != nil {
				return err
			}
			r.earlier[row.Other()] = earlier{row.Seq, row.TextHash, h}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	toAll := len(draft.To) == 0
	for n, row := range named {
		if toAll {
			draft.To = append(draft.To, row.Other())
		}
		if row.Conversation != named[0].Conversation {
			draft.Confidential = true
		} else if n == 0 {
			r.conversation = row.Conversation
		}
	}
	if draft.Confidential {
		r.conversation = signed.ID{}
	}
	sending, err := d.send(draft, r)
	if err == nil && m.Received {
		d.hits.remove(m.Message)
	}
	return sending, err
}

// sharing are the messages that a draft about one is about: that one, or, where this
// desk sent it, all of its sending.
func sharing(tx *store.Tx, m *client.Message) ([]store.Row, error) {
	if m.Received {
		r, err := tx.Received(m.From, m.ID)
		return []store.Row{r}, err
	}
	r, err := tx.Sent(m.ID)
	if err != nil {
		return nil, err
	}
	return tx.Sending(r.Send)
}
