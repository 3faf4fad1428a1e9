package router

import (
	"context"
	"errors"

	"samband/gateway/api"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// order hands over, in their places, the items that are to be ordered, and tells
// of each item what came of it. Heads that the logs do not reach refuse the call
// before anything is ordered: no answer could lead on from them.
func order[I itemOf[A], A any](ctx context.Context, r *Router, heads api.Heads, budget api.Budget, items []I) ([]journal.Result, error) {
	if err := r.reached(heads); err != nil {
		return nil, err
	}
	results := make([]journal.Result, len(items))
	var acts []sequencer.Act
	var places []int
	for i := range items {
		it := items[i].base()
		if it.verdict == known {
			results[i] = it.stands
		} else if err := r.orderable(it, budget); err != nil {
			results[i] = journal.Result{Err: err}
		} else {
			acts, places = append(acts, items[i].act(sequencer.Budget(budget))), append(places, i)
		}
	}
	ordered, err := r.seq.DoAll(ctx, acts...)
	if err != nil {
		return nil, err
	}
	for i, o := range ordered {
		if _, isProblem := problem.Of(o.Err); o.Err != nil && !isProblem {
			return nil, o.Err
		}
		results[places[i]] = o
	}
	return results, nil
}

// reached refuses a caller that has verified more than the logs have.
func (r *Router) reached(heads api.Heads) error {
	c := r.seq.Checkpoints()
	if heads.Audit > c.AuditHead.Size || heads.Register > c.RegisterHead.Size {
		return problem.New(problem.HeadAhead, "the logs have %d and %d entries, the caller knows %d and %d",
			c.AuditHead.Size, c.RegisterHead.Size, heads.Audit, heads.Register)
	}
	return nil
}

// orderable refuses what is not to be ordered: what a stage refused for now, and a
// refusal for good for which there is no room, or no budget. So what a desk is
// refused beyond its budget doesn't come to the sequencer.
func (r *Router) orderable(it *item, budget api.Budget) error {
	switch it.verdict {
	case refused:
		if it.problem.Class() != problem.Final {
			return it.problem
		}
	case contradicts:
	default:
		return nil
	}
	if err := r.seq.Room(); err != nil {
		return err
	}
	if !budget() {
		return sequencer.Exhausted(it.caller)
	}
	return nil
}

// rejection is what is ordered for a refused item.
func (i *item) rejection(text signed.Hash, until signed.Time) sequencer.Act {
	return sequencer.Rejection{Caller: i.caller, Text: text, Problem: i.problem, Until: until}
}

// refusal is the problem of an item, with what stands beside it (the text that an
// id has, the consignment or end that came first) and with the proof of the entry
// that logs it.
func refusal(ctx context.Context, p *prover.Prover, result journal.Result) (*api.Document, error) {
	r, done := api.RefusalOf(result.Err), result.Done
	var errs [2]error
	switch r.Problem.Code {
	case problem.IDReused:
		if done.Message != nil {
			r.Accepted = done.Message.Text
		}
	case problem.AlreadyConsigned, problem.AlreadyEnded:
		r.End, errs[0] = p.Event(ctx, done.Stands)
	}
	if done.Event != nil {
		r.Proof, errs[1] = p.Proof(ctx, done.Event)
	}
	return r.Document(), errors.Join(errs[:]...)
}
