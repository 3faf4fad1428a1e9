package api

import (
	"context"
	"net/http"
	"net/url"

	"samband/gateway/signed"
)

var show = Route{
	Operation: "show", Method: http.MethodPost, Path: "/v1/checkpoint", Request: checkpointType, MaxBody: MaxCheckpoint,
	Read: func(c *Call) (Action, error) {
		return func(ctx context.Context, s Service) (any, error) { return nil, s.Show(ctx, c.Caller, c.Body) }, nil
	},
}

// Show shows the broker a checkpoint that its logs should reach.
func (c *Client) Show(ctx context.Context, checkpoint []byte) error {
	_, err := call[struct{}](ctx, c, request{route: &show, body: checkpoint})
	return err
}

// RegisterAnswer answers Register.
type RegisterAnswer struct {
	Checkpoint string   `json:"checkpoint"`
	Entries    [][]byte `json:"entries,omitempty"`
}

var registerPage = Route{
	Operation: "register", Method: http.MethodGet, Path: "/v1/register",
	Query: []string{"from", "limit", "bytes"}, Paged: true, Answer: RegisterAnswer{},
	Read: func(c *Call) (Action, error) {
		from, err := number(c.Query, "from", 0, maxSize, 0)
		if err != nil {
			return nil, err
		}
		limit, err := number(c.Query, "limit", 1, MaxEntries, MaxEntries)
		if err != nil {
			return nil, err
		}
		bytes, err := parseBytes(c.Query)
		return func(ctx context.Context, s Service) (any, error) {
			return s.Register(ctx, c.Caller, c.Heads, from, int(limit), bytes)
		}, err
	},
}

// Register lists at most limit entries of the register, of at most so many bytes or one,
// from an index on.
func (c *Client) Register(ctx context.Context, heads Heads, from int64, limit, bytes int) (*RegisterAnswer, error) {
	query := pace(url.Values{"from": {signed.FormatInt(from)}}, 0, limit, bytes)
	return call[RegisterAnswer](ctx, c, request{route: &registerPage, heads: heads, query: query, large: true})
}

// ConsistencyAnswer answers Consistency.
type ConsistencyAnswer struct {
	Consistency Hashes `json:"consistency,omitempty"` // none from size 0, and to the same size
}

var consistency = Route{
	Operation: "consistency", Method: http.MethodGet, Path: "/v1/consistency",
	Query: []string{"from", "to"}, Answer: ConsistencyAnswer{},
	Read: func(c *Call) (Action, error) {
		to, err := required(c.Query, "to", maxSize)
		if err != nil {
			return nil, err
		}
		from, err := required(c.Query, "from", to)
		return func(ctx context.Context, s Service) (any, error) { return s.Consistency(ctx, c.Caller, from, to) }, err
	},
}

// Consistency asks for the proof that the audit log of one size extends that of
// another.
func (c *Client) Consistency(ctx context.Context, from, to int64) (*ConsistencyAnswer, error) {
	query := url.Values{"from": {signed.FormatInt(from)}, "to": {signed.FormatInt(to)}}
	return call[ConsistencyAnswer](ctx, c, request{route: &consistency, query: query})
}
