package desk

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/gateway/verify"
	"samband/schema"
)

// lifetime is how long a message waits to be consigned unless its draft says
// otherwise.
const lifetime = client.Duration(7 * 24 * time.Hour)

// problemIn is the refusal in err's chain; nil when there is none.
func problemIn(err error) *client.Problem {
	p, ok := problem.Of(err)
	if !ok {
		return nil
	}
	out := problem.DetailsOf(p.Code, p.Detail)
	return &out
}

// reply is what a draft answers or follows; the zero reply is for one that does
// neither.
type reply struct {
	message      signed.Hash // that the officer named
	answered     *schema.Body
	followed     *schema.Body
	earlier      map[signed.Address]earlier // what each recipient's envelope names
	copied       *schema.Copied             // of the draft of a copy: what it copies; it answers nothing
	also         func(*store.Tx) error      // what is written with it; nil: nothing
	conversation signed.ID                  // for those who got nothing earlier; zero: one of its own
}

// earlier is a message that an envelope names in in-reply-to.
type earlier struct {
	seq    int64
	text   signed.Hash
	header *envelope.Header
}

// Send validates a draft, seals and signs an envelope for each recipient, and
// queues them in one transaction: when it returns they will be submitted,
// whatever happens to this process. One recipient's problem stops that one, and
// the roster of an open message names those to whom it goes; if all are stopped,
// the first one's problem is the error. A copy that the agreements ask for is queued
// in the same transaction, unless the message says why it is withheld; a copy that
// can't be sent stops everything. Locked, the desk stores nothing:
// DESK_LOCKED. The same name again returns the first sending, with those whom it
// did not go to; with another draft it is ID_REUSED.
func (d *Desk) Send(ctx context.Context, draft client.Draft) (*client.Sending, error) {
	return d.send(draft, reply{})
}

func (d *Desk) send(draft client.Draft, to reply) (*client.Sending, error) {
	digest, err := d.digest(draft, to)
	before := false
	if draft.Name == "" {
		draft.Name = signed.NewID().String()
	} else if draft.Fresh = false; err == nil {
		before, err = d.sentBefore(draft.Name, digest)
	}
	if err == nil && !before {
		err = d.sendOnce(draft, to, digest)
	}
	if p, ok := problem.Of(err); ok && p.Code.Row().Subject != problem.Call {
		// What the desk's own check stops stands in the desk's own log.
		logged := d.room.Store.Update(func(tx *store.Tx) error { return tx.Log(d.room.Entry("not sent", draft.Type, p)) })
		return nil, errors.Join(err, logged)
	}
	if err != nil {
		return nil, err
	}
	return d.sending(draft.Name)
}

// digest tells one draft from another without keeping what it says in the open.
// DESK_LOCKED while locked.
func (d *Desk) digest(draft client.Draft, to reply) (digest []byte, err error) {
	draft.Name, draft.Fresh, draft.To = "", false, slices.Sorted(slices.Values(draft.To))
	b, err := json.Marshal(struct {
		client.Draft
		Body    []byte      `json:"body"` // as bytes: it may be no JSON
		Copy    []byte      `json:"copy,omitempty"`
		ReplyTo signed.Hash `json:"reply_to"`
	}{draft, draft.Body, draft.Copy, to.message})
	if err != nil {
		return nil, err
	}
	err = d.withRing(func(ring *keys.Locked) error {
		digest = ring.Digest(b)
		return nil
	})
	return digest, err
}

// sentBefore looks for an earlier sending of the same name: with another draft it
// is ID_REUSED.
func (d *Desk) sentBefore(name string, digest []byte) (bool, error) {
	var before []byte
	err := d.room.Store.View(func(tx *store.Tx) (err error) {
		before, err = tx.Digest(name)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err == nil && !bytes.Equal(before, digest) {
		err = problem.New(problem.IDReused, "the name %q stands for another message", name)
	}
	return err == nil, err
}

// repeatable is how long a draft counts as one that was just sent.
const repeatable = 10 * time.Minute

// repeats refuses with REPEATED a draft that is word for word one that this desk has just
// queued or sent, unless that came to nothing.
func (d *Desk) repeats(digest []byte) error {
	return d.room.Store.View(func(tx *store.Tx) error {
		rows, err := tx.Recent(digest)
		if err != nil {
			return err
		}
		for _, r := range rows {
			text, err := tx.Header(r.TextHash)
			if err != nil {
				return err
			}
			h, err := envelope.ParseHeader(text)
			if err != nil {
				return err
			}
			age := d.now().Sub(h.Created.AsTime())
			switch r.State {
			case client.Queued, client.Accepted, client.Consigned, client.HandedOver:
				if age < repeatable {
					return problem.New(problem.Repeated, "this desk has sent the same to the same %s ago, as message %s, which is %s", max(age, 0).Round(time.Second), r.ID, r.State)
				}
			}
		}
		return nil
	})
}

// sending is what became of a draft.
func (d *Desk) sending(name string) (*client.Sending, error) {
	s := &client.Sending{Name: name}
	err := d.room.Store.View(func(tx *store.Tx) error {
		stopped, err := tx.Blocked(name)
		if err != nil {
			return err
		}
		for _, b := range stopped {
			s.Blocked = append(s.Blocked, client.Blocked{To: b.To, Problem: problem.DetailsOf(b.Code, b.Detail)})
		}
		rows, err := tx.Sending(name)
		if err != nil {
			return err
		}
		if s.Messages, err = listed(d, tx, rows, outboxItem); err != nil {
			return err
		}
		if rows, err = tx.Copies(name); err != nil || len(rows) == 0 {
			return err
		}
		s.Copies, err = listed(d, tx, rows, copyItem)
		return err
	})
	if err == nil && len(s.Copies) == 0 {
		s.Withheld = d.withheld(s.Messages)
	}
	return s, err
}

func (d *Desk) sendOnce(draft client.Draft, to reply, digest []byte) error {
	l := d.room.Logs()
	sending := &mail.Sending{Name: draft.Name, Digest: digest}
	err := d.prepare(l, draft, to, sending, func(h envelope.Header, c *seal.Content) (s *mail.Sealed, err error) {
		err = d.withRing(func(ring *keys.Locked) error {
			s, err = d.room.Seal(ring, l, h, c)
			return err
		})
		return s, err
	})
	if err == nil && draft.Fresh {
		err = d.repeats(digest)
	}
	if err != nil {
		return err
	}
	return d.room.Queue(sending)
}

// A sealer makes an envelope: Send's is the room's Seal, Explain's is its Fit.
type sealer func(envelope.Header, *seal.Content) (*mail.Sealed, error)

// prepare does all of a sending but its commit. With an error it says in the sending whom
// the law stopped, as far as it came.
func (d *Desk) prepare(l *verify.Logs, draft client.Draft, to reply, sending *mail.Sending, seal sealer) error {
	for {
		p, err := d.plan(l, draft, to)
		if err != nil {
			return err
		}
		headers, stopped, err := d.permitted(l, p)
		if err != nil {
			return err
		}
		sending.Blocked = append(sending.Blocked, stopped...)
		switch {
		case len(headers) == 0:
			b := sending.Blocked[0]
			return problem.New(b.Code, "%s: %s", b.To, b.Detail)
		case len(stopped) == 0:
			copies, err := d.copies(l, p, headers)
			if err != nil {
				return err
			}
			sending.Says, sending.Type = mail.FactsOf(p.body), p.typ
			if sending.Envelopes, err = sealAll(p, headers, seal); err != nil {
				return err
			}
			if sending.Copies, err = d.sealCopies(l, p, copies, sending.Envelopes, seal); err != nil {
				return err
			}
			sending.Also = func(tx *store.Tx) error { return d.alsoWritten(tx, p, sending.Envelopes) }
			return nil
		}
		draft.To = nil // once more, for the roster
		for _, h := range headers {
			draft.To = append(draft.To, h.To)
		}
	}
}

// alsoWritten writes what belongs to a sending besides its messages: of a query, a line
// of the desk's own log that names its data set.
func (d *Desk) alsoWritten(tx *store.Tx, p *plan, envelopes []*mail.Sealed) error {
	if p.reply.also != nil {
		if err := p.reply.also(tx); err != nil {
			return err
		}
	}
	asked, ok := p.body.Query()
	if !ok {
		return nil
	}
	for _, s := range envelopes {
		e := d.room.Entry("query sent", "message "+s.ID.String(), nil)
		e.Detail = asked.Dataset
		if err := tx.Log(e); err != nil {
			return err
		}
	}
	return nil
}

// permitted asks the law for each recipient, before anything is sealed: a header
// for each that it permits, and why not for each other.
func (d *Desk) permitted(l *verify.Logs, p *plan) (headers []envelope.Header, stopped []store.Blocked, err error) {
	shared := signed.NewID()
	for _, addr := range p.draft.To {
		h, err := d.address(l, p, p.header(d, l, addr, shared))
		if refused, ok := problem.Of(err); ok {
			stopped = append(stopped, store.Blocked{To: addr, Code: refused.Code, Detail: refused.Detail})
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		headers = append(headers, h)
	}
	return headers, stopped, nil
}

// mayFollow asks whether a recipient's envelope may name the earlier message that it
// got, or be sent without one.
func (d *Desk) mayFollow(p *plan, to signed.Address) error {
	e, ok := p.reply.earlier[to]
	if !ok && p.typ.OnlyReplies() {
		return problem.New(problem.ReplyNotAllowed, "%s always answers or follows a message, and %s got none of this sending", p.typ.Name, to)
	}
	if !ok {
		return nil
	}
	return d.room.Store.View(func(tx *store.Tx) error {
		r, err := tx.Row(e.seq)
		if err != nil {
			return err
		}
		return d.room.MayFollow(tx, &r, p.typ, p.body.Outcome)
	})
}

// address asks whether a header may follow what it names, chooses its agreement and
// asks both halves of the law.
func (d *Desk) address(l *verify.Logs, p *plan, h envelope.Header) (envelope.Header, error) {
	err := d.mayFollow(p, h.To)
	if err == nil {
		err = d.room.Heeded(h.To)
	}
	if err != nil {
		return h, err
	}
	if h.Agreement, err = chooseAgreement(l, p.question(h.From, h.To), h.Agreement, h.Created); err != nil {
		return h, err
	}
	if err := l.View().DecideSealed(h.Agreement, p.body.Sealed); err != nil {
		return h, err
	}
	to, ok := l.View().Desk(h.To)
	if !ok {
		return h, problem.New(problem.UnknownDesk, "%s is no desk in the register", h.To)
	}
	if err := seal.CheckRecipient(to.Opening); err != nil {
		return h, err
	}
	h.ToKey = to.OpeningID()
	return h, l.View().Decide(&h, signed.At(d.now()))
}

// sealAll seals and signs an envelope for each header, once each.
func sealAll(p *plan, headers []envelope.Header, seal sealer) (sealed []*mail.Sealed, err error) {
	for _, h := range headers {
		s, err := seal(h, p.content)
		if err != nil {
			return nil, err
		}
		sealed = append(sealed, s)
	}
	return sealed, nil
}

// A plan is a draft that passed everything but the law between two parties.
type plan struct {
	draft   client.Draft
	reply   reply
	ref     envelope.TypeRef
	typ     *schema.Type
	content *seal.Content
	body    *schema.Body
}

// plan completes and validates a draft.
func (d *Desk) plan(l *verify.Logs, draft client.Draft, to reply) (*plan, error) {
	if len(draft.To) == 0 {
		return nil, problem.New(problem.UnknownDesk, "the message names no recipient")
	}
	ref, t, err := d.room.TypeNamed(l, draft.Type)
	if err != nil {
		return nil, err
	}
	p := &plan{draft: draft, reply: to, ref: ref, typ: t, content: &seal.Content{}}
	for _, a := range draft.Attachments {
		p.content.Attachments = append(p.content.Attachments, seal.Attachment{Name: a.Name, MediaType: a.MediaType, Data: a.Data})
	}
	files, roster := mail.ListOf(p.content.Attachments), stringsOf(draft.To)
	fill := schema.Filling{Attachments: files, Answered: to.answered, Followed: to.followed}
	if !draft.Confidential {
		fill.Recipients = roster
	}
	p.content.Body = t.Fill(p.written(t), fill)
	if p.body, err = t.Read(p.content.Body); err != nil {
		return nil, err
	}
	if err := p.fitsCopying(); err != nil {
		return nil, err
	}
	if err := p.body.FitsUrgency(p.urgency()); err != nil {
		return nil, err
	}
	if err := p.body.FitsCreated(d.now()); err != nil {
		return nil, err
	}
	if err := p.body.FitsAttachments(files); err != nil {
		return nil, err
	}
	if err := p.body.FitsRecipients(roster, draft.Confidential); err != nil {
		return nil, err
	}
	p.content.Statistics = p.body.Statistics
	if to.earlier == nil && t.OnlyReplies() {
		return nil, problem.New(problem.ReplyNotAllowed, "%s always answers or follows a message: use answer", t.Name)
	}
	return p, nil
}

func (p *plan) urgency() schema.Urgency {
	if p.draft.Urgent {
		return schema.Urgent
	}
	return schema.NonUrgent
}

func classificationOf(d client.Draft) envelope.Classification {
	return cmp.Or(d.Classification, envelope.Unclassified)
}

// header is everything of a message's header but agreement and seal.
func (p *plan) header(d *Desk, l *verify.Logs, to signed.Address, shared signed.ID) envelope.Header {
	now := signed.At(d.now())
	h := envelope.Header{
		Exchange: l.Register().Exchange(), ID: signed.NewID(), Type: p.ref, From: d.Address(), To: to,
		Conversation: shared, Created: now, Expires: now.Add(time.Duration(cmp.Or(p.draft.Lifetime, lifetime))), Agreement: p.draft.Agreement,
		Urgency: string(p.urgency()), Classification: classificationOf(p.draft),
		AsOfAudit: l.Audit(), AsOfRegister: l.Register().Head(),
	}
	e, follows := p.reply.earlier[to]
	switch {
	case follows:
		h.Conversation, h.InReplyTo = e.header.Conversation, e.text
		if h.Agreement.IsZero() {
			h.Agreement = e.header.Agreement
		}
	case !p.reply.conversation.IsZero():
		h.Conversation = p.reply.conversation
	case p.draft.Confidential:
		h.Conversation = signed.NewID()
	}
	return h
}

func (p *plan) question(from, to signed.Address) register.Question {
	return register.Question{
		From: from, To: to, Type: p.ref.Name, Classification: classificationOf(p.draft), Purpose: p.body.Sealed.Purpose,
	}
}

// chooseAgreement takes the agreement that is named, or the only one that fits.
func chooseAgreement(l *verify.Logs, q register.Question, named signed.Hash, now signed.Time) (signed.Hash, error) {
	x := l.View().Explain(q, now)
	switch {
	case x.Problem != nil && named.IsZero():
		return named, x.Problem
	case !named.IsZero():
		return named, nil // Decide and DecideSealed say what is wrong with it
	case len(x.Carriers) > 1:
		return named, problem.New(problem.NoAgreement, "%d agreements would carry it; name the one that applies", len(x.Carriers))
	}
	return x.Carriers[0].Hash(), nil
}

func stringsOf(addresses []signed.Address) (out []string) {
	for _, a := range addresses {
		out = append(out, string(a))
	}
	return out
}
