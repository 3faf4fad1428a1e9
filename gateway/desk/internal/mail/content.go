package mail

import (
	"bytes"
	"errors"

	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/schema"
)

// open opens one message and checks it.
func (m *Room) open(e *envelope.Envelope, accepted store.ProvenEvent) *verdict {
	var identity string
	var has bool
	err := m.Ring.Use(func(ring *keys.Locked) error {
		identity, has = ring.Identity(e.ToKey)
		return nil
	})
	if err != nil {
		return &verdict{locked: true}
	}
	if !has {
		return &verdict{stuck: LacksKey}
	}
	if m.Heeded(e.From) != nil {
		return &verdict{stuck: Heeds}
	}
	t, ok := m.Type(e.Type.Hash)
	if !ok {
		return &verdict{stuck: LacksType}
	}
	content, key, err := seal.Open(e, identity)
	var body *schema.Body
	var lacks bool
	if err == nil {
		body, lacks, err = m.checkContent(e, t, content, accepted)
	}
	if p, ok := problem.Of(err); ok {
		if p.Code == problem.TypeOutdated { // of what it answers
			return &verdict{stuck: LacksType}
		}
		return &verdict{refused: p}
	}
	if err != nil {
		m.Log.Error("a message could not be opened", "id", e.ID, "problem", err.Error())
		return &verdict{stuck: Unreadable}
	}
	return &verdict{key: key, says: FactsOf(body), lacks: lacks}
}

// checkContent checks an opened message: its body follows its type and fits its
// header, the law permits its purpose, and it answers something that this desk sent, or may
// have sent and lost (lacks). The register is that of its acceptance.
func (m *Room) checkContent(e *envelope.Envelope, t *schema.Type, c *seal.Content, accepted store.ProvenEvent) (body *schema.Body, lacks bool, err error) {
	if t.Name != e.Type.Name || t.Version != e.Type.Version {
		return nil, false, problem.New(problem.BodyInvalid, "the header names its type wrongly")
	}
	if body, err = t.Read(c.Body); err != nil {
		return nil, false, err
	}
	if err := body.FitsUrgency(schema.Urgency(e.Urgency)); err != nil {
		return nil, false, err
	}
	if err := body.FitsCreated(e.Created.AsTime()); err != nil {
		return nil, false, err
	}
	if !bytes.Equal(body.Statistics, c.Statistics) {
		return nil, false, problem.New(problem.BodyInvalid, "the statistics record is not what the body gives")
	}
	if err := body.FitsAttachments(ListOf(c.Attachments)); err != nil {
		return nil, false, err
	}
	if err := m.logs.Load().Register().At(accepted.Register).DecideSealed(e.Agreement, body.Sealed); err != nil {
		return nil, false, err
	}
	lacks, err = m.checkReply(&e.Header, t, body.Outcome)
	return body, lacks, err
}

// checkReply checks that a message which names another in in-reply-to names one that
// went between the same two desks in the same conversation, either way, and that its
// type may be followed so. What else the sender asked before it sealed, such as
// whether it was answered already, nobody refuses here: messages cross. Where this desk
// lacks what is named and may have lost it, the message passes: a refusal for good would be
// for this desk's own fault.
func (m *Room) checkReply(h *envelope.Header, t *schema.Type, outcome string) (lacks bool, err error) {
	if h.InReplyTo.IsZero() {
		if t.OnlyReplies() {
			return false, problem.New(problem.ReplyNotAllowed, "%s always answers or follows a message, and this one names none", t.Name)
		}
		return false, nil
	}
	err = m.Store.View(func(tx *store.Tx) error {
		received := store.Row{Received: true, From: h.From, To: h.To, Conversation: h.Conversation, ReplyTo: h.InReplyTo}
		earlier, err := parent(tx, &received)
		if errors.Is(err, store.ErrNotFound) {
			if lacks, err = m.lacksNamed(tx, h); err != nil || lacks {
				return err
			}
			return problem.New(problem.ReplyNotAllowed, "the message that it names is not one of this conversation between %s and us", h.From)
		}
		if err != nil {
			return err
		}
		return m.allows(tx, &earlier, outcome, earlier.Received)
	})
	return lacks, err
}

// lacksNamed reports whether this desk has nothing under the name that a message gives, and
// may have had it. What it has, and of another conversation or desk, it judges.
func (m *Room) lacksNamed(tx *store.Tx, h *envelope.Header) (bool, error) {
	for _, received := range []bool{false, true} {
		if _, err := tx.OfText(received, h.InReplyTo); !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
	}
	return m.mayLack(tx)
}
