package broker

import (
	"context"
	"errors"

	"samband/gateway/api"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// An answering writes one answer: all its proofs stand under the same
// checkpoints, to which its catchup leads the caller. It is made when the last item
// is ordered.
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
func (a *answering) proof(ctx context.Context, e *journal.Event) (string, error) {
	entry, err := a.seq.Entry(ctx, e)
	if err != nil {
		return "", err
	}
	p, err := a.seq.Prove(entry, a.points)
	return string(p), err
}

// fact is an event with its evidence; nil for none. An expiry has no note. Beside a
// note stands the proof that the log under this answer extends the one that its
// signer knew.
func (a *answering) fact(ctx context.Context, e *journal.Event) (*api.LoggedEvent, error) {
	if e == nil {
		return nil, nil
	}
	proof, err := a.proof(ctx, e)
	if err != nil {
		return nil, err
	}
	note, err := a.seq.Bytes(ctx, e)
	if err != nil && !errors.Is(err, journal.ErrGone) {
		return nil, err
	}
	f := &api.LoggedEvent{Event: e.Kind, Note: note, Proof: proof}
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

// submitted is the item of a submission.
func (a *answering) submitted(ctx context.Context, raw []byte, r journal.Result) (api.SubmitItem, error) {
	item := api.SubmitItem{Hash: signed.HashOf(raw)}
	var errs [3]error
	if r.Err != nil {
		item.Problem, errs[0] = a.refusal(ctx, r)
		return item, errs[0]
	}
	m := r.Done.Message
	item.Acceptance, errs[0] = a.proof(ctx, m.Accepted)
	item.Consigned, errs[1] = a.fact(ctx, m.Consigned)
	item.End, errs[2] = a.fact(ctx, m.End)
	return item, errors.Join(errs[:]...)
}

// stated is the item of a statement.
func (a *answering) stated(ctx context.Context, raw []byte, r journal.Result) (item api.StateItem, err error) {
	item.Hash = signed.HashOf(raw)
	if r.Err != nil {
		item.Problem, err = a.refusal(ctx, r)
		return item, err
	}
	item.Proof, err = a.proof(ctx, r.Done.Event)
	return item, err
}

// refusal is the problem of an item, with what stands beside it (the text that an
// id has, the consignment or end that came first) and with the proof of the entry
// that logs it.
func (a *answering) refusal(ctx context.Context, r journal.Result) (*api.Document, error) {
	refusal := api.RefusalOf(r.Err)
	var errs [2]error
	switch refusal.Problem.Code {
	case problem.IDReused:
		if r.Done.Message != nil {
			refusal.Accepted = r.Done.Message.Text
		}
	case problem.AlreadyConsigned, problem.AlreadyEnded:
		refusal.End, errs[0] = a.fact(ctx, r.Done.Stands)
	}
	if r.Done.Event != nil {
		refusal.Proof, errs[1] = a.proof(ctx, r.Done.Event)
	}
	return refusal.Document(), errors.Join(errs[:]...)
}
