// Package router is the way of a submission through the broker: which stages it
// passes, and in which order. The order is the law of the house, so it stands in
// two slices that are read at a glance:
//
//	envelope:   open, parse, certificate, known, room, heads, signatures, law, order
//	statement:  open, parse, certificate, known,       heads, signatures,      order
//
// Heads come before signatures: when the broker lost entries of its register, a
// desk's newer keys would seem forged to it, and a message would be refused for
// good that must only wait. An alarm is raised for a signed head alone.
//
// What is known is answered before anything is checked that may have changed
// since: a desk whose answer was lost repeats the same bytes, after its key was
// revoked if need be, and gets its first acceptance. Only a stage's refusal ends
// the way before the writer has ordered the text and made it durable.
//
//	r := router.New(writer)
//	answer, err := r.Submit(ctx, "se.spoc", heads, envelope)
//
// A final refusal of a caller leaves an entry in the audit log, and the answer
// brings its proof: a broker that refuses a text and accepts it later has
// convicted itself.
package router

import (
	"context"

	"samband/gateway/api"
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
	// Agree takes the time that a desk signed in a text that was ordered.
	Agree(desk signed.Address, at signed.Time)

	// KnownEnvelope answers for an id that is known, KnownStatement for a
	// statement that stands already: nil for what is new.
	KnownEnvelope(context.Context, *Envelope) (*api.SubmitAnswer, error)
	KnownStatement(context.Context, *Statement) (*api.StateAnswer, error)
	// Accept orders an envelope, State a statement.
	Accept(context.Context, *Envelope) (*api.SubmitAnswer, error)
	State(context.Context, *Statement) (*api.StateAnswer, error)
	// Reject logs a final refusal and returns it with its proof; a text that was
	// accepted meanwhile it answers.
	Reject(context.Context, Rejection) (*api.SubmitAnswer, error)
}

// A Passage is one submission on its way.
type Passage struct {
	Caller signed.Address
	Heads  api.Heads
	Raw    []byte
	View   register.View // that signatures and law were decided by
	Seen   uint64        // how far the writer had come when the id was not known
}

// An Envelope on its way.
type Envelope struct {
	Passage
	*envelope.Envelope
	Answer *api.SubmitAnswer // ends the way
}

// A Statement on its way.
type Statement struct {
	Passage
	*envelope.Statement
	Note   *signed.Note
	Answer *api.StateAnswer // ends the way
}

// A Rejection is a final refusal of a caller's text.
type Rejection struct {
	Caller  signed.Address
	Heads   api.Heads
	Text    signed.Hash // of the text, or of bytes that had none
	Until   signed.Time // a repeat is answered alike until then; zero: it isn't remembered
	Refusal *api.Refusal
}

// A Router leads submissions. Its methods may be called at once.
type Router struct{ writer Writer }

// New makes a Router.
func New(w Writer) *Router { return &Router{w} }

// A stage refuses, or answers, or lets the text go on.
type stage[T any] func(*Router, context.Context, *T) error

var envelopeStages = []stage[Envelope]{
	(*Router).open,
	(*Router).parse,
	(*Router).certificate, // the caller is the sender
	(*Router).known,       // the first answer stands, whatever changed since
	(*Router).room,
	(*Router).heads,
	(*Router).signatures,
	(*Router).law,
	(*Router).order,
}

var statementStages = []stage[Statement]{
	(*Router).openStatement,
	(*Router).parseStatement,
	(*Router).signer, // the caller is the signer
	(*Router).knownStatement,
	(*Router).headsOfStatement,
	(*Router).signatureOfStatement,
	(*Router).orderStatement,
}

// Submit takes in one envelope.
func (r *Router) Submit(ctx context.Context, caller signed.Address, heads api.Heads, raw []byte) (*api.SubmitAnswer, error) {
	e := &Envelope{Passage: Passage{Caller: caller, Heads: heads, Raw: raw}}
	for _, stage := range envelopeStages {
		if err := stage(r, ctx, e); err != nil {
			return r.refuse(ctx, e.rejection(), err)
		}
		if e.Answer != nil {
			break
		}
	}
	return e.Answer, nil
}

// State takes in one consignment or statement.
func (r *Router) State(ctx context.Context, caller signed.Address, heads api.Heads, raw []byte) (*api.StateAnswer, error) {
	s := &Statement{Passage: Passage{Caller: caller, Heads: heads, Raw: raw}}
	for _, stage := range statementStages {
		if err := stage(r, ctx, s); err != nil {
			if accepted, refusal := r.refuse(ctx, s.rejection(), err); accepted == nil {
				return nil, refusal
			}
			return nil, err // the bytes are a header's text, and that message stands
		}
		if s.Answer != nil {
			break
		}
	}
	return s.Answer, nil
}

// refuse logs a refusal that is final; others pass as they are. One that brings
// its proof is logged already.
func (r *Router) refuse(ctx context.Context, why Rejection, err error) (*api.SubmitAnswer, error) {
	if _, refused := problem.Of(err); !refused {
		return nil, err
	}
	why.Refusal = api.RefusalOf(err)
	if why.Refusal.Problem.Class() != problem.Final || why.Refusal.Proof != "" {
		return nil, err
	}
	return r.writer.Reject(ctx, why)
}
