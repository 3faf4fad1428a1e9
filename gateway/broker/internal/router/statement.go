package router

import (
	"context"

	"samband/gateway/envelope"
	"samband/gateway/signed"
)

func (r *Router) openStatement(context.Context, *Statement) error { return r.writer.Open() }

// parseStatement reads the form that the first line names.
func (r *Router) parseStatement(_ context.Context, s *Statement) (err error) {
	s.Note, s.Statement, err = envelope.ReadStatement(s.Raw)
	return err
}

func (r *Router) signer(_ context.Context, s *Statement) error {
	return isCaller(s.Caller, s.Signer)
}

func (r *Router) knownStatement(ctx context.Context, s *Statement) (err error) {
	s.Answer, err = r.writer.KnownStatement(ctx, s)
	return err
}

func (r *Router) headsOfStatement(_ context.Context, s *Statement) error {
	err := r.writer.CheckHeads(s.AsOfAudit, s.AsOfRegister)
	if err != nil && r.writer.View().VerifyStatement(s.Note, s.Statement) == nil {
		r.writer.Disputed(err)
	}
	return err
}

func (r *Router) signatureOfStatement(_ context.Context, s *Statement) error {
	s.View = r.writer.View()
	return s.View.VerifyStatement(s.Note, s.Statement)
}

// orderStatement also takes the time that the signer vouches for.
func (r *Router) orderStatement(ctx context.Context, s *Statement) (err error) {
	if s.Answer, err = r.writer.State(ctx, s); err == nil {
		r.writer.Agree(s.Caller, s.Time)
	}
	return err
}

// rejection is how a refusal of the statement is logged. It is not remembered:
// what a statement meets may change while it is on its way.
func (s *Statement) rejection() Rejection {
	return Rejection{Caller: s.Caller, Heads: s.Heads, Text: signed.HashOf(s.Raw)}
}
