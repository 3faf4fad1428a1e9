package router

import (
	"context"

	"samband/gateway/api"
	"samband/gateway/envelope"
	"samband/gateway/problem"
)

// parseStatement checks the bound, and reads the form that the first line names.
func (r *Router) parseStatement(_ context.Context, s *Statement) (err error) {
	if len(s.Raw) > api.MaxStatement {
		return problem.New(problem.Oversize, "a statement passes the bound of %d bytes", api.MaxStatement)
	}
	s.Note, s.Statement, err = envelope.ReadStatement(s.Raw)
	return err
}

func (r *Router) signer(_ context.Context, s *Statement) error {
	return isCaller(s.Caller, s.Signer)
}

func (r *Router) knownStatement(ctx context.Context, s *Statement) error {
	return r.writer.KnownStatement(ctx, s)
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
