package router

import (
	"context"

	"samband/gateway/api"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/signed"
)

// An entry of the register on its way. Who signed it is the register's to judge; who
// carries it is nothing to the law.
type entry struct{ item }

var entryStages = []stage[*entry]{
	(*Router).knownEntry,
	(*Router).admissible,
}

// Enter takes in a register entry.
func (r *Router) Enter(ctx context.Context, caller signed.Address, heads api.Heads, note []byte) (*api.EnterAnswer, error) {
	return route(ctx, r, caller, heads, []*entry{{item{caller: caller, raw: note}}}, entryStages)
}

// knownEntry looks for an entry that the register has, as far as its checkpoint reaches.
func (r *Router) knownEntry(_ context.Context, e *entry) error {
	if index, ok := r.seq.Register().Find(e.raw); ok && index < r.seq.Checkpoints().RegisterHead.Size {
		e.verdict, e.stands = known, journal.Result{Done: sequencer.InRegister(index)}
	}
	return nil
}

// admissible is the register's own checks.
func (r *Router) admissible(_ context.Context, e *entry) error { return r.seq.Register().Check(e.raw) }

// act is the entry, or its refusal, which is not remembered: the register may grow.
func (e *entry) act() sequencer.Act {
	if e.verdict == refused {
		return e.rejection(nil)
	}
	return sequencer.Entry{Note: e.raw, Caller: e.caller}
}

// ordered tells that the register has grown.
func (e *entry) ordered(r *Router, result *journal.Result) {
	if result.Err == nil && !result.Done.Known {
		r.grown()
	}
}

func (e *entry) answer(ctx context.Context, p *prover.Prover, result journal.Result) (answer api.EnterItem, err error) {
	answer.Hash = signed.HashOf(e.raw)
	if result.Err != nil {
		answer.Problem, err = refusal(ctx, p, result)
	} else {
		answer.Index = result.Done.Event.Leaf
	}
	return answer, err
}
