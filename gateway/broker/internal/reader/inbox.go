package reader

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"samband/gateway/api"
	"samband/gateway/broker/internal/index"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/durable"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// lasts are the parties that desks' last pages ended with: the next page begins behind
// them, so that a page which is soon full begins with another party each time.
type lasts struct {
	mu sync.Mutex
	of map[feed]string
}

// A feed is a part of a desk's inbox.
type feed struct {
	desk signed.Address
	part api.Part
}

func (l *lasts) get(of feed) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of[of]
}

func (l *lasts) set(of feed, party string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[feed]string{}
	}
	l.of[of] = party
}

// Inbox lists what the caller has neither consigned nor ended, but for what it holds, and
// what it wanted again. New entries of the register end the wait too: a desk seals and
// decides by them.
func (r *Reader) Inbox(ctx context.Context, caller signed.Address, heads api.Heads, ask api.Ask) (*api.InboxAnswer, error) {
	return poll(ctx, r, caller, ask.Wait, func(bool) (*api.InboxAnswer, bool, error) {
		answer, err := r.inbox(ctx, caller, heads, ask)
		return answer, err == nil && len(answer.Items)+len(answer.Large)+len(answer.Catchup.Register.Entries) > 0, err
	})
}

// inbox reads before it takes the checkpoints, so that they reach all it read.
func (r *Reader) inbox(ctx context.Context, caller signed.Address, heads api.Heads, ask api.Ask) (*api.InboxAnswer, error) {
	of := feed{caller, ask.Part}
	turns, err := r.index.Inbox(caller, ask.Held, ask.Part, r.lasts.get(of))
	if err != nil {
		return nil, err
	}
	var page []*index.Turn
	for len(page) < ask.Limit {
		turn, err := turns.Next()
		if err != nil {
			return nil, err
		}
		if turn == nil {
			break
		}
		waits, err := r.waits(caller, turn.Message, turn.Message.Consigned != nil)
		if err != nil {
			return nil, err
		}
		if waits {
			page = append(page, turn)
		}
	}
	in := &inbox{Reader: r, prover: prover.New(r.seq, heads), answer: &api.InboxAnswer{}, room: ask.Bytes}
	if ask.Part == api.Small {
		if in.answer.Large, err = r.large(caller, turns.Other(), ask.Limit); err != nil {
			return nil, err
		}
	}
	for _, turn := range page {
		full, err := in.add(ctx, turn.Message)
		if errors.Is(err, sequencer.ErrDamaged) { // the others must not wait for it
			r.unproven.put(turn.Message.Text)
			r.seq.Unproven(caller, turn.Message.Accepted.Leaf, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		if full {
			break
		}
		r.lasts.set(of, turn.Party)
	}
	if len(in.wanted) > 0 {
		// Where the disk is full the bytes go out without being counted: once more does no harm.
		if err := r.index.HandedOut(in.wanted); err != nil && !durable.NoRoom(err) {
			return nil, err
		}
	}
	in.answer.Catchup, err = in.prover.Catchup(ask.Bytes)
	return in.answer, err
}

// waits reports whether a message waits for its recipient's word: that may be said, and
// not in the index yet.
func (r *Reader) waits(caller signed.Address, m *journal.Message, wanted bool) (bool, error) {
	if r.unproven.rest(m.Text) {
		return false, nil
	}
	now, err := r.seq.Message(caller, m.Text)
	if err != nil {
		return false, err
	}
	return now.End == nil && (wanted || now.Consigned == nil), nil
}

// large names the messages that wait in the large part, at most so many.
func (r *Reader) large(caller signed.Address, other []*journal.Message, limit int) (texts api.Held, err error) {
	for _, m := range other {
		if len(texts) == limit {
			break
		}
		waits, err := r.waits(caller, m, m.Wanted)
		if err != nil {
			return nil, err
		}
		if waits {
			texts = append(texts, m.Text)
		}
	}
	slices.SortFunc(texts, func(a, b signed.Hash) int { return bytes.Compare(a[:], b[:]) })
	return texts, nil
}

// An inbox is a page of a desk's inbox while it is filled.
type inbox struct {
	*Reader
	prover *prover.Prover
	answer *api.InboxAnswer
	wanted []*journal.Message // of the answer, those that were asked for again
	size   int                // bytes of its envelopes
	room   int                // of these, beyond the first
}

// add puts a message into the page, unless that is full.
func (in *inbox) add(ctx context.Context, m *journal.Message) (full bool, err error) {
	raw, err := in.seq.Bytes(ctx, m.Accepted)
	if errors.Is(err, journal.ErrGone) {
		return false, nil // found lost just now: its sender is asked for it
	}
	if err != nil {
		return false, err
	}
	if len(in.answer.Items) > 0 && in.size+len(raw) > in.room {
		return true, nil
	}
	e, err := envelope.Parse(raw)
	if err != nil {
		return false, err
	}
	item := api.InboxItem{Envelope: raw}
	if item.Consistency, err = in.prover.Consistency(e.AsOfAudit.Size); err != nil {
		return false, err
	}
	if item.Acceptance, err = in.prover.Proof(ctx, m.Accepted); err != nil {
		return false, err
	}
	if item.Consigned, err = in.prover.Event(ctx, m.Consigned); err != nil {
		return false, err
	}
	in.answer.Items = append(in.answer.Items, item)
	if m.Wanted {
		in.wanted = append(in.wanted, m)
	}
	in.size += len(raw)
	return false, nil
}
