package mail

import (
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/signed"
	"samband/schema"
)

// Deadline computes the clock of a message, wherever it stands; nil when its type
// has none, when nobody has consigned it yet, or when it was refused. It starts
// when the message is consigned, or at its end if that is its consignment (SPEC
// §9.4).
func (m *Room) Deadline(tx *store.Tx, r *store.Row, h *envelope.Header, now time.Time) (*client.Deadline, error) {
	t, ok := m.Type(h.Type.Hash)
	if !ok || t.Clock == nil || !r.Counts() {
		return nil, nil
	}
	start, err := tx.Time(r.TextHash, envelope.Consigned)
	if err == nil && start.IsZero() {
		start, err = tx.Time(r.TextHash, envelope.HandedOver)
	}
	if err != nil || start.IsZero() {
		return nil, err
	}
	run := schema.Run{Urgency: urgencyOf(r), Access: schema.Access(r.Access), Start: start.AsTime()}
	if run.Pauses, err = pauses(tx, t.Clock, r); err != nil {
		return nil, err
	}
	if !r.Answered.IsZero() {
		now = r.Answered.AsTime()
	}
	at := t.Clock.At(run, now)
	return &client.Deadline{
		Class: at.Class, Due: signed.At(at.Due), Access: run.Access, Paused: at.Paused && r.Answered.IsZero(),
		Overdue: at.Overdue && r.Answered.IsZero(), Answered: r.Answered, OnTime: !r.Answered.IsZero() && !at.Overdue,
	}, nil
}

func urgencyOf(r *store.Row) schema.Urgency {
	if r.Urgent {
		return schema.Urgent
	}
	return schema.NonUrgent
}

// pauses are the times between a question back and its answer, from acceptance
// to acceptance (SPEC §9.4).
func pauses(tx *store.Tx, c *schema.Clock, r *store.Row) ([]schema.Pause, error) {
	if c.Pause == nil {
		return nil, nil
	}
	turns, err := tx.Turns(store.Dialogue{
		Request: r.TextHash, Received: r.Received, With: r.Other(), Conversation: r.Conversation,
		Question: c.Pause.By, Answer: c.Pause.Until,
	})
	if err != nil {
		return nil, err
	}
	told := map[signed.Hash]time.Time{} // when a question got its first answer
	for _, t := range turns {
		at := t.Accepted.AsTime()
		if first, ok := told[t.ReplyTo]; !t.Question && (!ok || at.Before(first)) {
			told[t.ReplyTo] = at
		}
	}
	var out []schema.Pause
	for _, t := range turns {
		if t.Question {
			out = append(out, schema.Pause{From: t.Accepted.AsTime(), Until: told[t.TextHash]})
		}
	}
	return out, nil
}
