package broker

import (
	"context"
	"errors"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
	"samband/gateway/problem"
)

// An answering writes one answer: all its proofs stand under the same
// checkpoints, to which its catchup leads the caller.
type answering struct {
	seq    *sequencer.Sequencer
	heads  api.Heads
	points sequencer.Checkpoints
}

func (b *Broker) answering(heads api.Heads) *answering {
	return &answering{b.seq, heads, b.seq.Checkpoints()}
}

// catchup leads the caller from the heads that it named, with so many bytes of
// register entries: what is left it fetches page by page.
func (a *answering) catchup(room int) (api.Catchup, error) {
	consistency, err := a.seq.Consistency(a.heads.Audit, a.points)
	if err != nil {
		return api.Catchup{}, err
	}
	c := api.Catchup{
		Audit:    api.AuditCatchup{Checkpoint: string(a.points.Audit), Consistency: consistency},
		Register: api.RegisterCatchup{Checkpoint: string(a.points.Register)},
	}
	c.Register.Entries, err = a.entries(a.heads.Register, api.MaxEntries, room)
	return c, err
}

// entries are the register's from an index up to the checkpoint, as many as
// there is room for, and one at least.
func (a *answering) entries(from int64, limit, room int) ([][]byte, error) {
	size := a.points.RegisterHead.Size
	if from > size {
		return nil, problem.New(problem.HeadAhead, "the register has %d entries, the caller knows %d", size, from)
	}
	entries := a.seq.Register().Entries(from)
	entries = entries[:min(int64(len(entries)), size-from, int64(limit))]
	for i, e := range entries {
		if room -= len(e); room < 0 && i > 0 {
			return entries[:i], nil
		}
	}
	return entries, nil
}

// proof is that of an event.
func (a *answering) proof(ctx context.Context, e *sequencer.Event) (string, error) {
	entry, err := a.seq.Entry(ctx, e)
	if err != nil {
		return "", err
	}
	p, err := a.seq.Prove(entry, a.points)
	return string(p), err
}

// fact is an event with its evidence; nil for none. An expiry has no note.
func (a *answering) fact(ctx context.Context, e *sequencer.Event) (*api.Fact, error) {
	if e == nil {
		return nil, nil
	}
	proof, err := a.proof(ctx, e)
	if err != nil {
		return nil, err
	}
	note, err := a.seq.Bytes(ctx, e)
	if err != nil && !errors.Is(err, sequencer.ErrGone) {
		return nil, err
	}
	return a.under(e.Kind, note, proof)
}

// under is a fact with the proof that the log under this answer extends the one
// that the note's signer knew.
func (a *answering) under(event envelope.Event, note []byte, proof string) (*api.Fact, error) {
	f := &api.Fact{Event: event, Note: note, Proof: proof}
	if len(note) == 0 {
		return f, nil
	}
	_, s, err := envelope.ReadStatement(note)
	if err != nil {
		return nil, err
	}
	f.Consistency, err = a.seq.Consistency(s.AsOfAudit.Size, a.points)
	return f, err
}

// submit answers for a message that was accepted, now or before.
func (a *answering) submit(ctx context.Context, m *sequencer.Message) (*api.SubmitAnswer, error) {
	var errs [4]error
	answer := &api.SubmitAnswer{}
	answer.Acceptance, errs[0] = a.proof(ctx, m.Accepted)
	answer.Consigned, errs[1] = a.fact(ctx, m.Consigned)
	answer.End, errs[2] = a.fact(ctx, m.End)
	answer.Catchup, errs[3] = a.catchup(api.MaxCatchup)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return answer, nil
}

// state answers for a statement that stands.
func (a *answering) state(ctx context.Context, e *sequencer.Event) (*api.StateAnswer, error) {
	proof, err := a.proof(ctx, e)
	if err != nil {
		return nil, err
	}
	catchup, err := a.catchup(api.MaxCatchup)
	return &api.StateAnswer{Proof: proof, Catchup: catchup}, err
}

// refusal shows what stands beside a problem: the text that an id has, the
// consignment or end that came first.
func (a *answering) refusal(ctx context.Context, p *problem.Problem, m *sequencer.Message, e *sequencer.Event) error {
	r := &api.Refusal{Problem: p}
	switch p.Code {
	case problem.IDReused:
		r.Accepted = m.Text
	case problem.AlreadyConsigned, problem.AlreadyEnded:
		fact, err := a.fact(ctx, e)
		if err != nil {
			return err
		}
		r.End = fact
		return a.withCatchup(r)
	}
	return r
}

// logged shows the proof of the entry by which a refusal is logged.
func (a *answering) logged(ctx context.Context, r *api.Refusal, e *sequencer.Event) error {
	out := *r
	if out.Problem.Code != e.Code {
		// The first refusal of this text stands.
		out = api.Refusal{Problem: problem.New(e.Code, "the text was refused before")}
	}
	var errs [2]error
	out.Proof, errs[0] = a.proof(ctx, e)
	out.End, errs[1] = a.again(out.End)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	return a.withCatchup(&out)
}

// again proves a fact under this answer's checkpoint, which is later than the
// one that it was proven under: the refusal that shows it was logged since.
func (a *answering) again(f *api.Fact) (*api.Fact, error) {
	if f == nil {
		return nil, nil
	}
	before, err := auditlog.ParseProof([]byte(f.Proof))
	if err != nil {
		return nil, err
	}
	proof, err := a.seq.Prove(before.Entry, a.points)
	if err != nil {
		return nil, err
	}
	return a.under(f.Event, f.Note, string(proof))
}

func (a *answering) withCatchup(r *api.Refusal) error {
	catchup, err := a.catchup(api.MaxCatchup)
	if err != nil {
		return err
	}
	r.Catchup = &catchup
	return r
}
