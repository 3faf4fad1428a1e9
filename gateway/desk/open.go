package desk

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/schema"
)

// openConsigned opens what is consigned, oldest first, once the desk is
// unlocked. A message that this desk can't judge yet, or holds damaged, stays
// where it is and doesn't hold up the others.
func (d *Desk) openConsigned(context.Context) error {
	if d.Locked() {
		return nil
	}
	var waiting []store.InboxItem
	err := d.store.View(func(tx *store.Tx) (err error) {
		waiting, err = tx.InboxIn(store.Consigned)
		return err
	})
	if err != nil {
		return err
	}
	var errs []error
	for _, i := range waiting {
		err := d.withRing(func(ring *keys.Locked) error { return d.openItem(ring, i) })
		if p, ok := problem.Of(err); ok && p.Code == problem.DeskLocked {
			return nil
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("open message %s: %w", i.ID, err), d.stuck(i, unreadable))
		}
	}
	return errors.Join(errs...)
}

// What keeps a consigned message from being judged, in its item's detail. The
// desk never refuses for it: the fault is its own.
const (
	lacksKey  = "this desk's ring lacks the opening key that the header names"
	lacksType = "this desk's program lacks the message's type"

	// Of the outbox too.
	unreadable = "this desk can't read what it holds of the message; its program's log says why"
)

// openItem opens and judges one message. Its new state, its wrapped file key and
// the signed statement are one transaction: from then on it is in the officers'
// view, or refused, and the statement will be proven sooner or later.
func (d *Desk) openItem(ring *keys.Locked, i store.InboxItem) error {
	e, fact, err := d.consigned(i)
	if err != nil {
		return err
	}
	identity, ok := ring.Identity(e.ToKey)
	if !ok {
		return d.stuck(i, lacksKey)
	}
	t, ok := schema.FindHash(e.Type.Hash)
	if !ok {
		return d.stuck(i, lacksType)
	}
	content, key, err := seal.Open(e, identity)
	var body *schema.Body
	if err == nil {
		body, err = d.judgeContent(e, t, content, fact)
	}
	p, refused := problem.Of(err)
	if err != nil && !refused {
		return err
	}
	said := envelope.Statement{Event: envelope.HandedOver, Message: i.Message}
	state, code, detail := store.Opened, problem.Code(""), ""
	if refused {
		said = envelope.Statement{Event: envelope.Refused, Message: i.Message, Code: p.Code}
		state, code, detail = store.Failed, p.Code, p.Detail
	}
	note, err := d.signStatement(ring, said)
	if err != nil {
		return err
	}
	err = d.store.Update(func(tx *store.Tx) error {
		if body != nil {
			if err := tx.PutFileKey(i.Message, ring.Wrap(key, i.Message)); err != nil {
				return err
			}
			if err := tx.SetOutcome(i.Message, body.Outcome); err != nil {
				return err
			}
			if err := d.endsOurClock(tx, i, body.Outcome, fact.Time); err != nil {
				return err
			}
		}
		if err := tx.SetInbox(i.Message, state, code, detail); err != nil {
			return err
		}
		return tx.PutStatement(store.Statement{Message: i.Message, Event: string(said.Event), Note: note})
	})
	if err != nil {
		return err
	}
	d.log.Info("message opened", "id", i.ID, "state", state, "code", code)
	wake(d.workers.statements)
	d.touch()
	return nil
}

// consigned reads a stored message and the proof of its acceptance.
func (d *Desk) consigned(i store.InboxItem) (e *envelope.Envelope, accepted store.Fact, err error) {
	var b []byte
	err = d.store.View(func(tx *store.Tx) (err error) {
		if b, err = tx.Envelope(i.Message); err != nil {
			return err
		}
		accepted, err = tx.Fact(i.Message, string(envelope.Accepted))
		return err
	})
	if err != nil {
		return nil, accepted, err
	}
	e, err = parseStored(b, i.Message)
	return e, accepted, err
}

// stuck shows why a message stays consigned; the metric beside it alarms.
func (d *Desk) stuck(i store.InboxItem, why string) error {
	if i.Detail == why {
		return nil
	}
	d.log.Error("a consigned message can't be opened", "id", i.ID, "why", why)
	defer d.touch()
	return d.store.Update(func(tx *store.Tx) error {
		return tx.SetInbox(i.Message, i.State, "", why)
	})
}

// judgeContent is what must hold of an opened message: its body follows its type
// and fits its header, the law permits its purpose, and it answers something
// that this desk sent. The register is that of its acceptance.
func (d *Desk) judgeContent(e *envelope.Envelope, t *schema.Type, c *seal.Content, accepted store.Fact) (*schema.Body, error) {
	if t.Name != e.Type.Name || t.Version != e.Type.Version {
		return nil, problem.New(problem.BodyInvalid, "the header names its type wrongly")
	}
	body, err := t.Read(c.Body)
	if err != nil {
		return nil, err
	}
	if err := body.FitsUrgency(schema.Urgency(e.Urgency)); err != nil {
		return nil, err
	}
	if !bytes.Equal(body.Statistics, c.Statistics) {
		return nil, problem.New(problem.BodyInvalid, "the statistics record is not what the body gives")
	}
	if err := checkManifest(c.Body, c.Attachments); err != nil {
		return nil, err
	}
	if err := d.logs.Load().Register().At(accepted.Register).DecideSealed(e.Agreement, body.Sealed); err != nil {
		return nil, err
	}
	if err := d.repliesTo(&e.Header, t, body.Outcome); err != nil {
		return nil, err
	}
	return body, nil
}

// repliesTo holds that a reply names a message of its conversation that this
// desk sent to its sender, and that may be answered so.
func (d *Desk) repliesTo(h *envelope.Header, t *schema.Type, outcome string) error {
	if h.InReplyTo.IsZero() {
		if t.OnlyReplies() {
			return problem.New(problem.ReplyNotAllowed, "%s always answers a message, and this one names none", t.Name)
		}
		return nil
	}
	var asked *envelope.Header
	err := d.store.View(func(tx *store.Tx) error {
		if _, err := tx.AttemptOf(h.InReplyTo); err != nil {
			return err
		}
		note, err := tx.Note(h.InReplyTo)
		if err != nil {
			return err
		}
		asked, err = parseHeader(note)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || err == nil && (asked.To != h.From || asked.Conversation != h.Conversation) {
		return problem.New(problem.ReplyNotAllowed, "the message that is answered is not one of this conversation that %s got from us", h.From)
	}
	if err != nil {
		return err
	}
	return allowsReply(asked, outcome)
}

// allowsReply holds a reply against the type that it answers.
func allowsReply(asked *envelope.Header, outcome string) error {
	t, ok := schema.FindHash(asked.Type.Hash)
	if !ok || !t.AllowsReply(outcome) {
		return problem.New(problem.ReplyNotAllowed, "%s may not be answered by %s", asked.Type.Name, outcome)
	}
	return nil
}
