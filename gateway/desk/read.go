package desk

import (
	"context"
	"errors"
	"slices"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// Read opens a message of the inbox that is in the officers' view, or one that
// this desk sent, and notes the consultation in the desk's log: a message whose
// reading can't be noted is not shown. DESK_LOCKED while locked; UNKNOWN_MESSAGE
// for one that isn't there, isn't opened yet, or isn't the only one of its id.
func (d *Desk) Read(ctx context.Context, message client.Ref) (*client.Message, error) {
	d.settles(ctx)
	m, err := d.find(message)
	if err != nil {
		return nil, err
	}
	if err := d.fill(m); err != nil {
		return nil, err
	}
	if err := d.note("read", "message "+m.ID.String()); err != nil {
		return nil, err
	}
	m.Summary = d.summary(m.Message)
	m.SeenBefore, err = d.seenBefore(ctx, m)
	return m, err
}

// find looks for a message in inbox and outbox. Of several that its id stands for
// none goes before another.
func (d *Desk) find(wanted client.Ref) (*client.Message, error) {
	id := wanted.ID
	if id.IsZero() { // to a listing that would mean every message
		return nil, unknown(store.ErrNotFound, id)
	}
	var found []client.Message
	for _, received := range []bool{true, false} {
		messages, err := list(d, client.Query{ID: id}, received, func(r *store.Row, i client.Item) client.Message {
			return client.Message{From: r.From, To: r.To, Received: received, Item: i}
		})
		if err != nil && problem.CodeOf(err) != problem.UnknownMessage {
			return nil, err
		}
		for _, m := range messages {
			known := slices.ContainsFunc(found, func(f client.Message) bool { return f.Message == m.Message }) // to this desk itself
			if !known && (wanted.From == "" || wanted.From == m.From) {
				found = append(found, m)
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, unknown(store.ErrNotFound, id)
	case 1:
		return &found[0], nil
	}
	var senders []signed.Address
	for _, m := range found {
		senders = append(senders, m.From)
	}
	return nil, problem.New(problem.UnknownMessage, "the id %s stands for messages of %v: say whose is meant", id, senders)
}

func (d *Desk) fill(m *client.Message) error {
	if err := d.mayShow(); err != nil {
		return err
	}
	e, c, err := d.opened(m.Message)
	if m.Hidden {
		return problem.New(problem.UnknownMessage, "message %s is %s", m.ID, mail.Hidden)
	}
	if errors.Is(err, store.ErrNotFound) || !shown(m) {
		return problem.New(problem.UnknownMessage, "message %s is %s: it is not in the officers' view, or was erased", m.ID, m.State)
	}
	if err != nil {
		return err
	}
	m.Body = c.Body
	for _, a := range c.Attachments {
		m.Attachments = append(m.Attachments, client.Attachment{Name: a.Name, MediaType: a.MediaType, Data: a.Data, Bytes: len(a.Data)})
	}
	m.TypeHash = e.Type.Hash
	if t, ok := d.room.Type(e.Type.Hash); ok {
		m.Title, m.Replies = t.Label(schema.Languages[0]).Label, t.Replies()
		if !m.Received {
			m.Replies = t.FollowUps()
		}
	}
	return nil
}

// Withdraw takes a message back that nobody has consigned yet. It signs the
// withdrawal and queues it; the log decides whether it came in time. A message
// that has ended is ALREADY_ENDED, a consigned one ALREADY_CONSIGNED.
func (d *Desk) Withdraw(_ context.Context, id signed.ID) (*client.OutboxItem, error) {
	o, err := d.sent(id)
	if err != nil {
		return nil, err
	}
	switch {
	case o.State.Ended():
		return nil, problem.New(problem.AlreadyEnded, "message %s is %s", id, o.State)
	case o.State == client.Consigned:
		return nil, problem.New(problem.AlreadyConsigned, "%s has message %s", o.To, id)
	case o.Says != "":
		return o, nil
	}
	if err := d.room.Withdraw(id); err != nil {
		return nil, err
	}
	return d.sent(id)
}

// Erase destroys what this desk has of the content of a message that has ended, or that
// is hidden: its file keys and sealed parts. Proofs and header stay. Whoever has a copy
// of a sealed part from elsewhere can open it as long as the opening key lives. The desk
// tells itself in the log what it erased, so that a backup does not bring it back.
func (d *Desk) Erase(_ context.Context, message client.Ref) error {
	m, err := d.find(message)
	if err != nil {
		return err
	}
	if !m.State.Ended() && !m.Hidden {
		return problem.New(problem.UnknownMessage, "message %s is %s: it has not ended", m.ID, m.State)
	}
	if err := d.room.Erase(m.Received, m.From, m.ID); err != nil {
		return err
	}
	d.subjects.forget(m.Message)
	return nil
}
