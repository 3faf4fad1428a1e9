package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"samband/gateway/signed"
)

// Of answers, a list that is empty is left out in JSON.

// A Page says which part of a feed is asked for.
type Page struct {
	After Cursor        // zero for the beginning
	Wait  time.Duration // how long to wait when there is nothing: whole seconds, at most MaxWait
	Limit int           // items wanted: 1 to MaxLimit
}

// A FeedAnswer is a page of a feed.
type FeedAnswer[Item, Lost any] struct {
	Items   []Item  `json:"items,omitempty"`
	Next    Cursor  `json:"next"`
	Again   []Lost  `json:"again,omitempty"`  // whose bytes the sender is to send once more, unchanged
	Shared  bool    `json:"shared,omitempty"` // two programs use the caller's online ring (SPEC §11.5)
	Catchup Catchup `json:"catchup"`
}

// InboxAnswer answers Inbox. Again is what was accepted for the caller and lost.
type InboxAnswer = FeedAnswer[InboxItem, signed.Hash]

// An InboxItem is one message to the caller.
type InboxItem struct {
	Cursor     Cursor       `json:"cursor"`
	Envelope   []byte       `json:"envelope"`
	Acceptance string       `json:"acceptance"`          // proof
	Consigned  *LoggedEvent `json:"consigned,omitempty"` // the caller's own consignment, if it stands

	// From the envelope's own as-of to the catchup's checkpoint.
	Consistency Hashes `json:"consistency,omitempty"`
}

// ProgressAnswer answers Progress. Again is what the caller is to send again.
type ProgressAnswer = FeedAnswer[ProgressItem, Again]

// A ProgressItem is one event of a message that the caller sent.
type ProgressItem struct {
	Cursor  Cursor      `json:"cursor"`
	ID      signed.ID   `json:"id"`
	Message signed.Hash `json:"message,omitzero"` // none if an id was withdrawn before it was accepted
	LoggedEvent
}

// Again names a message whose bytes are wanted again.
type Again struct {
	ID      signed.ID   `json:"id"`
	Message signed.Hash `json:"message"`
}

var inbox = Route{
	Operation: "inbox", Method: http.MethodGet, Path: "/v1/inbox",
	Query: pageQuery, Polls: true, Paged: true, Answer: InboxAnswer{},
	Read: func(c *Call) (Action, error) {
		page, err := parsePage(c.Query)
		return func(ctx context.Context, s Service) (any, error) { return s.Inbox(ctx, c.Caller, c.Heads, page) }, err
	},
}

// Inbox follows the feed of what is addressed to the desk.
func (c *Client) Inbox(ctx context.Context, heads Heads, page Page) (*InboxAnswer, error) {
	return call[InboxAnswer](ctx, c, &inbox, heads, page.query(), nil, page.Wait)
}

var progress = Route{
	Operation: "progress", Method: http.MethodGet, Path: "/v1/progress",
	Query: pageQuery, Polls: true, Paged: true, Answer: ProgressAnswer{},
	Read: func(c *Call) (Action, error) {
		page, err := parsePage(c.Query)
		return func(ctx context.Context, s Service) (any, error) { return s.Progress(ctx, c.Caller, c.Heads, page) }, err
	},
}

// Progress follows the feed of what became of what the desk sent.
func (c *Client) Progress(ctx context.Context, heads Heads, page Page) (*ProgressAnswer, error) {
	return call[ProgressAnswer](ctx, c, &progress, heads, page.query(), nil, page.Wait)
}

var pageQuery = []string{"after", "wait", "limit"}

func (p Page) query() url.Values {
	q := url.Values{"after": {p.After.String()}}
	if p.Wait > 0 {
		q.Set("wait", strconv.Itoa(int(p.Wait/time.Second)))
	}
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	return q
}

func parsePage(query url.Values) (p Page, err error) {
	if p.After, err = ParseCursor(query.Get("after")); err != nil {
		return Page{}, malformed("after: %v", err)
	}
	wait, err := number(query, "wait", 0, int64(MaxWait/time.Second), 0)
	if err != nil {
		return Page{}, err
	}
	limit, err := number(query, "limit", 1, MaxLimit, DefaultLimit)
	if err != nil {
		return Page{}, err
	}
	p.Wait, p.Limit = time.Duration(wait)*time.Second, int(limit)
	return p, nil
}

// A Want is the body of a want.
type Want struct {
	Message signed.Hash `json:"message"`
}

var want = Route{
	Operation: "want", Method: http.MethodPost, Path: "/v1/want", Request: JSONType, MaxBody: maxWant,
	Read: func(c *Call) (Action, error) {
		want, err := parseWant(c.Body)
		return func(ctx context.Context, s Service) (any, error) { return nil, s.Want(ctx, c.Caller, c.Heads, want) }, err
	},
}

// Want asks for the bytes of a message again.
func (c *Client) Want(ctx context.Context, heads Heads, w Want) error {
	body, err := json.Marshal(w)
	if err == nil {
		_, err = call[struct{}](ctx, c, &want, heads, nil, body, 0)
	}
	return err
}

// parseWant reads the body of a want: one JSON object with one member, in its one
// spelling.
func parseWant(body []byte) (Want, error) {
	var w struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(body, &w); err != nil {
		return Want{}, malformed("a want is not a JSON object")
	}
	hash, err := signed.ParseHash(w.Message)
	if err != nil {
		return Want{}, malformed("message: %v", err)
	}
	want := Want{Message: hash}
	if again, err := json.Marshal(want); err != nil || string(again) != string(body) {
		return Want{}, malformed("a want is not in its one spelling")
	}
	return want, nil
}
