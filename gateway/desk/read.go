package desk

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// A Message is one that was opened, as an officer reads it.
type Message struct {
	From        signed.Address  `json:"from"`
	To          signed.Address  `json:"to"`
	Received    bool            `json:"received"` // else this desk sent it
	Title       string          `json:"title"`    // of its type
	Body        json.RawMessage `json:"body"`
	Attachments []Attachment    `json:"attachments,omitempty"`
	Replies     []string        `json:"replies,omitempty"` // types that may answer it
	Item
}

// Read opens a message of the inbox that is in the officers' view, or one that
// this desk sent, and notes the consultation in the desk's log: a message whose
// reading can't be noted is not shown. DESK_LOCKED while locked; UNKNOWN_MESSAGE
// for one that isn't there, isn't opened yet, or isn't the only one of its id.
func (d *Desk) Read(ctx context.Context, id signed.ID, from ...signed.Address) (*Message, error) {
	m, err := d.find(id, from)
	if err != nil {
		return nil, err
	}
	if err := d.fill(m); err != nil {
		return nil, err
	}
	if err := d.note("read", "message "+id.String()); err != nil {
		return nil, err
	}
	m.Summary = d.summary(m.Item)
	return m, nil
}

// find looks for an id in inbox and outbox. A sender chooses its ids, so one may
// stand for messages of several desks, this one's own among them: none goes before
// another, and from says whose is meant.
func (d *Desk) find(id signed.ID, from []signed.Address) (*Message, error) {
	if id.IsZero() { // to a listing that would mean every message
		return nil, unknown(store.ErrNotFound, id)
	}
	var found []*Message
	var senders []signed.Address
	add := func(m *Message) {
		if len(from) == 0 || slices.Contains(from, m.From) {
			found, senders = append(found, m), append(senders, m.From)
		}
	}
	in, err := d.inboxItems(Query{ID: id})
	if err != nil && problem.CodeOf(err) != problem.UnknownMessage {
		return nil, err
	}
	for _, i := range in {
		add(&Message{From: i.From, To: d.Address(), Received: true, Item: i.Item})
	}
	out, err := d.outboxItems(Query{ID: id})
	if err != nil && problem.CodeOf(err) != problem.UnknownMessage {
		return nil, err
	}
	for _, o := range out {
		if slices.ContainsFunc(in, func(i InboxItem) bool { return i.Message == o.Message }) {
			continue // a message to this desk itself is one
		}
		add(&Message{From: d.Address(), To: o.To, Item: o.Item})
	}
	switch len(found) {
	case 0:
		return nil, unknown(store.ErrNotFound, id)
	case 1:
		return found[0], nil
	}
	return nil, problem.New(problem.UnknownMessage, "the id %s stands for messages of %v: say whose is meant", id, senders)
}

func (d *Desk) fill(m *Message) error {
	if d.Locked() {
		return problem.New(problem.DeskLocked, "the ring of %s is locked", d.Address())
	}
	e, c, err := d.opened(m.Message)
	if errors.Is(err, store.ErrNotFound) || !m.shown() {
		return problem.New(problem.UnknownMessage, "message %s is %s: it is not in the officers' view, or was erased", m.ID, m.State)
	}
	if err != nil {
		return err
	}
	m.Body = c.Body
	for _, a := range c.Attachments {
		m.Attachments = append(m.Attachments, Attachment{Name: a.Name, MediaType: a.MediaType, Data: a.Data, Bytes: len(a.Data)})
	}
	if t, ok := schema.FindHash(e.Type.Hash); ok {
		m.Title, m.Replies = t.Title, t.Replies()
	}
	return nil
}

// Answer sends a reply to a message of the inbox: to its sender, in its
// conversation, under its agreement unless the draft names another, and with its
// sender's reference as your_reference unless the body has one. Errors are those
// of Send, and REPLY_NOT_ALLOWED.
func (d *Desk) Answer(ctx context.Context, id signed.ID, draft Draft, from ...signed.Address) (*Sending, error) {
	m, err := d.find(id, from)
	if err != nil {
		return nil, err
	}
	if !m.Received {
		return nil, problem.New(problem.ReplyNotAllowed, "message %s is this desk's own", id)
	}
	if d.Locked() {
		return nil, problem.New(problem.DeskLocked, "the ring of %s is locked", d.Address())
	}
	if m.Summary = d.summary(m.Item); m.Summary == nil {
		return nil, problem.New(problem.ReplyNotAllowed, "message %s is not in the officers' view yet", id)
	}
	draft.To = []signed.Address{m.From}
	if draft.Agreement.IsZero() {
		draft.Agreement = m.Agreement
	}
	return d.send(draft, reply{&m.header, m.Message, m.Summary.OurReference})
}

// Withdraw takes a message back that nobody has consigned yet. It signs the
// withdrawal and queues it; the log decides whether it came in time. A message
// that has ended is ALREADY_ENDED, a consigned one ALREADY_CONSIGNED.
func (d *Desk) Withdraw(ctx context.Context, id signed.ID) (*OutboxItem, error) {
	if id.IsZero() {
		return nil, unknown(store.ErrNotFound, id)
	}
	items, err := d.outboxItems(Query{ID: id})
	if err != nil {
		return nil, err
	}
	switch o := items[0]; {
	case store.State(o.State).Ended():
		return nil, problem.New(problem.AlreadyEnded, "message %s is %s", id, o.State)
	case store.State(o.State) == store.Consigned:
		return nil, problem.New(problem.AlreadyConsigned, "%s has message %s", o.To, id)
	case o.Says != "":
		return &o, nil
	}
	if err := d.room.Withdraw(id); err != nil {
		return nil, err
	}
	if items, err = d.outboxItems(Query{ID: id}); err != nil {
		return nil, err
	}
	return &items[0], nil
}

// Erase destroys what this desk holds of the content of a message that has ended:
// its file key and its sealed part. Proofs and header stay. Whoever has a copy of
// the sealed part from elsewhere can open it as long as the opening key lives.
func (d *Desk) Erase(ctx context.Context, id signed.ID, from ...signed.Address) error {
	m, err := d.find(id, from)
	if err != nil {
		return err
	}
	if !store.State(m.State).Ended() {
		return problem.New(problem.UnknownMessage, "message %s is %s: it has not ended", id, m.State)
	}
	return d.room.Erase(id, m.Message)
}
