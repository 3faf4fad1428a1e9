package register

import (
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Question is a message that somebody thinks of sending.
type Question struct {
	From, To       signed.Address
	Type           string
	Classification envelope.Classification
	Purpose        string // "" when not known yet: then no agreement blocks for it
}

// An Explanation says what would carry a message, or which rule blocks it.
type Explanation struct {
	Carriers []*Agreement     // agreements that permit it, as they were proposed
	Blocked  []Block          // agreements of both parties that don't
	Problem  *problem.Problem // nil when there is a carrier
}

// A Block is an agreement and the rule by which it doesn't carry.
type Block struct {
	Agreement *Agreement
	Problem   *problem.Problem
}

// Explain answers a question at a moment, by the very rules of Decide and
// DecideSealed. When nothing carries the message, Problem is the rule of the
// agreement that came furthest.
func (v View) Explain(q Question, now signed.Time) Explanation {
	v.r.mu.RLock()
	defer v.r.mu.RUnlock()
	var x Explanation
	if err := v.unsendable(q, now); err != nil {
		x.Problem, _ = problem.Of(err)
		return x
	}
	for _, a := range v.agreements() {
		if !a.names(q.From.Party(), q.To.Party()) {
			continue
		}
		if p := v.blocks(a, q, now); p != nil {
			x.Blocked = append(x.Blocked, Block{a.Agreement, p})
			x.Problem = further(x.Problem, p)
		} else {
			x.Carriers = append(x.Carriers, a.Agreement)
		}
	}
	switch {
	case len(x.Carriers) > 0:
		x.Problem = nil
	case x.Problem == nil:
		x.Problem = problem.New(problem.NoAgreement, "no agreement names both %s and %s", q.From.Party(), q.To.Party())
	}
	return x
}

// unsendable is what no agreement can mend.
func (v View) unsendable(q Question, now signed.Time) error {
	if err := v.desks(q.From, q.To, now); err != nil {
		return err
	}
	if c, ok := v.r.state.catalogue.at(v.size); ok {
		if _, ok := c.newest(q.Type); ok {
			return nil
		}
	}
	return problem.New(problem.TypeUnknown, "the catalogue has no type %s", q.Type)
}

func (v View) blocks(a *agreement, q Question, now signed.Time) *problem.Problem {
	err := v.permits(a.hash, q.From, q.To, q.Type, q.Classification, now)
	if err == nil && q.Purpose != "" {
		err = permitsPurpose(a, q.Purpose)
	}
	p, _ := problem.Of(err)
	return p
}

// further is the problem of the rule that is asked later.
func further(a, b *problem.Problem) *problem.Problem {
	if a == nil || problem.Compare(b.Code, a.Code) > 0 {
		return b
	}
	return a
}
