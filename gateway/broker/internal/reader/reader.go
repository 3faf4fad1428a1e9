// Package reader answers what a desk asks of the broker: what was sent to it
// (inbox.go), what became of what it sent (progress.go), the register, and proofs that
// the log is one and the same.
//
//	r := reader.New(seq, index, store, quota)
//	answer, err := r.Inbox(ctx, "fi.spoc", heads, page)
//
// The index finds what there is to tell, the sequencer has the bytes, and the prover
// writes the evidence. Each read takes its desk's turn; none is ever refused for how much
// was read before. A long poll waits until its desk is woken ([Reader.Wake]).
//
// What a desk is shown by its inbox rests on what the log says of a message and on what
// the desk names as held, so nothing is remembered of what it was shown before, but for
// whose turn is next.
package reader

import (
	"context"

	"samband/gateway/api"
	"samband/gateway/broker/internal/index"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/broker/internal/store"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Reader answers desks. Its methods may be called at once.
type Reader struct {
	seq   *sequencer.Sequencer
	index *index.Index
	store *store.Store
	quota *quota.Room
	polls polls
	lasts lasts

	unproven unproven
}

// New makes a Reader.
func New(seq *sequencer.Sequencer, x *index.Index, st *store.Store, q *quota.Room) *Reader {
	return &Reader{seq: seq, index: x, store: st, quota: q}
}

// Wake ends the wait of a desk's long polls: something may lie ready for it.
func (r *Reader) Wake(desk signed.Address) { r.polls.wake(desk) }

// Want asks for the bytes of a message again: they come by the inbox, from here
// if the broker has them, else from the sender, who is asked by its progress.
func (r *Reader) Want(_ context.Context, caller signed.Address, heads api.Heads, want api.Want) error {
	if err := r.seq.Reached(heads.Audit, heads.Register); err != nil {
		return err
	}
	if err := r.quota.Asks(caller); err != nil {
		return err
	}
	open, err := r.index.Want(caller, want.Message, r.seq.Now())
	var m *journal.Message
	if open && err == nil {
		m, err = r.index.Message(caller, want.Message)
	}
	if index.Passes(err) {
		return problem.New(problem.BrokerBusy, "the broker can't write its index for now; it goes on by itself")
	}
	if err != nil {
		return err
	}
	if m == nil {
		return problem.New(problem.UnknownMessage, "no message to %s that is open and has not expired has this text", caller)
	}
	if m.Accepted.Blob == nil {
		return r.store.Wake(m.From)
	}
	r.polls.wake(caller)
	return nil
}

// Register lists entries of the register.
func (r *Reader) Register(ctx context.Context, caller signed.Address, heads api.Heads, from int64, limit, bytes int) (answer *api.RegisterAnswer, err error) {
	if err := r.seq.Ready(); err != nil {
		return nil, err
	}
	err = r.quota.Read(ctx, caller, func() error {
		p := prover.New(r.seq, heads)
		entries, err := p.Entries(from, limit, bytes)
		answer = &api.RegisterAnswer{Checkpoint: p.RegisterCheckpoint(), Entries: entries}
		return err
	})
	return answer, err
}

// Consistency proves that the audit log of one size extends that of another.
func (r *Reader) Consistency(ctx context.Context, caller signed.Address, from, to int64) (*api.ConsistencyAnswer, error) {
	if err := r.seq.Ready(); err != nil {
		return nil, err
	}
	answer := &api.ConsistencyAnswer{}
	err := r.quota.Read(ctx, caller, func() (err error) {
		answer.Consistency, err = r.seq.Extends(from, to)
		return err
	})
	return answer, err
}

// Show takes a checkpoint that a desk verified. One that bears our signature, and
// that the log does not reach or contradicts, stops the broker. It waits as a read does,
// and is never refused for lack of quota: a thief of the desk's online ring must not keep
// its evidence from us. Nothing becomes durable but what stops the broker, once.
func (r *Reader) Show(ctx context.Context, caller signed.Address, checkpoint []byte) error {
	if err := r.seq.Ready(); err != nil {
		return err
	}
	return r.quota.Read(ctx, caller, func() error { return r.seq.Show(checkpoint) })
}
