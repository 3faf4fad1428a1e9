package router

import (
	"context"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// parse checks bounds and form (SPEC §4.3).
func (r *Router) parse(_ context.Context, e *Envelope) (err error) {
	e.Envelope, err = envelope.Parse(e.Raw)
	return err
}

func (r *Router) certificate(_ context.Context, e *Envelope) error {
	return isCaller(e.Caller, e.From)
}

func (r *Router) known(ctx context.Context, e *Envelope) error { return r.writer.KnownEnvelope(ctx, e) }

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

func isCaller(caller, signer signed.Address) error {
	if caller != signer {
		return problem.New(problem.CertificateWrong, "the certificate is that of %s, the text is of %s", caller, signer)
	}
	return nil
}
