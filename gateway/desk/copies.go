package desk

import (
	"encoding/json"
	"slices"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/gateway/verify"
	"samband/schema"
)

// A dueCopy is a copy that agreements ask for beside the messages of one act.
type dueCopy struct {
	register.Copy
	askedBy []signed.Hash
}

// due lists the copies that the agreements of an act's messages ask for, each once.
// Whoever sends the act, or gets it, is not copied.
func (d *Desk) due(l *verify.Logs, typ string, headers []envelope.Header) (all []dueCopy) {
	for _, h := range headers {
		for _, c := range l.View().Copies(h.Agreement, typ) {
			gets := slices.ContainsFunc(headers, func(h envelope.Header) bool { return h.To == c.To })
			if gets || c.To == d.Address() {
				continue
			}
			n := slices.IndexFunc(all, func(known dueCopy) bool { return known.Copy == c })
			if n < 0 {
				n, all = len(all), append(all, dueCopy{Copy: c})
			}
			if !slices.Contains(all[n].askedBy, h.Agreement) {
				all[n].askedBy = append(all[n].askedBy, h.Agreement)
			}
		}
	}
	return all
}

// A copyPlan is a copy that passed everything, but for the hashes of what it copies:
// that is not sealed yet.
type copyPlan struct {
	due    dueCopy
	header envelope.Header
}

// copies plans what is due beside the messages of these headers; nothing if the body
// says why. Nothing is sealed yet, and a copy that can't be sent is the error.
func (d *Desk) copies(l *verify.Logs, p *plan, headers []envelope.Header) (plans []copyPlan, err error) {
	due := d.due(l, p.ref.Name, headers)
	if err := p.fitsDue(due); err != nil || p.body.Withheld != "" {
		return nil, err
	}
	for _, c := range due {
		h, err := d.permittedCopy(l, p, c)
		if err != nil {
			return nil, err
		}
		plans = append(plans, copyPlan{c, *h})
	}
	return plans, nil
}

// fitsDue refuses a draft that speaks of a copy where none goes.
func (p *plan) fitsDue(due []dueCopy) error {
	switch {
	case len(due) == 0 && p.body.Withheld != "":
		return problem.New(problem.BodyInvalid, "the body says why no copy is sent, and no agreement asks for one: leave that out")
	case len(p.draft.Copy) == 0:
		return nil
	case len(due) == 0:
		return problem.New(problem.BodyInvalid, "the draft has a part for a copy, and no agreement asks for one: leave it out")
	case p.body.Withheld != "":
		return problem.New(problem.BodyInvalid, "the draft has a part for a copy, and the body says why none is sent: leave one of them out")
	}
	return nil
}

// permittedCopy asks of a copy what is asked of any message: its body is complete, and
// one agreement carries it. The header is in a conversation of its own.
func (d *Desk) permittedCopy(l *verify.Logs, p *plan, c dueCopy) (*envelope.Header, error) {
	made, err := d.planCopy(l, p, c, []string{signed.Hash{}.String()})
	if err != nil {
		return nil, c.problem(err)
	}
	headers, stopped, err := d.permitted(l, made)
	if err != nil {
		return nil, err
	}
	for _, b := range stopped {
		return nil, c.problem(problem.New(b.Code, "%s", b.Detail))
	}
	return &headers[0], nil
}

// problem names the copy that a problem is of, and the ways out.
func (c *dueCopy) problem(err error) error {
	p, ok := problem.Of(err)
	if !ok {
		return err
	}
	way := ""
	switch p.Code {
	case problem.BodyInvalid, problem.BodyMalformed:
		way = "complete it, or "
	case problem.NoAgreement:
		way = "name an agreement for it, or "
	}
	return problem.New(p.Code, "the copy to %s (%s): %s; %swithhold it with a reason", c.To, c.Type, p.Detail, way)
}

// planCopy makes the draft of a copy, with the original's body and files beside it, and
// plans it like any other. messages are the hashes of the original's texts.
func (d *Desk) planCopy(l *verify.Logs, p *plan, c dueCopy, messages []string) (*plan, error) {
	original := client.Attachment{Name: p.ref.Name + "-" + p.ref.Version + ".json", MediaType: "application/json", Data: p.content.Body}
	draft := client.Draft{
		To: []signed.Address{c.To}, Type: c.Type, Body: p.draft.Copy, Agreement: p.draft.CopyAgreement,
		Attachments: append([]client.Attachment{original}, p.draft.Attachments...),
		Urgent:      p.draft.Urgent, Classification: p.draft.Classification, Lifetime: p.draft.Lifetime,
	}
	if len(draft.Body) == 0 {
		draft.Body = json.RawMessage("{}")
	}
	copied := &schema.Copied{Body: p.body, Messages: messages}
	if !p.draft.Confidential {
		copied.Recipients = stringsOf(p.draft.To)
	}
	return d.plan(l, draft, reply{copied: copied})
}

// written is the body that the writer gave, with what the draft says of copies.
func (p *plan) written(t *schema.Type) []byte {
	switch {
	case p.reply.copied != nil:
		return t.Copy(p.draft.Body, *p.reply.copied)
	case p.draft.NoCopy != nil:
		return t.Withhold(p.draft.Body, withheldOf(p.draft.NoCopy))
	}
	return p.draft.Body
}

// fitsCopying checks what written added: the writer may have said otherwise.
func (p *plan) fitsCopying() error {
	switch {
	case p.reply.copied != nil:
		return p.body.FitsCopied(*p.reply.copied)
	case p.draft.NoCopy != nil:
		return p.body.FitsWithheld(withheldOf(p.draft.NoCopy))
	}
	return nil
}

func withheldOf(n *client.NoCopy) schema.Withheld {
	return schema.Withheld{Reason: n.Reason, Explanation: n.Text}
}

// sealCopies seals copies of messages that are sealed and not queued yet.
func (d *Desk) sealCopies(l *verify.Logs, p *plan, copies []copyPlan, of []*mail.Sealed, seal sealer) (sealed []mail.Sending, err error) {
	var messages []string
	for _, s := range of {
		messages = append(messages, s.TextHash.String())
	}
	for _, c := range copies {
		made, err := d.planCopy(l, p, c.due, messages)
		if err != nil {
			return nil, c.due.problem(err)
		}
		envelopes, err := sealAll(made, []envelope.Header{c.header}, seal)
		if err != nil {
			return nil, c.due.problem(err)
		}
		sealed = append(sealed, mail.Sending{Says: mail.FactsOf(made.body), Type: made.typ, Envelopes: envelopes})
	}
	return sealed, nil
}

// explainCopies says of each copy that is due beside the messages of these headers
// what carries it, what blocks it, or why it is withheld.
func (d *Desk) explainCopies(l *verify.Logs, p *plan, headers []envelope.Header, x *client.Explanation) {
	due := d.due(l, p.ref.Name, headers)
	x.Problem = problemIn(p.fitsDue(due))
	for _, c := range due {
		out := client.Copy{Recipient: client.Recipient{Address: c.To}, Type: c.Type, Withheld: p.body.Withheld}
		for _, a := range l.View().Agreements() {
			if slices.Contains(c.askedBy, a.Hash()) {
				out.AskedBy = append(out.AskedBy, agreementOf(a))
			}
		}
		if out.Withheld == "" {
			q := p.question(d.Address(), c.To)
			q.Type = c.Type
			out.Recipient = d.recipient(l, q, p.draft.CopyAgreement)
			if _, err := d.permittedCopy(l, p, c); err != nil {
				out.Problem = problemIn(err)
			}
		}
		x.Copies = append(x.Copies, out)
	}
}

// withheld lists the copies that the messages of a sending withhold: none once they are
// erased, and while the desk is locked.
func (d *Desk) withheld(messages []client.OutboxItem) (out []client.Withheld) {
	var headers []envelope.Header
	for _, m := range messages {
		headers = append(headers, envelope.Header{To: m.To, Agreement: m.Agreement})
	}
	if len(headers) == 0 {
		return nil
	}
	due := d.due(d.room.Logs(), messages[0].Type, headers)
	if len(due) == 0 {
		return nil
	}
	body := d.body(messages[0].Message)
	if body == nil || body.Withheld == "" {
		return nil
	}
	for _, c := range due {
		out = append(out, client.Withheld{To: c.To, Type: c.Type, Reason: body.Withheld})
	}
	return out
}

func copyItem(r *store.Row, i client.Item) client.OutboxItem {
	o := outboxItem(r, i)
	o.Copy = true
	return o
}

// markCopies says of each message that this desk sends which are its copies, or that it
// is one.
func (d *Desk) markCopies(items []client.OutboxItem) error {
	return d.room.Store.View(func(tx *store.Tx) error {
		for n := range items {
			rows, err := tx.Copies(items[n].Name)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if r.ID == items[n].ID {
					items[n].Copy, items[n].Copies = true, nil
					break
				}
				items[n].Copies = append(items[n].Copies, r.ID)
			}
		}
		return nil
	})
}
