package broker

import (
	"context"

	"samband/gateway/api"
	"samband/gateway/broker/internal/router"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// writer is the sequencer as the router asks for it: it answers in the words of
// the contract.
type writer struct{ *Broker }

var _ router.Writer = writer{}

// Open refuses while the log is not whole.
func (w writer) Open() error {
	if reason := w.seq.Stopped(); reason != nil {
		return problem.New(problem.BrokerStopped, "the broker has stopped: %s", reason.Kind)
	}
	return nil
}

// Room refuses while only ends are taken.
func (w writer) Room() error {
	if w.seq.Full() {
		return problem.New(problem.StoreFull, "the broker's store is near its limit")
	}
	return nil
}

func (w writer) CheckHeads(audit, registry signed.Head) error {
	return w.seq.CheckHeads(audit, registry)
}

func (w writer) Disputed(refusal error) { w.seq.Disputed(refusal) }

func (w writer) View() register.View                      { return w.seq.Register().Now() }
func (w writer) Now() signed.Time                         { return w.seq.Now() }
func (w writer) InDoubt() bool                            { return w.seq.InDoubt() }
func (w writer) Agree(desk signed.Address, t signed.Time) { w.seq.Agree(desk, t) }

// KnownEnvelope answers an id that is known, and a text that was refused for
// good (SPEC §8.2).
func (w writer) KnownEnvelope(ctx context.Context, e *router.Envelope) (*api.SubmitAnswer, error) {
	e.Seen = w.seq.Seen()
	m, err := w.seq.Known(e.From, e.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case m == nil:
		return nil, w.refusedBefore(ctx, e)
	case m.Accepted == nil:
		return nil, w.answering(e.Heads).refusal(ctx, problem.New(problem.AlreadyEnded, "the id was withdrawn before a message came"), m, m.End)
	case m.Text != e.TextHash():
		return nil, w.answering(e.Heads).refusal(ctx, problem.New(problem.IDReused, "the id stands for another text"), m, nil)
	case m.LacksBytes():
		return w.restore(ctx, e, m)
	}
	w.metrics.message(m.Type, m.Urgency, outcomeRepeated)
	return w.answering(e.Heads).submit(ctx, m)
}

// refusedBefore gives a repeat of a refused text the refusal that it had.
func (w writer) refusedBefore(ctx context.Context, e *router.Envelope) error {
	before, err := w.seq.Rejected(e.Caller, e.TextHash())
	if err != nil || before == nil {
		return err
	}
	p := problem.New(before.Code, "the text was refused before")
	return w.answering(e.Heads).logged(ctx, &api.Refusal{Problem: p}, before)
}

// restore takes the lost bytes of a message again. Its signatures are verified
// by the register that it was accepted under: whatever was revoked since, it
// stays accepted.
func (w writer) restore(ctx context.Context, e *router.Envelope, m *sequencer.Message) (*api.SubmitAnswer, error) {
	if err := w.Room(); err != nil {
		return nil, err
	}
	entry, err := w.seq.Entry(ctx, m.Accepted)
	if err != nil {
		return nil, err
	}
	view := w.seq.Register().At(entry.Record.RegisterSize)
	if err := view.VerifyMessage(e.Envelope); err != nil {
		return nil, err
	}
	done, err := w.seq.Do(ctx, sequencer.Submission{Envelope: e.Envelope, Raw: e.Raw, DecidedAt: view.Size()})
	if err != nil {
		return nil, err
	}
	w.restored.add(m.To, m.Text)
	w.waiters.wake(m.To)
	w.metrics.message(m.Type, m.Urgency, outcomeRestored)
	return w.answering(e.Heads).submit(ctx, done.Message)
}

// Accept orders an envelope.
func (w writer) Accept(ctx context.Context, e *router.Envelope) (*api.SubmitAnswer, error) {
	done, err := w.seq.Do(ctx, sequencer.Submission{Envelope: e.Envelope, Raw: e.Raw, DecidedAt: e.View.Size(), Seen: e.Seen})
	if err != nil {
		return nil, w.explain(ctx, e.Heads, done, err)
	}
	w.metrics.message(e.Type.Name, e.Urgency, outcomeAccepted)
	return w.answering(e.Heads).submit(ctx, done.Message)
}

// explain adds to a refusal of the writer what stands.
func (w writer) explain(ctx context.Context, heads api.Heads, done sequencer.Done, err error) error {
	p, refused := problem.Of(err)
	switch {
	case refused && done.Message != nil:
		return w.answering(heads).refusal(ctx, p, done.Message, done.Event)
	case refused && done.Event != nil: // the text was refused meanwhile
		return w.answering(heads).logged(ctx, &api.Refusal{Problem: p}, done.Event)
	}
	return err
}

// KnownStatement answers a statement that stands already.
func (w writer) KnownStatement(ctx context.Context, s *router.Statement) (*api.StateAnswer, error) {
	m, err := w.subject(s)
	if err != nil || m == nil {
		return nil, err
	}
	hash := signed.HashOf(s.Raw)
	for _, e := range []*sequencer.Event{m.Consigned, m.End} {
		if e != nil && e.Statement == hash {
			return w.answering(s.Heads).state(ctx, e)
		}
	}
	return nil, nil
}

func (w writer) subject(s *router.Statement) (*sequencer.Message, error) {
	if s.Event == envelope.Withdrawn {
		return w.seq.Known(s.Signer, s.ID)
	}
	return w.seq.Message(s.Message)
}

// State orders a statement.
func (w writer) State(ctx context.Context, s *router.Statement) (*api.StateAnswer, error) {
	done, err := w.seq.Do(ctx, sequencer.Statement{Statement: s.Statement, Note: s.Note, Raw: s.Raw, VerifiedAt: s.View.Size()})
	if err != nil {
		return nil, w.explain(ctx, s.Heads, done, err)
	}
	w.metrics.stated(done.Message, done.Event)
	return w.answering(s.Heads).state(ctx, done.Event)
}

// Reject logs a final refusal. Where there is no room for its entry there is no
// refusal either: the caller comes again. A text that was accepted meanwhile is
// answered as a known one.
func (w writer) Reject(ctx context.Context, why router.Rejection) (*api.SubmitAnswer, error) {
	if err := w.Room(); err != nil {
		return nil, err
	}
	done, err := w.seq.Do(ctx, sequencer.Rejection{
		Caller: why.Caller, Text: why.Text, Code: why.Refusal.Problem.Code, Until: why.Until,
	})
	if err != nil {
		return nil, err
	}
	if m := done.Message; m != nil {
		w.metrics.message(m.Type, m.Urgency, outcomeRepeated)
		return w.answering(why.Heads).submit(ctx, m)
	}
	w.metrics.rejected()
	return nil, w.answering(why.Heads).logged(ctx, why.Refusal, done.Event)
}
