package router

import (
	"context"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

func (r *Router) openStatement(context.Context, *Statement) error { return r.writer.Open() }

// parseStatement reads the form that the first line names.
func (r *Router) parseStatement(_ context.Context, s *Statement) (err error) {
	if s.Note, err = signed.ParseNote(s.Raw); err != nil {
		return err
	}
	switch signed.FormOf(s.Note.Text) {
	case envelope.ConsignmentForm:
		s.Consignment, err = envelope.ParseConsignment(s.Note.Text)
	case envelope.StatementForm:
		s.Statement, err = envelope.ParseStatement(s.Note.Text)
	default:
		err = problem.New(problem.TextMalformed, "the first line is neither a consignment's nor a statement's")
	}
	return err
}

func (r *Router) signer(_ context.Context, s *Statement) error {
	if s.Consignment != nil {
		return isCaller(s.Caller, s.Consignment.Signer)
	}
	return isCaller(s.Caller, s.Statement.Signer)
}

func (r *Router) knownStatement(ctx context.Context, s *Statement) (err error) {
	s.Answer, err = r.writer.KnownStatement(ctx, s)
	return err
}

func (r *Router) headsOfStatement(_ context.Context, s *Statement) error {
	audit, registry := s.heads()
	err := r.writer.CheckHeads(audit, registry)
	if err != nil && s.verify(r.writer.View()) == nil {
		r.writer.Disputed(err)
	}
	return err
}

func (s *Statement) heads() (audit, registry signed.Head) {
	if c := s.Consignment; c != nil {
		return c.AsOfAudit, c.AsOfRegister
	}
	return s.Statement.AsOfAudit, s.Statement.AsOfRegister
}

func (r *Router) signatureOfStatement(_ context.Context, s *Statement) error {
	s.View = r.writer.View()
	return s.verify(s.View)
}

func (s *Statement) verify(v register.View) error {
	if s.Consignment != nil {
		return v.VerifyConsignment(s.Note, s.Consignment)
	}
	return v.VerifyStatement(s.Note, s.Statement)
}

// orderStatement also takes the time that the signer vouches for.
func (r *Router) orderStatement(ctx context.Context, s *Statement) (err error) {
	if s.Answer, err = r.writer.State(ctx, s); err != nil {
		return err
	}
	if s.Consignment != nil {
		r.writer.Agree(s.Caller, s.Consignment.Time)
	} else {
		r.writer.Agree(s.Caller, s.Statement.Time)
	}
	return nil
}

// rejection is how a refusal of the statement is logged. It is not remembered:
// what a statement meets may change while it is on its way.
func (s *Statement) rejection() Rejection {
	return Rejection{Caller: s.Caller, Heads: s.Heads, Text: signed.HashOf(s.Raw)}
}
