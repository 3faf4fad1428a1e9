package reader

import (
	"context"

	"samband/gateway/api"
	"samband/gateway/broker/internal/prover"
	"samband/gateway/signed"
)

// Progress lists what became of the caller's messages.
func (r *Reader) Progress(ctx context.Context, caller signed.Address, heads api.Heads, page api.Page) (*api.ProgressAnswer, error) {
	return poll(ctx, r, caller, page.Wait, func() (*api.ProgressAnswer, bool, error) {
		answer, err := r.progress(ctx, caller, heads, page)
		return answer, false, err
	})
}

// progress reads before it takes the checkpoints, as inbox does.
func (r *Reader) progress(ctx context.Context, caller signed.Address, heads api.Heads, page api.Page) (*api.ProgressAnswer, error) {
	events, err := r.index.Progress(caller, page.After.Leaf(), page.Limit)
	if err != nil {
		return nil, err
	}
	p := prover.New(r.seq, heads)
	answer := &api.ProgressAnswer{Items: []api.ProgressItem{}, Next: page.After}
	for _, e := range events {
		logged, err := p.Event(ctx, &e.Event)
		if err != nil {
			return nil, err
		}
		answer.Next = api.Past(e.Leaf)
		answer.Items = append(answer.Items, api.ProgressItem{Cursor: answer.Next, ID: e.ID, Message: e.Message, LoggedEvent: *logged})
	}
	lacking, err := r.index.LackingFrom(caller, maxAgain)
	if err != nil {
		return nil, err
	}
	for _, m := range lacking {
		answer.Again = append(answer.Again, api.Again{ID: m.ID, Message: m.Text})
	}
	answer.Catchup, err = p.Catchup(api.MaxPage)
	return answer, err
}
