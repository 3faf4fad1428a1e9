// Package prover writes what an answer brings for its caller to verify: proofs of
// entries, notes of other desks, and the catchup that leads from the heads that the
// caller named to those under which all of it stands.
//
//	p := prover.New(seq, heads)          // once the last item is ordered, or read
//	proof, err := p.Proof(ctx, event)
//	catchup, err := p.Catchup(api.MaxPage)
package prover

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

// A Prover writes the proofs of one answer, all under the same checkpoints.
type Prover struct {
	seq    *sequencer.Sequencer
	heads  api.Heads
	points sequencer.Checkpoints
}

// New makes a Prover under the newest checkpoints, for a caller with such heads.
func New(seq *sequencer.Sequencer, heads api.Heads) *Prover {
	return &Prover{seq, heads, seq.Checkpoints()}
}

// Catchup leads the caller from its heads, with so many bytes of register entries:
// what is left it fetches page by page.
func (p *Prover) Catchup(room int) (c api.Catchup, err error) {
	c.Audit.Checkpoint, c.Register.Checkpoint = string(p.points.Audit), p.RegisterCheckpoint()
	if c.Audit.Consistency, err = p.Consistency(p.heads.Audit); err != nil {
		return c, err
	}
	c.Register.Entries, err = p.Entries(p.heads.Register, api.MaxEntries, room)
	return c, err
}

// RegisterCheckpoint is the register's, which Entries lead to.
func (p *Prover) RegisterCheckpoint() string { return string(p.points.Register) }

// Entries are the register's from an index up to the checkpoint, as many as there is
// room for, and one at least.
func (p *Prover) Entries(from int64, limit, room int) ([][]byte, error) {
	size := p.points.RegisterHead.Size
	if from > size {
		return nil, problem.New(problem.HeadAhead, "the register has %d entries, the caller knows %d", size, from)
	}
	entries := p.seq.Register().Entries(from)
	entries = entries[:min(int64(len(entries)), size-from, int64(limit))]
	for i, e := range entries {
		if room -= len(e); room < 0 && i > 0 {
			return entries[:i], nil
		}
	}
	return entries, nil
}

// Consistency proves that the audit log extends that of a size.
func (p *Prover) Consistency(from int64) ([]signed.Hash, error) {
	return p.seq.Consistency(from, p.points)
}

// Proof is that of an event.
func (p *Prover) Proof(ctx context.Context, e *journal.Event) (string, error) {
	entry, err := p.seq.Entry(ctx, e)
	if err != nil {
		return "", err
	}
	proof, err := p.seq.Prove(entry, p.points)
	return string(proof), err
}

// Event is an event with its evidence; nil for none. An expiry has no note. Beside a
// note stands the proof that the log extends the one that its signer knew.
func (p *Prover) Event(ctx context.Context, e *journal.Event) (*api.LoggedEvent, error) {
	if e == nil {
		return nil, nil
	}
	proof, err := p.Proof(ctx, e)
	if err != nil {
		return nil, err
	}
	note, err := p.seq.Bytes(ctx, e)
	if err != nil && !errors.Is(err, journal.ErrGone) {
		return nil, err
	}
	logged := &api.LoggedEvent{Event: e.Kind, Note: note, Proof: proof}
	if len(note) == 0 {
		return logged, nil
	}
	_, s, err := envelope.ReadStatement(note)
	if err != nil {
		return nil, err
	}
	logged.Consistency, err = p.Consistency(s.AsOfAudit.Size)
	return logged, err
}
