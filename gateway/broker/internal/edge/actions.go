package edge

import (
	"context"
	"encoding/json"

	"samband/gateway/api"
	"samband/gateway/signed"
)

// An action hands a call to the service. A nil answer is one without content.
type action func(ctx context.Context, s api.Service, c *call) (any, error)

var actions = map[api.Operation]action{
	api.OpSubmit: func(ctx context.Context, s api.Service, c *call) (any, error) {
		return s.Submit(ctx, c.caller, c.heads, c.items, c.budget)
	},
	api.OpState: func(ctx context.Context, s api.Service, c *call) (any, error) {
		return s.State(ctx, c.caller, c.heads, c.items, c.budget)
	},
	api.OpInbox: func(ctx context.Context, s api.Service, c *call) (any, error) {
		page, err := parsePage(c.query)
		if err != nil {
			return nil, refusedHere{err}
		}
		return s.Inbox(ctx, c.caller, c.heads, page)
	},
	api.OpProgress: func(ctx context.Context, s api.Service, c *call) (any, error) {
		page, err := parsePage(c.query)
		if err != nil {
			return nil, refusedHere{err}
		}
		return s.Progress(ctx, c.caller, c.heads, page)
	},
	api.OpWant: func(ctx context.Context, s api.Service, c *call) (any, error) {
		want, err := parseWant(c.body)
		if err != nil {
			return nil, refusedHere{err}
		}
		return nil, s.Want(ctx, c.caller, c.heads, want)
	},
	api.OpShow: func(ctx context.Context, s api.Service, c *call) (any, error) {
		return nil, s.Show(ctx, c.caller, c.body)
	},
	api.OpRegister: func(ctx context.Context, s api.Service, c *call) (any, error) {
		from, err := number(c.query, "from", 0, 1<<53-1, 0)
		if err != nil {
			return nil, refusedHere{err}
		}
		limit, err := number(c.query, "limit", 1, api.MaxEntries, api.MaxEntries)
		if err != nil {
			return nil, refusedHere{err}
		}
		return s.Register(ctx, c.caller, c.heads, from, int(limit))
	},
	api.OpConsistency: func(ctx context.Context, s api.Service, c *call) (any, error) {
		to, err := asked(c.query, "to", 1<<53-1)
		if err != nil {
			return nil, refusedHere{err}
		}
		from, err := asked(c.query, "from", to)
		if err != nil {
			return nil, refusedHere{err}
		}
		return s.Consistency(ctx, c.caller, from, to)
	},
	api.OpOpenAPI: func(context.Context, api.Service, *call) (any, error) {
		return json.RawMessage(api.OpenAPI), nil
	},
}

// parseWant reads the body of a want: one JSON object with one member, in its
// one spelling.
func parseWant(body []byte) (api.Want, error) {
	var w struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &w); err != nil {
		return api.Want{}, malformed("a want is not a JSON object")
	}
	hash, err := signed.ParseHash(w.Message)
	if err != nil {
		return api.Want{}, malformed("message: %v", err)
	}
	want := api.Want{Message: hash}
	if again, err := json.Marshal(want); err != nil || string(again) != string(body) {
		return api.Want{}, malformed("a want is not in its one spelling")
	}
	return want, nil
}
