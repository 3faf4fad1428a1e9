package desk

import (
	"context"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/schema"
)

// Declare says how this desk reaches what a received request asks for, and so
// which term of its legal clock runs: only this desk can know. It sends the asking
// desk a reply that says so and nothing else; once the log has accepted that, it
// counts at both desks. Where no agreement lets such a reply pass, the declaration
// counts at this desk alone, and the deadline says so. It stands in the desk's own
// log, and may be changed until the request is answered.
//
// The message is one in the officers' view that has a clock, or UNKNOWN_MESSAGE;
// answered, it is ALREADY_ENDED.
func (d *Desk) Declare(ctx context.Context, request client.Ref, access schema.Access) (*client.InboxItem, error) {
	if access != schema.Direct && access != schema.Indirect {
		return nil, problem.New(problem.BodyMalformed, "what is asked for is accessible %q or %q", schema.Direct, schema.Indirect)
	}
	d.settles(ctx)
	m, err := d.find(request)
	if err != nil {
		return nil, err
	}
	if err := d.mayShow(); err != nil {
		return nil, err
	}
	switch {
	case !m.Received:
		return nil, problem.New(problem.UnknownMessage, "message %s is this desk's own: %s declares", m.ID, m.To)
	case !shown(m):
		return nil, problem.New(problem.UnknownMessage, "message %s is %s: it is not in the officers' view", m.ID, m.State)
	case m.Deadline == nil:
		return nil, problem.New(problem.UnknownMessage, "%s has no legal clock", m.Type)
	case !m.Deadline.Answered.IsZero():
		return nil, problem.New(problem.AlreadyEnded, "the clock of message %s ended with its answer at %s", m.ID, m.Deadline.Answered)
	}
	sent, err := d.sendDeclaration(ctx, m, access)
	if err != nil {
		return nil, err
	}
	err = d.room.Store.Update(func(tx *store.Tx) error {
		r, err := tx.Received(m.From, m.ID)
		if err != nil {
			return err
		}
		e := d.room.Entry("declared", "message "+m.ID.String(), nil)
		if e.Detail = string(access); !sent {
			r.Declared = string(access)
			e.Detail += ", at this desk alone"
		}
		if err := tx.Put(&r); err != nil {
			return err
		}
		return tx.Log(e)
	})
	if err != nil {
		return nil, err
	}
	d.room.Touch()
	if m, err = d.find(client.Ref{From: m.From, ID: m.ID}); err != nil {
		return nil, err
	}
	return &client.InboxItem{From: m.From, Item: m.Item}, nil
}

// sendDeclaration tells the asking desk, where the catalogue has a reply for that and
// an agreement lets it pass.
func (d *Desk) sendDeclaration(ctx context.Context, m *client.Message, access schema.Access) (sent bool, err error) {
	body := d.body(m.Message)
	if body == nil {
		return false, problem.New(problem.UnknownMessage, "message %s was erased, or is hidden", m.ID)
	}
	t, ok := d.room.Declares(body.Type())
	if !ok {
		return false, nil
	}
	draft := client.Draft{Type: t.Name, Body: t.Declaration(body, access), Urgent: m.Urgency == string(schema.Urgent)}
	_, err = d.Answer(ctx, client.Ref{From: m.From, ID: m.ID}, draft)
	switch problem.CodeOf(err) {
	case problem.NoAgreement, problem.TypeNotPermitted, problem.TypeUnknown, problem.TypeOutdated, problem.PurposeNotPermitted:
		return false, nil
	}
	return err == nil, err
}
