package desk

import (
	"context"
	"slices"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// Explain is Send without its last steps: it signs and stores nothing. So it needs no
// unlocked ring, but for a Fresh draft's sake.
func (d *Desk) Explain(_ context.Context, draft client.Draft) (*client.Explanation, error) {
	l := d.room.Logs()
	x := &client.Explanation{Type: draft.Type, Recipients: []client.Recipient{}, Locked: d.Locked()}
	q := register.Question{From: d.Address(), Type: draft.Type, Classification: classificationOf(draft)}
	p, err := d.plan(l, draft, reply{})
	if err == nil {
		q.Purpose = p.body.Sealed.Purpose
	} else if x.Problem = problemIn(err); x.Problem == nil {
		return nil, err
	}
	var sending mail.Sending
	sent := d.prepare(l, draft, reply{}, &sending, func(h envelope.Header, c *seal.Content) (*mail.Sealed, error) { return d.room.Fit(l, h, c) })
	if problemIn(sent) == nil && sent != nil {
		return nil, sent
	}
	var pass []envelope.Header
	for _, to := range draft.To {
		q.To = to
		r := d.recipient(l, q, draft.Agreement)
		for _, b := range sending.Blocked {
			if b.To == to && r.Problem == nil {
				r.Problem = problemIn(problem.New(b.Code, "%s", b.Detail))
			}
		}
		x.Recipients = append(x.Recipients, r)
		if r.Problem == nil {
			h := envelope.Header{To: to}
			h.Agreement, _ = chooseAgreement(l, q, draft.Agreement, signed.At(d.now())) // r would have its problem
			pass = append(pass, h)
		}
	}
	if x.Problem == nil && len(pass) > 0 {
		d.explainCopies(l, p, pass, x)
	}
	if sent == nil && !x.Locked && draft.Fresh && draft.Name == "" {
		digest, err := d.digest(draft, reply{})
		if err == nil {
			err = d.repeats(digest)
		}
		sent = err
	}
	if sent != nil && !saysBlocked(x) {
		x.Problem = problemIn(sent)
	}
	return x, nil
}

// saysBlocked reports whether an explanation says why something is not sent.
func saysBlocked(x *client.Explanation) bool {
	return x.Problem != nil ||
		slices.ContainsFunc(x.Recipients, func(r client.Recipient) bool { return r.Problem != nil }) ||
		slices.ContainsFunc(x.Copies, func(c client.Copy) bool { return c.Problem != nil })
}

func (d *Desk) recipient(l *verify.Logs, q register.Question, named signed.Hash) client.Recipient {
	now := signed.At(d.now())
	r := client.Recipient{Address: q.To}
	to, ok := l.View().Desk(q.To)
	if ok {
		r.Title, r.Hours, r.Telephone, r.Languages = to.Title, to.Hours, to.Telephone, to.Languages
	}
	x := l.View().Explain(q, now)
	for _, a := range x.Carriers {
		r.Agreements = append(r.Agreements, agreementOf(a))
	}
	for _, b := range x.Blocked {
		o := client.Obstacle{Agreement: agreementOf(b.Agreement), Problem: problem.DetailsOf(b.Problem.Code, b.Problem.Detail)}
		r.Blocked = append(r.Blocked, o)
		if b.Agreement.Hash() == named {
			r.Problem = &o.Problem
		}
	}
	if r.Problem == nil {
		_, err := chooseAgreement(l, q, named, now)
		r.Problem = problemIn(err)
	}
	if r.Problem == nil && ok {
		r.Problem = problemIn(seal.CheckRecipient(to.Opening))
	}
	return r
}

func agreementOf(a *register.Agreement) client.Agreement {
	return client.Agreement{
		Hash: a.Hash(), Title: a.Title, Parties: a.Parties, Purposes: a.Purposes, Ceiling: a.Ceiling, Until: a.Until,
	}
}
