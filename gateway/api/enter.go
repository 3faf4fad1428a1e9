package api

import (
	"context"
	"net/http"

	"samband/gateway/auditlog"
	"samband/gateway/signed"
)

// EnterAnswer answers Enter: one item, and the catchup that brings the entry.
type EnterAnswer = ItemsAnswer[EnterItem]

// An EnterItem is what became of a register entry: its place, or a problem. Its proof is
// the register itself, which the caller has once it has followed the catchup: at this
// place it finds the bytes that it sent.
type EnterItem struct {
	Hash    signed.Hash `json:"hash"`            // of the bytes that were sent
	Index   int64       `json:"index,omitempty"` // its place in the register; none beside a problem
	Problem *Document   `json:"problem,omitempty"`
}

// Refusal returns the item's problem as a *[Refusal]; nil if there is none.
func (i *EnterItem) Refusal() error { return refusalOf(i.Problem) }

var enter = Route{
	Operation: "enter", Method: http.MethodPost, Path: "/v1/entries",
	Request: entryType, MaxBody: auditlog.MaxEntry, Answer: EnterAnswer{},
	Read: func(c *Call) (Action, error) {
		return func(ctx context.Context, s Service) (any, error) {
			return s.Enter(ctx, c.Caller, c.Heads, c.Body)
		}, nil
	},
}

// Enter hands in a register entry, whoever signed it. An answer about other bytes is none.
func (c *Client) Enter(ctx context.Context, heads Heads, entry []byte) (*EnterAnswer, error) {
	answer, err := call[EnterAnswer](ctx, c, request{route: &enter, heads: heads, body: entry, large: len(entry) > MaxSmall})
	if err != nil {
		return nil, err
	}
	return inPlace(answer, [][]byte{entry}, func(i *EnterItem) signed.Hash { return i.Hash })
}
