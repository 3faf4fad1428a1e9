package desk

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"samband/gateway/desk/internal/keys"
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
const lifetime = 7 * 24 * time.Hour

// A Draft is a message that an officer wrote, before it is sealed.
type Draft struct {
	Name           string                  `json:"name,omitempty"` // names the send, so that it may be repeated; "" for any
	To             []signed.Address        `json:"to"`
	Type           string                  `json:"type"`
	Body           []byte                  `json:"body"` // JSON, as it was written, faults and all
	Attachments    []Attachment            `json:"attachments,omitempty"`
	Agreement      signed.Hash             `json:"agreement,omitzero"` // zero: the one that fits
	Urgent         bool                    `json:"urgent,omitempty"`
	Classification envelope.Classification `json:"classification,omitempty"` // "" is unclassified
	Lifetime       time.Duration           `json:"lifetime,omitempty"`       // until it expires; zero: 7 days
	Confidential   bool                    `json:"confidential,omitempty"`   // of several recipients none learns of another
}

// An Attachment is a small file inside a message.
type Attachment struct {
	Name      string `json:"name"`
	MediaType string `json:"media_type"`
	Data      []byte `json:"data,omitempty"`
	Bytes     int    `json:"bytes,omitempty"` // in listings, which leave out the data
}

// A Sending is what became of a draft: an envelope for each recipient that the
// law permits, and the rule for each other. Its messages have no summary: nothing
// is opened to show what was just written.
type Sending struct {
	Name     string       `json:"name"`
	Messages []OutboxItem `json:"messages"`
	Blocked  []Blocked    `json:"blocked,omitempty"`
}

// Blocked says why nothing goes to one recipient.
type Blocked struct {
	To      signed.Address `json:"to"`
	Problem Problem        `json:"problem"`
}

// A Problem is a refusal for the screen: code, what went wrong, the rule, and
// what to do next.
type Problem struct {
	Code   problem.Code  `json:"code"`
	Class  problem.Class `json:"class"`
	Detail string        `json:"detail,omitempty"`
	Rule   string        `json:"rule"`
	Next   string        `json:"next"`
}

// problemIn is the refusal in err's chain; nil when there is none.
func problemIn(err error) *Problem {
	p, ok := problem.Of(err)
	if !ok {
		return nil
	}
	out := problemOf(p.Code, p.Detail)
	return &out
}

func problemOf(code problem.Code, detail string) Problem {
	row, _ := problem.Lookup(code)
	return Problem{Code: code, Class: row.Class, Detail: detail, Rule: row.Rule, Next: row.Next}
}

// reply is what a draft answers; the zero reply answers nothing.
type reply struct {
	header  *envelope.Header // of the message answered
	message signed.Hash
	ref     string // the other desk's own reference
}

// Send validates a draft, seals and signs an envelope for each recipient, and
// queues them in one transaction: when it returns they will be submitted,
// whatever happens to this process. One recipient's problem stops that one, and
// the roster of an open message names those to whom it goes; if all are stopped,
// the first one's problem is the error. Locked, the desk stores nothing:
// DESK_LOCKED. The same name again returns the first sending, with those whom it
// did not go to; with another draft it is ID_REUSED.
func (d *Desk) Send(ctx context.Context, draft Draft) (*Sending, error) {
	return d.send(ctx, draft, reply{})
}

func (d *Desk) send(ctx context.Context, draft Draft, to reply) (*Sending, error) {
	if draft.Name == "" {
		draft.Name = signed.NewID().String()
	}
	s := &Sending{Name: draft.Name}
	err := d.upToDate(ctx, func() error {
		return d.withRing(func(ring *keys.Locked) (err error) {
			s.Blocked, err = d.sendWith(ring, draft, to)
			return err
		})
	})
	if p, ok := problem.Of(err); ok && p.Code != problem.DeskLocked {
		// What the desk's own check stops stands in the desk's own log.
		logged := d.store.Update(func(tx *store.Tx) error { return tx.Log(d.entry("not sent", draft.Type, p)) })
		return nil, errors.Join(err, logged)
	}
	if err != nil {
		return nil, err
	}
	s.Messages, err = d.sendItems(draft.Name)
	return s, err
}

// upToDate asks again with the newest register what the law refused by the one
// that this desk had: its feeds bring new entries within a minute, and people
// who just acceded to an agreement don't wait that long.
func (d *Desk) upToDate(ctx context.Context, ask func() error) error {
	err := ask()
	if p, ok := problem.Of(err); !ok || !ofRegister[p.Code] {
		return err
	}
	if !d.reachable.Load() {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	d.calls.Lock()
	defer d.calls.Unlock()
	before := d.logs.Load().Register().Size()
	if d.refresh(ctx) != nil || d.logs.Load().Register().Size() == before {
		return err
	}
	return ask()
}

// ofRegister are the codes that a longer register may take back.
var ofRegister = map[problem.Code]bool{
	problem.UnknownDesk: true, problem.KeyRevoked: true, problem.TypeUnknown: true, problem.TypeOutdated: true,
	problem.NoAgreement: true, problem.TypeNotPermitted: true, problem.ClassificationTooHigh: true,
	problem.PurposeNotPermitted: true, problem.EntryInvalid: true,
}

func (d *Desk) sendWith(ring *keys.Locked, draft Draft, to reply) ([]Blocked, error) {
	l := d.logs.Load()
	if blocked, before, err := d.sentBefore(ring, l, draft, to); before || err != nil {
		return blocked, err
	}
	var blocked []Blocked
	for {
		p, err := d.plan(l, draft, to)
		if err != nil {
			return nil, err
		}
		headers, stopped, err := d.permitted(l, p)
		if err != nil {
			return nil, err
		}
		blocked = append(blocked, stopped...)
		switch {
		case len(headers) == 0:
			b := blocked[0]
			return nil, problem.New(b.Problem.Code, "%s: %s", b.To, b.Problem.Detail)
		case len(stopped) == 0:
			items, err := d.sealAll(ring, l, p, headers)
			if err != nil {
				return nil, err
			}
			return blocked, d.queue(draft.Name, p.body.Outcome, items, blocked)
		}
		draft.To = nil // once more, for the roster
		for _, h := range headers {
			draft.To = append(draft.To, h.To)
		}
	}
}

// permitted asks the law for each recipient, before anything is sealed: a header
// for each that it permits, and why not for each other.
func (d *Desk) permitted(l *verify.Logs, p *plan) (headers []envelope.Header, stopped []Blocked, err error) {
	shared := signed.NewID()
	for _, addr := range p.draft.To {
		h, err := d.address(l, p, p.header(d, l, addr, shared))
		if refused, ok := problem.Of(err); ok {
			stopped = append(stopped, Blocked{addr, problemOf(refused.Code, refused.Detail)})
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		headers = append(headers, h)
	}
	return headers, stopped, nil
}

// address chooses the agreement of a header and asks both halves of the law.
func (d *Desk) address(l *verify.Logs, p *plan, h envelope.Header) (envelope.Header, error) {
	var err error
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
func (d *Desk) sealAll(ring *keys.Locked, l *verify.Logs, p *plan, headers []envelope.Header) (items []queued, err error) {
	for _, h := range headers {
		m, err := d.make(ring, l, h, p.content)
		if err != nil {
			return nil, err
		}
		items = append(items, queued{m, h})
	}
	return items, nil
}

// A plan is a draft that passed everything but the law between two parties.
type plan struct {
	draft   Draft
	reply   reply
	ref     envelope.TypeRef
	content *seal.Content
	body    *schema.Body
}

// plan completes and validates a draft.
func (d *Desk) plan(l *verify.Logs, draft Draft, to reply) (*plan, error) {
	if len(draft.To) == 0 {
		return nil, problem.New(problem.UnknownDesk, "the message names no recipient")
	}
	ref, t, err := typeNamed(l, draft.Type)
	if err != nil {
		return nil, err
	}
	p := &plan{draft: draft, reply: to, ref: ref, content: &seal.Content{}}
	for _, a := range draft.Attachments {
		p.content.Attachments = append(p.content.Attachments, seal.Attachment{Name: a.Name, MediaType: a.MediaType, Data: a.Data})
	}
	var roster []signed.Address
	if !draft.Confidential {
		roster = draft.To
	}
	p.content.Body = complete(draft.Body, p.content.Attachments, roster, to.ref)
	if p.body, err = t.Read(p.content.Body); err != nil {
		return nil, err
	}
	if err := p.body.FitsUrgency(p.urgency()); err != nil {
		return nil, err
	}
	if err := checkManifest(p.content.Body, p.content.Attachments); err != nil {
		return nil, err
	}
	if err := checkRoster(p.content.Body, draft.To, draft.Confidential); err != nil {
		return nil, err
	}
	p.content.Statistics = p.body.Statistics
	if to.header != nil {
		return p, allowsReply(to.header, p.body.Outcome)
	}
	if t.OnlyReplies() {
		return nil, problem.New(problem.ReplyNotAllowed, "%s always answers a message: use answer", t.Name)
	}
	return p, nil
}

func typeNamed(l *verify.Logs, name string) (envelope.TypeRef, *schema.Type, error) {
	ref, ok := l.View().Type(name)
	if !ok {
		return ref, nil, problem.New(problem.TypeUnknown, "the exchange's catalogue has no type %q", name)
	}
	t, ok := schema.FindHash(ref.Hash)
	if !ok {
		return ref, nil, problem.New(problem.TypeOutdated, "this desk's program lacks %s %s", ref.Name, ref.Version)
	}
	return ref, t, nil
}

func (p *plan) urgency() schema.Urgency {
	if p.draft.Urgent {
		return schema.Urgent
	}
	return schema.NonUrgent
}

func (p *plan) classification() envelope.Classification {
	if p.draft.Classification == "" {
		return envelope.Unclassified
	}
	return p.draft.Classification
}

func (p *plan) lifetime() time.Duration {
	if p.draft.Lifetime == 0 {
		return lifetime
	}
	return p.draft.Lifetime
}

// header is everything of a message's header but agreement and seal.
func (p *plan) header(d *Desk, l *verify.Logs, to signed.Address, shared signed.ID) envelope.Header {
	now := signed.At(d.now())
	h := envelope.Header{
		Exchange: l.Register().Exchange(), ID: signed.NewID(), Type: p.ref, From: d.Address(), To: to,
		Conversation: shared, Created: now, Expires: now.Add(p.lifetime()), Agreement: p.draft.Agreement,
		Urgency: string(p.urgency()), Classification: p.classification(),
		AsOfAudit: l.Audit(), AsOfRegister: l.Register().Head(),
	}
	switch {
	case p.reply.header != nil:
		h.Conversation, h.InReplyTo = p.reply.header.Conversation, p.reply.message
	case p.draft.Confidential:
		h.Conversation = signed.NewID()
	}
	return h
}

func (p *plan) question(from, to signed.Address) register.Question {
	return register.Question{
		From: from, To: to, Type: p.ref.Name, Classification: p.classification(), Purpose: p.body.Sealed.Purpose,
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

// checkRoster holds that a body which names its recipients names these.
func checkRoster(body []byte, to []signed.Address, confidential bool) error {
	var has struct {
		Recipients []signed.Address `json:"recipients"`
	}
	if err := json.Unmarshal(body, &has); err != nil {
		return problem.New(problem.BodyMalformed, "not one JSON object")
	}
	if has.Recipients == nil {
		return nil
	}
	if confidential && len(to) > 1 {
		return problem.New(problem.BodyInvalid, "at /recipients: a confidential message has no roster")
	}
	if !sameDesks(to, has.Recipients) {
		return problem.New(problem.BodyInvalid, "at /recipients: must be those that the message goes to")
	}
	return nil
}

// queued is an envelope that was made, with its header.
type queued struct {
	*made
	header envelope.Header
}

// queue makes a sending durable, all of it or nothing.
func (d *Desk) queue(name, outcome string, items []queued, blocked []Blocked) error {
	err := d.store.Update(func(tx *store.Tx) error {
		for _, b := range blocked {
			if err := tx.AddBlocked(name, store.Blocked{To: b.To, Code: b.Problem.Code, Detail: b.Problem.Detail}); err != nil {
				return err
			}
		}
		for _, i := range items {
			if err := i.keep(tx); err != nil {
				return err
			}
			err := tx.AddOutbox(store.OutboxItem{
				ID: i.header.ID, Send: name, To: i.header.To, Message: i.hash, Type: i.header.Type.Name,
				Conversation: i.header.Conversation, ReplyTo: i.header.InReplyTo, Outcome: outcome, State: store.Queued,
			})
			if err != nil {
				return err
			}
			if err := tx.Log(d.entry("queued", "message "+i.header.ID.String(), nil)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	wake(d.workers.outbox)
	d.touch()
	return nil
}

// sentBefore looks for an earlier sending of the same name, and holds it against
// this draft.
func (d *Desk) sentBefore(ring *keys.Locked, l *verify.Logs, draft Draft, to reply) (blocked []Blocked, before bool, err error) {
	var items []store.OutboxItem
	err = d.store.View(func(tx *store.Tx) (err error) {
		if items, err = tx.Send(draft.Name); err != nil {
			return err
		}
		stopped, err := tx.Blocked(draft.Name)
		for _, b := range stopped {
			blocked = append(blocked, Blocked{b.To, problemOf(b.Code, b.Detail)})
		}
		return err
	})
	if err != nil || len(items) == 0 {
		return nil, false, err
	}
	var all, gone []signed.Address
	for _, i := range items {
		gone = append(gone, i.To)
	}
	for _, b := range blocked {
		all = append(all, b.To)
	}
	another := problem.New(problem.IDReused, "the name %q stands for another message", draft.Name)
	if all = append(all, gone...); !sameDesks(all, draft.To) {
		return nil, false, another
	}
	draft.To = gone
	p, err := d.plan(l, draft, to)
	if err != nil {
		return nil, false, err
	}
	for _, i := range items {
		same, err := d.sameAs(ring, i, p)
		if err != nil {
			return nil, false, err
		}
		if !same {
			return nil, false, another
		}
	}
	return blocked, true, nil
}

// sameAs reports whether a message that was sent is what a plan would send.
func (d *Desk) sameAs(ring *keys.Locked, i store.OutboxItem, p *plan) (bool, error) {
	e, err := d.envelopeOf(i.Message)
	var c *seal.Content
	if err == nil {
		c, err = d.contentOf(ring, e)
	}
	if errors.Is(err, store.ErrNotFound) {
		return false, nil // erased: nobody can tell
	}
	if err != nil {
		return false, err
	}
	return string(c.Body) == string(p.content.Body) && e.Type.Name == p.draft.Type &&
		e.Urgency == string(p.urgency()) && e.Classification == p.classification() &&
		(p.draft.Agreement.IsZero() || e.Agreement == p.draft.Agreement) &&
		e.Expires.Sub(e.Created) == p.lifetime() && e.InReplyTo == p.reply.message &&
		slices.EqualFunc(c.Attachments, p.content.Attachments, func(a, b seal.Attachment) bool {
			return a.Name == b.Name && a.MediaType == b.MediaType && string(a.Data) == string(b.Data)
		}), nil
}

func sameDesks(one, other []signed.Address) bool {
	return slices.Equal(slices.Sorted(slices.Values(one)), slices.Sorted(slices.Values(other)))
}
