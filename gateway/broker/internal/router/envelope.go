package router

import (
	"context"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

func (r *Router) open(context.Context, *Envelope) error { return r.writer.Open() }

// parse holds bounds and form (SPEC §4.3).
func (r *Router) parse(_ context.Context, e *Envelope) (err error) {
	e.Envelope, err = envelope.Parse(e.Raw)
	return err
}

func (r *Router) certificate(_ context.Context, e *Envelope) error {
	return isCaller(e.Caller, e.From)
}

func (r *Router) known(ctx context.Context, e *Envelope) (err error) {
	e.Answer, err = r.writer.KnownEnvelope(ctx, e)
	return err
}

func (r *Router) room(context.Context, *Envelope) error { return r.writer.Room() }

func (r *Router) heads(_ context.Context, e *Envelope) error {
	err := r.writer.CheckHeads(e.AsOfAudit, e.AsOfRegister)
	if err != nil && r.writer.View().VerifyMessage(e.Envelope) == nil {
		r.writer.Disputed(err)
	}
	return err
}

func (r *Router) signatures(_ context.Context, e *Envelope) error {
	e.View = r.writer.View()
	return e.View.VerifyMessage(e.Envelope)
}

// law decides by the register and by time. Where the clock may be wrong, time
// itself refuses nothing for good.
func (r *Router) law(_ context.Context, e *Envelope) error {
	err := e.View.Decide(&e.Header, r.writer.Now())
	if problem.CodeOf(err) == problem.Expired && r.writer.InDoubt() {
		return problem.New(problem.BrokerBusy, "the broker's clock is in doubt")
	}
	return err
}

// order also takes the time that the sender vouches for: only what was lawful,
// and is in the log, speaks for the clock.
func (r *Router) order(ctx context.Context, e *Envelope) (err error) {
	if e.Answer, err = r.writer.Accept(ctx, e); err == nil {
		r.writer.Agree(e.From, e.Created)
	}
	return err
}

// rejection is how a refusal of the envelope is logged: of its text, which is
// remembered until it expires, or of bytes that are no envelope.
func (e *Envelope) rejection() Rejection {
	if e.Envelope == nil {
		return Rejection{Caller: e.Caller, Heads: e.Heads, Text: signed.HashOf(e.Raw)}
	}
	return Rejection{Caller: e.Caller, Heads: e.Heads, Text: e.TextHash(), Until: e.Expires}
}

func isCaller(caller, signer signed.Address) error {
	if caller != signer {
		return problem.New(problem.CertificateWrong, "the certificate is that of %s, the text is of %s", caller, signer)
	}
	return nil
}
