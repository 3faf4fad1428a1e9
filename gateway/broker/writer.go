package broker

import (
	"context"

	"samband/gateway/api"
	"samband/gateway/broker/internal/journal"
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

func (w writer) View() register.View { return w.seq.Register().Now() }
func (w writer) Now() signed.Time    { return w.seq.Now() }
func (w writer) InDoubt() bool       { return w.seq.InDoubt() }

// KnownEnvelope looks for what stands: an id that is known, or a text that was
// refused for good (SPEC §8.2).
func (w writer) KnownEnvelope(ctx context.Context, e *router.Envelope) error {
	seen := w.seq.Seen()
	m, err := w.seq.Known(e.From, e.ID)
	if err != nil {
		return err
	}
	switch {
	case m == nil:
		e.Seen = seen
		return w.refusedBefore(e, nil)
	case m.Accepted == nil || m.Text != e.TextHash():
		e.Verdict = router.Contradicts
		return w.refusedBefore(e, m)
	case m.LacksBytes():
		return w.restores(ctx, e, m)
	default:
		e.Verdict, e.Stands = router.Knows, journal.Result{Done: journal.Done{Event: m.Accepted, Message: m, Known: true}}
		return nil
	}
}

// refusedBefore gives a repeat of a refused text the refusal that it had, beside
// what stands under its id.
func (w writer) refusedBefore(e *router.Envelope, m *journal.Message) error {
	before, err := w.seq.Rejected(e.Caller, e.TextHash())
	if err != nil || before == nil {
		return err
	}
	done := journal.Done{Event: before, Message: m, Known: true}
	if m != nil {
		done.Stands = m.End
	}
	e.Verdict, e.Stands = router.Knows, journal.Result{Done: done, Err: sequencer.Before(before)}
	return nil
}

// restores lets the lost bytes of a message come again. Their signatures are
// verified by the register that it was accepted under: whatever was revoked since,
// it stays accepted.
func (w writer) restores(ctx context.Context, e *router.Envelope, m *journal.Message) error {
	if err := w.Room(); err != nil {
		return err
	}
	entry, err := w.seq.Entry(ctx, m.Accepted)
	if err != nil {
		return err
	}
	e.View = w.seq.Register().At(entry.Record.RegisterSize)
	if err := e.View.VerifyMessage(e.Envelope); err != nil {
		return err
	}
	e.Verdict = router.Restores
	return nil
}

// KnownStatement looks for a statement that stands already.
func (w writer) KnownStatement(_ context.Context, s *router.Statement) error {
	m, err := w.subject(s)
	if err != nil || m == nil {
		return err
	}
	hash := signed.HashOf(s.Raw)
	for _, e := range []*journal.Event{m.Consigned, m.End} {
		if e != nil && e.Statement == hash {
			s.Verdict, s.Stands = router.Knows, journal.Result{Done: journal.Done{Event: e, Message: m, Known: true}}
		}
	}
	return nil
}

func (w writer) subject(s *router.Statement) (*journal.Message, error) {
	if s.Event == envelope.Withdrawn {
		return w.seq.Known(s.Signer, s.ID)
	}
	return w.seq.Message(s.Message)
}

// Accept orders envelopes and answers for them.
func (w writer) Accept(ctx context.Context, heads api.Heads, items []*router.Envelope, budget api.Budget) (*api.SubmitAnswer, error) {
	results, err := order(ctx, w, heads, budget, items, func(e *router.Envelope) *router.Passage { return &e.Passage }, submission)
	if err != nil {
		return nil, err
	}
	a := w.answering(heads)
	answer := &api.SubmitAnswer{Items: make([]api.SubmitItem, len(items))}
	for i, e := range items {
		if results[i].Err == nil {
			w.accepted(e, results[i].Done)
		}
		if answer.Items[i], err = a.submitted(ctx, e.Raw, results[i]); err != nil {
			return nil, err
		}
	}
	w.countRefusals(results)
	answer.Catchup, err = a.catchup(api.MaxCatchup)
	return answer, err
}

// State orders statements and answers for them.
func (w writer) State(ctx context.Context, heads api.Heads, items []*router.Statement, budget api.Budget) (*api.StateAnswer, error) {
	results, err := order(ctx, w, heads, budget, items, func(s *router.Statement) *router.Passage { return &s.Passage }, statement)
	if err != nil {
		return nil, err
	}
	a := w.answering(heads)
	answer := &api.StateAnswer{Items: make([]api.StateItem, len(items))}
	for i, s := range items {
		if results[i].Err == nil && s.Verdict == router.Refused {
			// The bytes are a header's text, and that message stands: no entry
			// refuses them.
			results[i] = journal.Result{Err: s.Problem}
		}
		if results[i].Err == nil && s.Verdict != router.Knows {
			w.stated(s, results[i].Done)
		}
		if answer.Items[i], err = a.stated(ctx, s.Raw, results[i]); err != nil {
			return nil, err
		}
	}
	w.countRefusals(results)
	answer.Catchup, err = a.catchup(api.MaxCatchup)
	return answer, err
}

// order hands over, in their places, the items that are to be ordered, and tells
// of each item what came of it. Heads that the logs do not reach refuse the call
// before anything is ordered: no answer could lead on from them.
func order[T any](ctx context.Context, w writer, heads api.Heads, budget api.Budget, items []*T,
	passage func(*T) *router.Passage, act func(*T, sequencer.Budget) sequencer.Act) ([]journal.Result, error) {
	if err := w.reached(heads); err != nil {
		return nil, err
	}
	results := make([]journal.Result, len(items))
	var acts []sequencer.Act
	var places []int
	for i := range items {
		p := passage(items[i])
		if p.Verdict == router.Knows {
			results[i] = p.Stands
		} else if err := w.orderable(p, budget); err != nil {
			results[i] = journal.Result{Err: err}
		} else {
			acts, places = append(acts, act(items[i], sequencer.Budget(budget))), append(places, i)
		}
	}
	ordered, err := w.seq.DoAll(ctx, acts...)
	if err != nil {
		return nil, err
	}
	for i, r := range ordered {
		if _, refused := problem.Of(r.Err); r.Err != nil && !refused {
			return nil, r.Err
		}
		results[places[i]] = r
	}
	return results, nil
}

// orderable refuses what is not to be ordered: what a stage refused for now, and a
// refusal for good for which there is no room, or no budget. So what a desk is
// refused beyond its budget doesn't come to the writer.
func (w writer) orderable(p *router.Passage, budget api.Budget) error {
	switch p.Verdict {
	case router.Refused:
		if p.Problem.Class() != problem.Final {
			return p.Problem
		}
	case router.Contradicts:
	default:
		return nil
	}
	if err := w.Room(); err != nil {
		return err
	}
	if !budget() {
		return sequencer.Exhausted(p.Caller)
	}
	return nil
}

// submission is what is ordered for an envelope. A refusal is of its text, which is
// remembered until it expires, or of bytes that are no envelope. The writer asks
// the budget for what it refuses itself, but for a contradiction, whose refusal was
// taken from it already.
func submission(e *router.Envelope, budget sequencer.Budget) sequencer.Act {
	switch {
	case e.Verdict == router.Contradicts:
		budget = func() bool { return true }
	case e.Verdict == router.Refused && e.Envelope == nil:
		return rejection(&e.Passage, signed.HashOf(e.Raw), signed.Time{})
	case e.Verdict == router.Refused:
		return rejection(&e.Passage, e.TextHash(), e.Expires)
	}
	return sequencer.Submission{Envelope: e.Envelope, Raw: e.Raw, DecidedAt: e.View.Size(), Seen: e.Seen, Budget: budget}
}

// statement is what is ordered for a statement, as submission is for an envelope.
// A refusal is not remembered: what a statement meets may change while it is on its
// way.
func statement(s *router.Statement, budget sequencer.Budget) sequencer.Act {
	if s.Verdict == router.Refused {
		return rejection(&s.Passage, signed.HashOf(s.Raw), signed.Time{})
	}
	return sequencer.Statement{Statement: s.Statement, Note: s.Note, Raw: s.Raw, VerifiedAt: s.View.Size(), Budget: budget}
}

func rejection(p *router.Passage, text signed.Hash, until signed.Time) sequencer.Act {
	return sequencer.Rejection{Caller: p.Caller, Text: text, Problem: p.Problem, Until: until}
}

// accepted counts a message that stands, wakes its recipient where its lost bytes
// came again, and takes the time that the sender vouches for: only what was lawful,
// and is in the log, speaks for the clock.
func (w writer) accepted(e *router.Envelope, done journal.Done) {
	m, outcome := done.Message, outcomeAccepted
	switch {
	case e.Verdict == router.Restores:
		w.restored.add(m.To, m.Text)
		w.waiters.wake(m.To)
		outcome = outcomeRestored
	case done.Known:
		outcome = outcomeRepeated
	default:
		w.seq.Agree(e.From, e.Created)
	}
	w.metrics.message(m.Type, m.Urgency, outcome)
}

// stated counts a statement that was ordered, and takes the time that its signer
// vouches for.
func (w writer) stated(s *router.Statement, done journal.Done) {
	if done.Known {
		return
	}
	w.metrics.stated(done.Message, done.Event)
	w.seq.Agree(s.Caller, s.Time)
}

// countRefusals counts the entries by which a call's items were refused.
func (w writer) countRefusals(results []journal.Result) {
	for _, r := range results {
		if r.Err != nil && r.Done.Event != nil && !r.Done.Known {
			w.metrics.rejected()
		}
	}
}

// reached refuses a caller that has verified more than the logs have.
func (w writer) reached(heads api.Heads) error {
	c := w.seq.Checkpoints()
	if heads.Audit > c.AuditHead.Size || heads.Register > c.RegisterHead.Size {
		return problem.New(problem.HeadAhead, "the logs have %d and %d entries, the caller knows %d and %d",
			c.AuditHead.Size, c.RegisterHead.Size, heads.Audit, heads.Register)
	}
	return nil
}
