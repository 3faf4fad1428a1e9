package router

import (
	"context"

	"samband/gateway/api"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A statement on its way.
type statement struct {
	item
	*envelope.Statement // nil where it has not the form of one
	note                *signed.Note
}

// parseStatement checks the bound, and reads the form that the first line names.
func (r *Router) parseStatement(_ context.Context, s *statement) (err error) {
	if len(s.raw) > api.MaxStatement {
		return problem.New(problem.Oversize, "a statement passes the bound of %d bytes", api.MaxStatement)
	}
	s.note, s.Statement, err = envelope.ReadStatement(s.raw)
	return err
}

func (r *Router) signer(_ context.Context, s *statement) error { return s.isCaller(s.Signer) }

// knownStatement looks for a statement that stands already.
func (r *Router) knownStatement(_ context.Context, s *statement) (err error) {
	hash := signed.HashOf(s.raw)
	if s.Event == envelope.Erased {
		e, err := r.seq.Erased(hash)
		if e != nil {
			s.isKnown(nil, e)
		}
		return err
	}
	var m *journal.Message
	if s.Event == envelope.Withdrawn {
		m, err = r.seq.Known(s.Signer, s.ID)
	} else {
		m, err = r.seq.Message(s.Signer, s.Message)
	}
	if err != nil || m == nil {
		return err
	}
	for _, e := range []*journal.Event{m.Consigned, m.End} {
		if e != nil && e.Statement == hash {
			s.isKnown(m, e)
		}
	}
	return nil
}

func (r *Router) headsOfStatement(ctx context.Context, s *statement) error {
	return r.reach(s.Signer, s.Exchange, s.AsOfAudit, s.AsOfRegister, func() error { return r.signatureOfStatement(ctx, s) })
}

func (r *Router) signatureOfStatement(_ context.Context, s *statement) error {
	s.view = r.seq.Register().Now()
	if err := s.view.VerifyStatement(s.note, s.Statement); err != nil {
		return err
	}
	if s.Event != envelope.Consigned { // that is the online ring's word
		s.ring = r.signedBy(s.Time)
	}
	r.seq.Agree(s.Signer, s.Time) // whatever comes of it
	return nil
}

func (r *Router) agreedInStatement(_ context.Context, s *statement) error {
	r.seq.Agreed(s.Signer, s.AsOfAudit, s.AsOfRegister)
	return nil
}

// act is the statement, or its refusal, which is not remembered: what a statement
// meets may change while it is on its way.
func (s *statement) act() sequencer.Act {
	if s.verdict == refused {
		return s.rejection(nil)
	}
	return sequencer.Statement{Statement: s.Statement, Note: s.note, Raw: s.raw, VerifiedAt: s.view.Size(), Ring: s.ring}
}

// ordered counts a statement that was ordered.
func (s *statement) ordered(r *Router, result *journal.Result) {
	done := result.Done
	if result.Err == nil && s.verdict != known && !done.Known && done.Message != nil {
		r.metrics.stated(done.Message, done.Event)
	}
}

func (s *statement) answer(ctx context.Context, p *prover.Prover, result journal.Result) (answer api.StateItem, err error) {
	answer.Hash = signed.HashOf(s.raw)
	if result.Err != nil {
		answer.Problem, err = refusal(ctx, p, result)
	} else {
		answer.Proof, err = p.Proof(ctx, result.Done.Event)
	}
	return answer, err
}
