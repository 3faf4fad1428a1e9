package reader

import (
	"context"
	"errors"
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
	of map[signed.Address]string
}

func (l *lasts) get(desk signed.Address) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of[desk]
}

func (l *lasts) set(desk signed.Address, party string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil {
		l.of = map[signed.Address]string{}
	}
	l.of[desk] = party
}

// Inbox lists what the caller has neither consigned nor ended, but for what it holds, and
// what it wanted again. New entries of the register end the wait too: a desk seals and
// decides by them.
func (r *Reader) Inbox(ctx context.Context, caller signed.Address, heads api.Heads, ask api.Ask) (*api.InboxAnswer, error) {
	return poll(ctx, r, caller, ask.Wait, func(bool) (*api.InboxAnswer, bool, error) {
		answer, err := r.inbox(ctx, caller, heads, ask)
		return answer, err == nil && len(answer.Items)+len(answer.Catchup.Register.Entries) > 0, err
	})
}

// inbox reads before it takes the checkpoints, so that they reach all it read.
func (r *Reader) inbox(ctx context.Context, caller signed.Address, heads api.Heads, ask api.Ask) (*api.InboxAnswer, error) {
	turns, err := r.index.Inbox(caller, ask.Held, r.lasts.get(caller))
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
		if r.unproven.rest(turn.Message.Text) {
			continue
		}
		m, err := r.seq.Message(caller, turn.Message.Text)
		if err != nil {
			return nil, err
		}
		if m.End != nil || turn.Message.Consigned == nil && m.Consigned != nil {
			continue // its word is said, and was not in the index yet
		}
		page = append(page, turn)
	}
	in := &inbox{Reader: r, prover: prover.New(r.seq, heads), answer: &api.InboxAnswer{}}
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
		r.lasts.set(caller, turn.Party)
	}
	if len(in.wanted) > 0 {
		// Where the disk is full the bytes go out without being counted: once more does no harm.
		if err := r.index.HandedOut(in.wanted); err != nil && !durable.NoRoom(err) {
			return nil, err
		}
	}
	in.answer.Catchup, err = in.prover.Catchup(api.MaxPage)
	return in.answer, err
}

// An inbox is a page of a desk's inbox while it is filled.
type inbox struct {
	*Reader
	prover *prover.Prover
	answer *api.InboxAnswer
	wanted []*journal.Message // of the answer, those that were asked for again
	size   int                // bytes of its envelopes
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
	if len(in.answer.Items) > 0 && in.size+len(raw) > api.MaxPage {
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
