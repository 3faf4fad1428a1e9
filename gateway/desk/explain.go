package desk

import (
	"context"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// An Explanation says of each recipient who would get a draft, under which
// agreement, and what blocks it. Nothing is sent or stored.
type Explanation struct {
	Type       string      `json:"type"`
	Problem    *Problem    `json:"problem,omitempty"` // of the draft itself
	Recipients []Recipient `json:"recipients"`
}

// A Recipient of an explanation.
type Recipient struct {
	Address    signed.Address `json:"address"`
	Title      string         `json:"title,omitempty"`
	Hours      string         `json:"hours,omitempty"`
	Telephone  string         `json:"telephone,omitempty"`
	Languages  []string       `json:"languages,omitempty"`
	Agreements []Agreement    `json:"agreements,omitempty"` // that would carry it
	Blocked    []Obstacle     `json:"blocked,omitempty"`    // agreements that would not
	Problem    *Problem       `json:"problem,omitempty"`    // nil: it would pass
}

// An Agreement, for the screen.
type Agreement struct {
	Hash     signed.Hash             `json:"hash"`
	Title    string                  `json:"title"`
	Parties  []string                `json:"parties"`
	Purposes []string                `json:"purposes"`
	Ceiling  envelope.Classification `json:"ceiling"`
	Until    signed.Time             `json:"until"`
}

// An Obstacle is an agreement and the rule by which it doesn't carry a draft.
type Obstacle struct {
	Agreement Agreement `json:"agreement"`
	Problem   Problem   `json:"problem"`
}

// Explain asks the very rules that Send and the broker hold. It needs no
// unlocked ring.
func (d *Desk) Explain(_ context.Context, draft Draft) (*Explanation, error) {
	l := d.room.Logs()
	x := &Explanation{Type: draft.Type}
	q := register.Question{From: d.Address(), Type: draft.Type, Classification: envelope.Unclassified}
	if draft.Classification != "" {
		q.Classification = draft.Classification
	}
	p, err := d.plan(l, draft, reply{})
	if err == nil {
		q.Purpose = p.body.Sealed.Purpose
	} else if x.Problem = problemIn(err); x.Problem == nil {
		return nil, err
	}
	for _, to := range draft.To {
		q.To = to
		x.Recipients = append(x.Recipients, d.recipient(l, q, draft.Agreement))
	}
	return x, nil
}

func (d *Desk) recipient(l *verify.Logs, q register.Question, named signed.Hash) Recipient {
	now := signed.At(d.now())
	r := Recipient{Address: q.To}
	to, ok := l.View().Desk(q.To)
	if ok {
		r.Title, r.Hours, r.Telephone, r.Languages = to.Title, to.Hours, to.Telephone, to.Languages
	}
	x := l.View().Explain(q, now)
	for _, a := range x.Carriers {
		r.Agreements = append(r.Agreements, agreementOf(a))
	}
	for _, b := range x.Blocked {
		o := Obstacle{agreementOf(b.Agreement), problem.DetailsOf(b.Problem.Code, b.Problem.Detail)}
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

func agreementOf(a *register.Agreement) Agreement {
	return Agreement{a.Hash(), a.Title, a.Parties, a.Purposes, a.Ceiling, a.Until}
}
