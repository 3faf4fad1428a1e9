package router

import (
	"context"
	"errors"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A submission is an envelope on its way.
type submission struct {
	item
	*envelope.Envelope // nil where it has not the form of one
}

// parse checks bounds and form (SPEC §4.3).
func (r *Router) parse(_ context.Context, e *submission) (err error) {
	e.Envelope, err = envelope.Parse(e.raw)
	return err
}

func (r *Router) certificate(_ context.Context, e *submission) error { return e.isCaller(e.From) }

// known looks for what stands: an id that is known, or a text or bytes that were refused
// for good (SPEC §11.3, 4).
func (r *Router) known(ctx context.Context, e *submission) error {
	seen := r.seq.Seen()
	e.bytes = envelope.HashOfBytes(e.raw)
	m, err := r.seq.Known(e.From, e.ID)
	if err != nil {
		return err
	}
	switch {
	case m == nil:
		e.seen = seen
		return r.refusedBefore(e, nil)
	case m.Accepted == nil || m.Text != e.TextHash():
		e.verdict = contradicts
		if r.verified(e, r.seq.Register().Now()) == nil { // its refusal is that of a text
			e.ring = r.signedBy(e.Created)
		}
		return r.refusedBefore(e, m)
	case m.LacksBytes():
		return r.restores(ctx, e, m)
	default:
		e.isKnown(m, m.Accepted)
		return nil
	}
}

// refusedBefore gives a repeat of a refused text, or of refused bytes, the refusal that it
// had, beside what stands under its id.
func (r *Router) refusedBefore(e *submission, m *journal.Message) error {
	before, err := r.seq.Rejected(e.caller, e.TextHash(), e.bytes)
	if err != nil || before == nil {
		return err
	}
	e.isKnown(m, before)
	e.stands.Err = sequencer.Before(before)
	if m != nil {
		e.stands.Done.Stands = m.End
	}
	return nil
}

// restores lets the lost bytes of a message come again. Their signatures are
// verified by the register that it was accepted under: whatever was revoked since,
// it stays accepted.
func (r *Router) restores(ctx context.Context, e *submission, m *journal.Message) error {
	if err := r.seq.Room(); err != nil {
		return err
	}
	entry, err := r.seq.Entry(ctx, m.Accepted)
	if err != nil {
		return err
	}
	e.view = r.seq.Register().At(entry.Record.RegisterSize)
	if err := e.view.VerifyMessage(e.Envelope); err != nil {
		return err
	}
	e.verdict = restores
	return nil
}

func (r *Router) room(context.Context, *submission) error { return r.seq.Room() }

// within refuses what its sender, or its sender at this recipient, has no quota for: the
// writer would not order it.
func (r *Router) within(_ context.Context, e *submission) error {
	return r.quota.Sends(e.From, e.To, len(e.raw))
}

func (r *Router) heads(ctx context.Context, e *submission) error {
	return r.reach(e.From, e.Exchange, e.AsOfAudit, e.AsOfRegister, func() error { return r.signatures(ctx, e) })
}

// reach refuses heads that the logs don't have, with an alarm where the text that
// names them is signed. A text of another exchange says nothing of our logs, also where
// that exchange and its logs have the same names.
func (r *Router) reach(by signed.Address, exchange signed.Hash, audit, register signed.Head, verify func() error) error {
	if exchange != r.seq.Register().Exchange() {
		return problem.New(problem.WrongExchange, "the text is of another exchange")
	}
	err := r.seq.CheckHeads(audit, register)
	if err != nil && verify() == nil {
		r.seq.Disputed(by, audit, register, err)
	}
	return err
}

func (r *Router) signatures(_ context.Context, e *submission) error {
	e.view = r.seq.Register().Now()
	if err := r.verified(e, e.view); err != nil {
		return err
	}
	e.ring = r.signedBy(e.Created)
	r.seq.Agree(e.From, e.Created) // whatever the law says of it
	return nil
}

// verified verifies the signatures, and notes by which register and with what result.
func (r *Router) verified(e *submission, v register.View) error {
	err := v.VerifyMessage(e.Envelope)
	e.checkedAt, e.signed = v.Size(), err == nil
	return err
}

// agreed tells the writer of heads that are its own, in a text whose signatures verify.
func (r *Router) agreed(_ context.Context, e *submission) error {
	r.seq.Agreed(e.From, e.AsOfAudit, e.AsOfRegister)
	return nil
}

// fresh is how long ago a text may have been signed whose refusal the locked ring's
// budget pays for. An older one may come from whoever has a copy of it: a thief of a
// desk's disk repeats it for ever.
const fresh = time.Hour

// signedBy says whose doing a text is that the locked ring signed at a time.
func (r *Router) signedBy(at signed.Time) quota.Ring {
	if r.seq.Now().Sub(at).Abs() > fresh {
		return quota.Online
	}
	return quota.Locked
}

// law decides by the register and by time.
func (r *Router) law(_ context.Context, e *submission) error {
	return r.seq.Decide(e.view, &e.Header)
}

// act is the submission, or its refusal.
func (e *submission) act() sequencer.Act {
	if e.verdict == refused {
		return e.rejection(e.Envelope)
	}
	return sequencer.Submission{Envelope: e.Envelope, Raw: e.raw, Bytes: e.bytes, CheckedAt: e.checkedAt, Signed: e.signed, DecidedAt: e.view.Size(), Seen: e.seen, Ring: e.ring}
}

// ordered counts a message that stands.
func (e *submission) ordered(r *Router, result *journal.Result) {
	if result.Err != nil {
		return
	}
	outcome := outcomeAccepted
	switch {
	case e.verdict == restores:
		outcome = outcomeRestored
	case result.Done.Known:
		outcome = outcomeRepeated
	}
	r.metrics.message(result.Done.Message, outcome)
}

func (e *submission) answer(ctx context.Context, p *prover.Prover, result journal.Result) (api.SubmitItem, error) {
	answer := api.SubmitItem{Hash: signed.HashOf(e.raw)}
	var errs [3]error
	if result.Err != nil {
		answer.Problem, errs[0] = refusal(ctx, p, result)
		return answer, errs[0]
	}
	m := result.Done.Message
	answer.Acceptance, errs[0] = p.Proof(ctx, m.Accepted)
	answer.Consigned, errs[1] = p.Event(ctx, m.Consigned)
	answer.End, errs[2] = p.Event(ctx, m.End)
	return answer, errors.Join(errs[:]...)
}
