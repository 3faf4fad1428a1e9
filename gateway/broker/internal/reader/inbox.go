package reader

import (
	"context"
	"errors"
	"slices"
	"sync"

	"samband/gateway/api"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// restored are messages whose bytes came again, or were asked for and are here:
// their recipients' cursors may have passed them, so they come outside of the order.
type restored struct {
	mu    sync.Mutex
	texts map[signed.Address]map[signed.Hash]bool
}

func (r *restored) add(desk signed.Address, text signed.Hash) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.texts == nil {
		r.texts = map[signed.Address]map[signed.Hash]bool{}
	}
	if r.texts[desk] == nil {
		r.texts[desk] = map[signed.Hash]bool{}
	}
	r.texts[desk][text] = true
}

// remove returns those of a desk, which are none any more.
func (r *restored) remove(desk signed.Address) map[signed.Hash]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	texts := r.texts[desk]
	delete(r.texts, desk)
	return texts
}

// Inbox lists what is addressed to the caller and has not ended. New entries of
// the register end the wait too: a desk seals and decides by them.
func (r *Reader) Inbox(ctx context.Context, caller signed.Address, heads api.Heads, page api.Page) (*api.InboxAnswer, error) {
	return poll(ctx, r, caller, page.Wait, func() (*api.InboxAnswer, bool, error) {
		answer, err := r.inbox(ctx, caller, heads, page)
		return answer, err == nil && len(answer.Catchup.Register.Entries) > 0, err
	})
}

// inbox reads before it takes the checkpoints, so that they reach all it read.
func (r *Reader) inbox(ctx context.Context, caller signed.Address, heads api.Heads, page api.Page) (*api.InboxAnswer, error) {
	waiting, err := r.index.Inbox(caller, page.After.Leaf(), page.Limit)
	if err != nil {
		return nil, err
	}
	again, err := r.again(caller, page.After.Leaf())
	if err != nil {
		return nil, err
	}
	in := &inbox{Reader: r, prover: prover.New(r.seq, heads), limit: page.Limit,
		answer: &api.InboxAnswer{Items: []api.InboxItem{}, Next: page.After}}
	for i, m := range slices.Concat(again, waiting) {
		full, err := in.add(ctx, m)
		if err != nil || full {
			for _, left := range again[min(i, len(again)):] {
				r.restored.add(caller, left.Text)
			}
		}
		if err != nil {
			return nil, err
		}
		if full {
			break
		}
		if i >= len(again) {
			in.answer.Next = api.Past(m.Accepted.Leaf)
		}
	}
	if len(in.wanted) > 0 {
		if err := r.index.HandedOut(in.wanted); err != nil {
			return nil, err
		}
	}
	if err := r.awaited(caller, page, in.answer); err != nil {
		return nil, err
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
	limit  int                // of items; 0 for none
}

// add puts a message into the page, unless that is full.
func (in *inbox) add(ctx context.Context, m *journal.Message) (full bool, err error) {
	if in.limit > 0 && len(in.answer.Items) == in.limit {
		return true, nil
	}
	raw, err := in.seq.Bytes(ctx, m.Accepted)
	if errors.Is(err, journal.ErrGone) {
		return false, nil // found lost just now: it is among those awaited
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
	item := api.InboxItem{Cursor: api.Past(m.Accepted.Leaf), Envelope: raw}
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

// again returns the messages to a desk whose bytes came again, of those before
// its cursor: the others come in their order.
func (r *Reader) again(desk signed.Address, cursor int64) (out []*journal.Message, err error) {
	for text := range r.restored.remove(desk) {
		m, err := r.index.Message(desk, text)
		if err != nil {
			return nil, err
		}
		switch {
		case m == nil || m.End != nil || m.Accepted.Leaf >= cursor:
		case m.Accepted.Blob == nil: // not in the index yet: the desk is woken then
			r.restored.add(desk, text)
		default:
			out = append(out, m)
		}
	}
	return out, nil
}

// awaited names the messages that the broker has no bytes of. The cursor never
// passes one that nobody has consigned: it must be seen when it comes. A caller
// that begins, and does not wait, hears also of what it consigned: it may have
// lost its disk since.
func (r *Reader) awaited(caller signed.Address, page api.Page, answer *api.InboxAnswer) error {
	lacking, err := r.index.LackingTo(caller, maxAgain)
	if page.After == 0 && page.Wait == 0 && err == nil {
		lacking, err = r.index.GoneTo(caller, r.seq.Now(), maxAgain)
	}
	if err != nil {
		return err
	}
	for _, m := range lacking {
		answer.Again = append(answer.Again, m.Text)
		if m.Consigned == nil {
			answer.Next = min(answer.Next, api.Cursor(m.Accepted.Leaf))
		}
	}
	return nil
}
