package router

import (
	"context"
	"errors"

	"samband/gateway/api"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
	"samband/gateway/problem"
)

// order hands over, in their places, the items that are to be ordered, and tells
// of each item what came of it.
func order[I itemOf[A], A any](ctx context.Context, r *Router, items []I) ([]journal.Result, error) {
	results := make([]journal.Result, len(items))
	var acts []sequencer.Act
	var places []int
	for i := range items {
		it := items[i].base()
		if it.verdict == known {
			results[i] = it.stands
		} else if err := r.orderable(it); err != nil {
			results[i] = journal.Result{Err: err}
		} else {
			acts, places = append(acts, items[i].act()), append(places, i)
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

// orderable refuses what is not to be ordered: all while nothing gets a time, what a stage
// refused for now, and a refusal for good for which there is no room, or no budget. It takes
// nothing from the budget: the writer does, where it orders. So of what a desk is refused
// beyond its budget the sequencer gets no more than is under way at once.
func (r *Router) orderable(it *item) error {
	if err := r.seq.Timed(); err != nil {
		return err
	}
	switch it.verdict {
	case refused:
		if it.problem.Class() != problem.Final {
			return it.refusal
		}
	case contradicts:
	default:
		return nil
	}
	if err := r.seq.Room(); err != nil {
		return err
	}
	return r.quota.Refusable(it.caller, it.ring)
}

// rejection is what is ordered for a refused item; e is the envelope that it is, if any.
func (i *item) rejection(e *envelope.Envelope) sequencer.Act {
	if i.bytes.IsZero() {
		i.bytes = envelope.HashOfBytes(i.raw)
	}
	return sequencer.Rejection{Caller: i.caller, Bytes: i.bytes, Envelope: e, CheckedAt: i.checkedAt, Signed: i.signed, Problem: i.problem, Ring: i.ring}
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
	case problem.AlreadyConsigned, problem.AlreadyEnded, problem.BudgetExhausted:
		// Also where there is no budget for the refusal: whoever used that up in the
		// caller's name must not keep from it what was said in its name.
		r.Stands, errs[0] = p.Event(ctx, done.Stands)
	}
	if done.Event != nil {
		r.Proof, errs[1] = p.Proof(ctx, done.Event)
	}
	return r.Document(), errors.Join(errs[:]...)
}
