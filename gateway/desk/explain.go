package desk

import (
	"context"

	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// Explain asks the very rules by which Send and the broker decide. It needs no
// unlocked ring.
func (d *Desk) Explain(_ context.Context, draft client.Draft) (*client.Explanation, error) {
	l := d.room.Logs()
	x := &client.Explanation{Type: draft.Type, Recipients: []client.Recipient{}}
	q := register.Question{From: d.Address(), Type: draft.Type, Classification: classificationOf(draft)}
	p, err := d.plan(l, draft, reply{})
	if err == nil {
		q.Purpose = p.body.Sealed.Purpose
	} else if x.Problem = problemIn(err); x.Problem == nil {
		return nil, err
	}
	var pass []envelope.Header
	for _, to := range draft.To {
		q.To = to
		r := d.recipient(l, q, draft.Agreement)
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
	return x, nil
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
