package api

import (
	"context"
	"net/http"
	"slices"

	"samband/gateway/signed"
)

// An ItemsAnswer answers a call of items: each in its place, and one catchup, taken
// after the last was ordered. All proofs of the answer stand under it.
type ItemsAnswer[Item any] struct {
	Items   []Item  `json:"items"`
	Catchup Catchup `json:"catchup"`
}

// SubmitAnswer answers Submit.
type SubmitAnswer = ItemsAnswer[SubmitItem]

// A SubmitItem is what became of one envelope: accepted, or a problem.
type SubmitItem struct {
	Hash       signed.Hash  `json:"hash"`                 // of the item's bytes
	Acceptance string       `json:"acceptance,omitempty"` // proof; none beside a problem
	Consigned  *LoggedEvent `json:"consigned,omitempty"`  // if the message was known and is consigned
	End        *LoggedEvent `json:"end,omitempty"`        // if the message was known and has ended
	Problem    *Document    `json:"problem,omitempty"`
}

// Refusal returns the item's problem as a *[Refusal]; nil if there is none.
func (i *SubmitItem) Refusal() error { return refusalOf(i.Problem) }

// StateAnswer answers State.
type StateAnswer = ItemsAnswer[StateItem]

// A StateItem is what became of one note: logged, or a problem.
type StateItem struct {
	Hash    signed.Hash `json:"hash"`            // of the item's bytes
	Proof   string      `json:"proof,omitempty"` // none beside a problem
	Problem *Document   `json:"problem,omitempty"`
}

// Refusal returns the item's problem as a *[Refusal]; nil if there is none.
func (i *StateItem) Refusal() error { return refusalOf(i.Problem) }

var submit = Route{
	Operation: "submit", Method: http.MethodPost, Path: "/v1/envelopes",
	Request: EnvelopesType, MaxBody: MaxSequence, Sequence: true, Answer: SubmitAnswer{},
	Read: func(c *Call) (Action, error) {
		items, err := CutSequence(c.Body)
		return func(ctx context.Context, s Service) (any, error) {
			return s.Submit(ctx, c.Caller, c.Heads, items)
		}, err
	},
}

// Submit sends envelopes as one sequence. An answer that has not each of them in
// its place is none.
func (c *Client) Submit(ctx context.Context, heads Heads, envelopes [][]byte) (*SubmitAnswer, error) {
	return callItems(ctx, c, &submit, heads, envelopes, func(i *SubmitItem) signed.Hash { return i.Hash })
}

var state = Route{
	Operation: "state", Method: http.MethodPost, Path: "/v1/statements",
	Request: StatementsType, MaxBody: MaxSequence, Sequence: true, Answer: StateAnswer{},
	Read: func(c *Call) (Action, error) {
		items, err := CutSequence(c.Body)
		return func(ctx context.Context, s Service) (any, error) {
			return s.State(ctx, c.Caller, c.Heads, items)
		}, err
	},
}

// State sends consignments and statements as one sequence. An answer that has not
// each of them in its place is none.
func (c *Client) State(ctx context.Context, heads Heads, notes [][]byte) (*StateAnswer, error) {
	return callItems(ctx, c, &state, heads, notes, func(i *StateItem) signed.Hash { return i.Hash })
}

// callItems refuses an answer whose items differ from those sent, in number or hash.
// Nobody knows of such an answer what it is about: the same bytes go again.
func callItems[I any](ctx context.Context, c *Client, route *Route, heads Heads, sent [][]byte, hashOf func(*I) signed.Hash) (*ItemsAnswer[I], error) {
	answer, err := call[ItemsAnswer[I]](ctx, c, request{
		route: route, heads: heads, body: sequence(sent),
		large: slices.ContainsFunc(sent, func(item []byte) bool { return len(item) > MaxSmall }),
	})
	if err != nil {
		return nil, err
	}
	return inPlace(answer, sent, hashOf)
}

// inPlace is an answer that has each item that was sent in its place, and nothing else.
func inPlace[I any](answer *ItemsAnswer[I], sent [][]byte, hashOf func(*I) signed.Hash) (*ItemsAnswer[I], error) {
	if n := len(answer.Items); n != len(sent) {
		return nil, noAnswer("an answer has %d items, the call has %d", n, len(sent))
	}
	for i := range sent {
		if hashOf(&answer.Items[i]) != signed.HashOf(sent[i]) {
			return nil, noAnswer("item %d of an answer is not of the bytes sent in its place", i+1)
		}
	}
	return answer, nil
}
