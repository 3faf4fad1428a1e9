// Package router is the way of a submission through the broker: which stages each
// of its items passes, and in which order. The order is the law of the house, so it
// stands in slices that are read at a glance:
//
//	envelope:   parse, certificate, known, room, quota, heads, signatures, law, chain
//	statement:  parse, certificate, known,              heads, signatures
//	entry:      known, the register's own checks (register.Append)
//
// and then the sequencer orders: what passed, and what was refused for good. Heads
// come before signatures: when the broker lost entries of its register, a desk's
// newer keys would seem forged to it, and a message would be refused for good that
// must only wait. An alarm is raised for a signed head alone.
//
// What is known is answered before anything is checked that may have changed
// since: a desk whose answer was lost repeats the same bytes, after its key was
// revoked if need be, and gets its first acceptance.
//
//	r := router.New(seq, quota, metrics, grown)
//	answer, err := r.Submit(ctx, "se.spoc", heads, envelopes)
//
// The stages check several items of a call at once, so they know nothing of each
// other: what an item proves against a later one (the same id twice) the sequencer
// decides, when it orders them in their places. It asks all of it once more that
// may have changed.
//
// A final refusal of a caller leaves an entry in the audit log, and the answer
// brings its proof: a broker that refuses a text and accepts it later has
// convicted itself.
package router

import (
	"context"
	"runtime"

	"samband/gateway/api"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A Router leads submissions. Its methods may be called at once.
type Router struct {
	seq     *sequencer.Sequencer
	quota   *quota.Room
	metrics *Metrics
	turns   *quota.Turns
	grown   func()
}

// New makes a Router, which calls grown when it has brought an entry into the register.
func New(seq *sequencer.Sequencer, q *quota.Room, m *Metrics, grown func()) *Router {
	return &Router{seq, q, m, quota.NewTurns(runtime.GOMAXPROCS(0)), grown}
}

// An item of a call on its way.
type item struct {
	caller    signed.Address
	raw       []byte
	bytes     signed.Hash      // of raw, by envelope.HashOfBytes; zero: not asked yet
	view      register.View    // that signatures and law were decided by
	checkedAt int64            // the register's size by which an envelope's signatures were verified; 0: not yet
	signed    bool             // they were good
	seen      uint64           // how far the sequencer had come when the id was not known
	verdict   verdict          // how far the stages have come with it
	ring      quota.Ring       // whose doing it is, as far as the stages have come
	problem   *problem.Problem // why it is refused
	refusal   error            // that problem, with what stands beside it
	stands    journal.Result   // what answers it where it is known
}

func (i *item) base() *item { return i }

func (i *item) isCaller(signer signed.Address) error {
	if i.caller != signer {
		return problem.New(problem.CertificateWrong, "the certificate is that of %s, the text is of %s", i.caller, signer)
	}
	return nil
}

// isKnown lets an event that stands answer the item.
func (i *item) isKnown(m *journal.Message, e *journal.Event) {
	i.verdict, i.stands = known, journal.Result{Done: journal.Done{Event: e, Message: m, Known: true}}
}

// A verdict is what the stages came to.
type verdict int

const (
	passes      verdict = iota // nothing speaks against it; once all stages say so, it is ordered
	restores                   // it brings again bytes that were lost: no stage need ask more
	contradicts                // its id stands for something else: its refusal is ordered, and shows that
	known                      // it is answered by what stands
	refused                    // a stage refuses it
)

// An itemOf a call, whose answer to each item is an A.
type itemOf[A any] interface {
	base() *item
	// act is what is ordered for the item.
	act() sequencer.Act
	// ordered hears what came of the item, before it is answered.
	ordered(*Router, *journal.Result)
	answer(context.Context, *prover.Prover, journal.Result) (A, error)
}

// A stage refuses, or comes to a verdict, or lets the item go on.
type stage[I any] func(*Router, context.Context, I) error

var envelopeStages = []stage[*submission]{
	(*Router).parse,
	(*Router).certificate, // the caller is the sender
	(*Router).known,       // the first answer stands, whatever changed since
	(*Router).room,
	(*Router).within,
	(*Router).heads,
	(*Router).signatures,
	(*Router).agreed,
	(*Router).law,
	(*Router).chain,
}

var statementStages = []stage[*statement]{
	(*Router).parseStatement,
	(*Router).signer, // the caller is the signer
	(*Router).knownStatement,
	(*Router).headsOfStatement,
	(*Router).signatureOfStatement,
	(*Router).agreedInStatement,
}

// Submit takes in envelopes.
func (r *Router) Submit(ctx context.Context, caller signed.Address, heads api.Heads, envelopes [][]byte) (*api.SubmitAnswer, error) {
	items := make([]*submission, len(envelopes))
	for i, raw := range envelopes {
		items[i] = &submission{item: item{caller: caller, raw: raw}}
	}
	return route(ctx, r, caller, heads, items, envelopeStages)
}

// State takes in consignments and statements.
func (r *Router) State(ctx context.Context, caller signed.Address, heads api.Heads, notes [][]byte) (*api.StateAnswer, error) {
	items := make([]*statement, len(notes))
	for i, raw := range notes {
		items[i] = &statement{item: item{caller: caller, raw: raw}}
	}
	return route(ctx, r, caller, heads, items, statementStages)
}

// route checks the items of a call, has them ordered, each in its place, and answers
// for all: with proofs under one checkpoint, taken when the last was ordered. Heads
// that the logs do not reach refuse the call before anything is checked, spent or ordered.
func route[I itemOf[A], A any](ctx context.Context, r *Router, caller signed.Address, heads api.Heads,
	items []I, stages []stage[I]) (*api.ItemsAnswer[A], error) {
	if err := r.seq.Reached(heads.Audit, heads.Register); err != nil {
		return nil, err
	}
	if err := check(ctx, r, caller, items, stages); err != nil {
		return nil, err
	}
	results, err := order(ctx, r, items)
	if err != nil {
		return nil, err
	}
	p := prover.New(r.seq, heads)
	answer := &api.ItemsAnswer[A]{Items: make([]A, len(items))}
	for i, it := range items {
		it.ordered(r, &results[i])
		if answer.Items[i], err = it.answer(ctx, p, results[i]); err != nil {
			return nil, err
		}
	}
	r.metrics.rejected(results)
	answer.Catchup, err = p.Catchup(api.MaxCatchup)
	return answer, err
}

// check leads each item through the stages. A problem is the item's; a fault of
// ours is the call's, of which nothing is ordered then.
func check[I itemOf[A], A any](ctx context.Context, r *Router, caller signed.Address, items []I, stages []stage[I]) error {
	return r.turns.Each(ctx, caller, len(items), func(i int) error {
		it := items[i].base()
		for _, stage := range stages {
			err := stage(r, ctx, items[i])
			if p, isProblem := problem.Of(err); isProblem {
				it.verdict, it.problem, it.refusal = refused, p, err
			} else if err != nil {
				return err
			}
			if it.verdict != passes {
				return nil
			}
		}
		return nil
	})
}
