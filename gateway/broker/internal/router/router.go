// Package router is the way of a submission through the broker: which stages each
// of its items passes, and in which order. The order is the law of the house, so it
// stands in two slices that are read at a glance:
//
//	envelope:   parse, certificate, known, room, heads, signatures, law
//	statement:  parse, certificate, known,       heads, signatures
//
// and then the writer orders: what passed, and what was refused for good. Heads
// come before signatures: when the broker lost entries of its register, a desk's
// newer keys would seem forged to it, and a message would be refused for good that
// must only wait. An alarm is raised for a signed head alone.
//
// What is known is answered before anything is checked that may have changed
// since: a desk whose answer was lost repeats the same bytes, after its key was
// revoked if need be, and gets its first acceptance.
//
//	r := router.New(writer)
//	answer, err := r.Submit(ctx, "se.spoc", heads, envelopes, budget)
//
// The stages judge several items of a call at once, so they know nothing of each
// other: what an item proves against a later one (the same id twice) the writer
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
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A Writer is who orders, and who knows what was ordered. Its answers are those
// of the contract, proofs and all. Its errors are problems, or refusals that
// show what stands.
type Writer interface {
	// Open refuses with BROKER_STOPPED once the log is not whole.
	Open() error
	// Room refuses with STORE_FULL while only ends are taken.
	Room() error
	// CheckHeads refuses heads of the two logs that the logs do not have.
	CheckHeads(audit, registry signed.Head) error
	// Disputed takes that refusal of heads that a desk signed.
	Disputed(refusal error)
	// View is the register now.
	View() register.View
	// Now is logged time; InDoubt says that the clock may have been set forward.
	Now() signed.Time
	InDoubt() bool

	// KnownEnvelope and KnownStatement set the verdict of what is known.
	KnownEnvelope(context.Context, *Envelope) error
	KnownStatement(context.Context, *Statement) error

	// Accept and State order items of one call, each in its place, and answer for
	// all: with proofs under one checkpoint, taken when the last was ordered. Each
	// final refusal is taken from the budget before it is ordered.
	Accept(context.Context, api.Heads, []*Envelope, api.Budget) (*api.SubmitAnswer, error)
	State(context.Context, api.Heads, []*Statement, api.Budget) (*api.StateAnswer, error)
}

// A Passage is one item on its way.
type Passage struct {
	Caller  signed.Address
	Raw     []byte
	View    register.View    // that signatures and law were decided by
	Seen    uint64           // how far the writer had come when the id was not known
	Verdict Verdict          // how far the stages have come with it
	Problem *problem.Problem // why it is Refused
	Stands  journal.Result   // what the writer Knows of the item
}

// A Verdict is what the stages came to.
type Verdict int

const (
	Passes      Verdict = iota // nothing speaks against it; once all stages say so, it is ordered
	Restores                   // it brings again bytes that were lost: no stage need ask more
	Contradicts                // its id stands for something else: its refusal is ordered, and shows that
	Knows                      // it is answered by what stands
	Refused                    // a stage refuses it
)

// An Envelope on its way.
type Envelope struct {
	Passage
	*envelope.Envelope // nil where it has not the form of one
}

// A Statement on its way.
type Statement struct {
	Passage
	*envelope.Statement // nil where it has not the form of one
	Note                *signed.Note
}

// A Router leads submissions. Its methods may be called at once.
type Router struct {
	writer Writer
	turns  *turns
}

// New makes a Router.
func New(w Writer) *Router { return &Router{w, newTurns(runtime.GOMAXPROCS(0))} }

// A stage refuses, or comes to a verdict, or lets the item go on.
type stage[T any] func(*Router, context.Context, *T) error

var envelopeStages = []stage[Envelope]{
	(*Router).parse,
	(*Router).certificate, // the caller is the sender
	(*Router).known,       // the first answer stands, whatever changed since
	(*Router).room,
	(*Router).heads,
	(*Router).signatures,
	(*Router).law,
}

var statementStages = []stage[Statement]{
	(*Router).parseStatement,
	(*Router).signer, // the caller is the signer
	(*Router).knownStatement,
	(*Router).headsOfStatement,
	(*Router).signatureOfStatement,
}

// Submit takes in envelopes.
func (r *Router) Submit(ctx context.Context, caller signed.Address, heads api.Heads, envelopes [][]byte, budget api.Budget) (*api.SubmitAnswer, error) {
	items := make([]*Envelope, len(envelopes))
	for i, raw := range envelopes {
		items[i] = &Envelope{Passage: Passage{Caller: caller, Raw: raw}}
	}
	if err := judge(ctx, r, caller, envelopeStages, items, func(e *Envelope) *Passage { return &e.Passage }); err != nil {
		return nil, err
	}
	return r.writer.Accept(ctx, heads, items, budget)
}

// State takes in consignments and statements.
func (r *Router) State(ctx context.Context, caller signed.Address, heads api.Heads, notes [][]byte, budget api.Budget) (*api.StateAnswer, error) {
	items := make([]*Statement, len(notes))
	for i, raw := range notes {
		items[i] = &Statement{Passage: Passage{Caller: caller, Raw: raw}}
	}
	if err := judge(ctx, r, caller, statementStages, items, func(s *Statement) *Passage { return &s.Passage }); err != nil {
		return nil, err
	}
	return r.writer.State(ctx, heads, items, budget)
}

// judge leads each item through the stages. A problem is the item's; a fault of
// ours is the call's, of which nothing is ordered then.
func judge[T any](ctx context.Context, r *Router, caller signed.Address, stages []stage[T], items []*T, passage func(*T) *Passage) error {
	if err := r.writer.Open(); err != nil {
		return err
	}
	return r.turns.each(ctx, caller, len(items), func(i int) error {
		p := passage(items[i])
		for _, stage := range stages {
			err := stage(r, ctx, items[i])
			refusal, refused := problem.Of(err)
			switch {
			case refused:
				p.Verdict, p.Problem = Refused, refusal
			case err != nil:
				return err
			}
			if p.Verdict != Passes {
				return nil
			}
		}
		return nil
	})
}
