package reader

import (
	"context"
	"errors"
	"slices"

	"samband/gateway/api"
	"samband/gateway/broker/internal/index"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/signed"
)

// Progress lists what became of the caller's messages, and what was said in its name of
// those that it received. A cursor beyond the log is refused: the log would grow past it
// unheard.
func (r *Reader) Progress(ctx context.Context, caller signed.Address, heads api.Heads, page api.Page) (*api.ProgressAnswer, error) {
	if err := r.seq.Reached(page.After.Leaf(), heads.Register); err != nil {
		return nil, err
	}
	return poll(ctx, r, caller, page.Wait, func(all bool) (*api.ProgressAnswer, bool, error) {
		return r.progress(ctx, caller, heads, page, all)
	})
}

// progress reads before it takes the checkpoints, as inbox does. Words in the caller's
// own name are no news to an honest caller: unless all is asked for, they wait for others,
// or for a page of them.
func (r *Reader) progress(ctx context.Context, caller signed.Address, heads api.Heads, page api.Page, all bool) (*api.ProgressAnswer, bool, error) {
	events, err := r.events(caller, page)
	if err != nil {
		return nil, false, err
	}
	news := slices.ContainsFunc(events, func(e index.Change) bool { return e.Sender == caller })
	if !all && !news && len(events) < page.Limit {
		return nil, false, nil
	}
	p := prover.New(r.seq, heads)
	answer, room := &api.ProgressAnswer{Next: page.After}, page.Bytes
	for _, e := range events {
		logged, err := p.Event(ctx, &e.Event)
		if errors.Is(err, sequencer.ErrDamaged) { // what comes behind it must not wait
			r.seq.Unproven(caller, e.Leaf, err)
			answer.Next = max(answer.Next, api.Past(e.Leaf))
			continue
		}
		if err != nil {
			return nil, false, err
		}
		if room -= len(logged.Note) + len(logged.Proof); room < 0 && len(answer.Items) > 0 {
			break
		}
		answer.Next = max(answer.Next, api.Past(e.Leaf))
		item := api.ProgressItem{Cursor: api.Past(e.Leaf), ID: e.ID, Sender: e.Sender, Message: e.Message, LoggedEvent: *logged}
		if e.Accepted != nil {
			item.Accepted = api.Past(*e.Accepted)
		}
		answer.Items = append(answer.Items, item)
	}
	lacking, err := r.index.LackingFrom(caller, maxAgain)
	if err != nil {
		return nil, false, err
	}
	for _, m := range lacking {
		answer.Again = append(answer.Again, api.Again{ID: m.ID, Message: m.Text})
	}
	answer.Catchup, err = p.Catchup(page.Bytes)
	return answer, len(answer.Items)+len(answer.Again) > 0, err
}
