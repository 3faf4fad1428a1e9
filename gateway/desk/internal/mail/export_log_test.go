package mail

import (
	"errors"

	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// What a room does by itself, one thing at a time: for a test that plays the log.

// Queues makes a message durable that nobody sealed.
func (m *Room) Queues(e *envelope.Envelope, t *schema.Type, says store.Facts) error {
	return m.Queue(&Sending{Name: e.ID.String(), Digest: []byte{1}, Says: says, Type: t,
		Envelopes: []*Sealed{{e.Header, e.TextHash(), e.Note.Bytes(), e.Sealed, []byte{1}}}})
}

// Arrives keeps a message that was accepted.
func (m *Room) Arrives(e *envelope.Envelope, accepted store.ProvenEvent) error {
	return m.write(unsynced, nil, (&arrival{Envelope: e, accepted: accepted}).write)
}

// Hears takes in what the log says of a message; says is what it says where that can be
// read now.
func (m *Room) Hears(seq int64, f store.ProvenEvent, says *store.Facts) error {
	known := map[signed.Hash]store.Facts{}
	if says != nil {
		known[f.TextHash] = *says
	}
	doubted, err := m.writeWith(unsynced, nil, known, []step{advances(seq, f)})
	if err == nil && doubted > 0 {
		err = errors.New("an event is not believed")
	}
	return err
}

// Finds states what a received message was found to be.
func (m *Room) Finds(seq int64, refused bool) error {
	return m.write(unsynced, nil, func(c *change) error {
		r, err := c.Row(seq)
		if err != nil {
			return err
		}
		r.Unproven = store.Statement{Event: envelope.HandedOver, Note: []byte{1}}
		if refused {
			r.Unproven.Event, r.Code = envelope.Refused, problem.ReplyNotAllowed
		} else if err := c.PutFileKey(r.TextHash, []byte{1}); err != nil {
			return err
		}
		if err := c.Put(&r); err != nil {
			return err
		}
		return c.weigh(seq)
	})
}

// Reads writes what a message says that was handed over while the ring was locked.
func (m *Room) Reads(seq int64, says store.Facts) error {
	return m.write(unsynced, nil, func(c *change) error {
		r, err := c.Row(seq)
		if err != nil || !r.Unapplied {
			return errors.Join(err, errors.New("nothing waits to be read"))
		}
		if err := c.opened(&r, says); err != nil {
			return err
		}
		return c.weigh(seq)
	})
}

// Rejects ends a queued message that the broker refused.
func (m *Room) Rejects(seq int64) error {
	return m.write(unsynced, nil, func(c *change) error {
		return c.reject(seq, store.ProvenEvent{}, problem.New(problem.NoAgreement, "none"))
	})
}

// Checks is what an opener checks of a reply.
func (m *Room) Checks(h *envelope.Header, t *schema.Type, outcome string) error {
	m.readAll.Store(true) // nothing of this room was ever lost
	_, err := m.checkReply(h, t, outcome)
	return err
}
