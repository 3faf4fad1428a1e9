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

// A Page says which part of progress is asked for.
type Page struct {
	After Cursor        // zero for the beginning
	Wait  time.Duration // how long to wait when there is nothing: whole seconds, at most MaxWait
	Limit int           // items wanted: 1 to MaxLimit
	Bytes int           // of them, and apart from these of the register's entries beside them; one of each comes at least; zero is MaxPage
}

// An Ask is what the caller asks its inbox for.
type Ask struct {
	Held  Held          // what it has taken in and has said no proven word of: not shown again
	Wait  time.Duration // as of a Page
	Limit int           // as of a Page
	Bytes int           // as of a Page, of the envelopes
	Part  Part
}

// A Part of an inbox is listed alone, so that no short message waits behind a large one:
// the large part goes by a connection of its own. "" is the whole.
type Part string

// The parts of an inbox.
const (
	Small Part = "small" // envelopes of at most MaxSmall bytes; of the others the hashes come
	Large Part = "large" // the others
)

// Has reports whether an envelope of a size is in the part.
func (p Part) Has(size int64) bool { return p == "" || (p == Large) == (size > MaxSmall) }

// InboxAnswer answers Inbox. The next page is asked for by what the caller has taken in:
// there is no cursor.
type InboxAnswer struct {
	Items   []InboxItem `json:"items,omitempty"`
	Large   Held        `json:"large,omitempty"`  // of the small part: what waits in the large one, at most as many as Limit says
	Shared  bool        `json:"shared,omitempty"` // two programs use the caller's online ring (SPEC §11.6)
	Catchup Catchup     `json:"catchup"`
}

// An InboxItem is one message to the caller.
type InboxItem struct {
	Envelope   []byte       `json:"envelope"`
	Acceptance string       `json:"acceptance"`          // proof
	Consigned  *LoggedEvent `json:"consigned,omitempty"` // the caller's own consignment, if it stands

	// From the envelope's own as-of to the catchup's checkpoint.
	Consistency Hashes `json:"consistency,omitempty"`
}

// ProgressAnswer answers Progress.
type ProgressAnswer struct {
	Items   []ProgressItem `json:"items,omitempty"`
	Next    Cursor         `json:"next"`
	Again   []Again        `json:"again,omitempty"`  // whose bytes the caller is to send once more, unchanged
	Shared  bool           `json:"shared,omitempty"` // as in InboxAnswer
	Catchup Catchup        `json:"catchup"`
}

// A ProgressItem is one event of a message that the caller sent, one word in the caller's
// own name about a message that it received, or what it said itself that it erased.
type ProgressItem struct {
	Cursor   Cursor         `json:"cursor"`
	ID       signed.ID      `json:"id,omitzero"`       // none of the caller's own list of erasures
	Sender   signed.Address `json:"sender"`            // of the message; of a list of erasures, the caller
	Message  signed.Hash    `json:"message,omitzero"`  // none as above, and if an id was withdrawn before it was accepted
	Accepted Cursor         `json:"accepted,omitzero"` // past the leaf of its acceptance; none as for Message
	LoggedEvent
}

// Again names a message whose bytes are wanted again.
type Again struct {
	ID      signed.ID   `json:"id"`
	Message signed.Hash `json:"message"`
}

var inbox = Route{
	Operation: "inbox", Method: http.MethodPost, Path: "/v1/inbox", Request: JSONType, MaxBody: maxInbox,
	Query: askQuery, Polls: true, Paged: true, Answer: InboxAnswer{},
	Read: func(c *Call) (Action, error) {
		ask, err := parseAsk(c.Query, c.Body)
		return func(ctx context.Context, s Service) (any, error) { return s.Inbox(ctx, c.Caller, c.Heads, ask) }, err
	},
}

// Inbox asks for what is addressed to the desk and waits for it.
func (c *Client) Inbox(ctx context.Context, heads Heads, ask Ask) (*InboxAnswer, error) {
	body, err := json.Marshal(inboxBody{ask.Held})
	if err != nil {
		return nil, err
	}
	query := pace(url.Values{}, ask.Wait, ask.Limit, ask.Bytes)
	if ask.Part != "" {
		query.Set("part", string(ask.Part))
	}
	return call[InboxAnswer](ctx, c, request{route: &inbox, heads: heads, query: query, body: body, wait: ask.Wait, large: ask.Part == Large})
}

// An inboxBody is the body of an inbox call.
type inboxBody struct {
	Held Held `json:"held,omitempty"`
}

// parseAsk reads an inbox call. Its body is one JSON object with at most one member, in
// its one spelling.
func parseAsk(query url.Values, body []byte) (a Ask, err error) {
	if a.Wait, a.Limit, a.Bytes, err = parsePace(query); err != nil {
		return Ask{}, err
	}
	a.Part = Part(query.Get("part"))
	if query.Has("part") && a.Part != Small && a.Part != Large {
		return Ask{}, malformed("part is neither %s nor %s", Small, Large)
	}
	var b struct {
		Held string `json:"held"`
	}
	if err := json.Unmarshal(body, &b); err != nil {
		return Ask{}, malformed("what is held is not in a JSON object")
	}
	if err := a.Held.UnmarshalText([]byte(b.Held)); err != nil {
		return Ask{}, malformed("held: %v", err)
	}
	if again, err := json.Marshal(inboxBody{a.Held}); err != nil || string(again) != string(body) {
		return Ask{}, malformed("what is held is not in its one spelling")
	}
	return a, nil
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
	return call[ProgressAnswer](ctx, c, request{route: &progress, heads: heads, query: page.query(), wait: page.Wait})
}

var (
	askQuery  = []string{"wait", "limit", "bytes", "part"}
	pageQuery = []string{"after", "wait", "limit", "bytes"}
)

func (p Page) query() url.Values {
	return pace(url.Values{"after": {p.After.String()}}, p.Wait, p.Limit, p.Bytes)
}

func parsePage(query url.Values) (p Page, err error) {
	if p.After, err = ParseCursor(query.Get("after")); err != nil {
		return Page{}, malformed("after: %v", err)
	}
	p.Wait, p.Limit, p.Bytes, err = parsePace(query)
	return p, err
}

// pace adds to a query how long to wait, for how many items, and how many bytes.
func pace(q url.Values, wait time.Duration, limit, bytes int) url.Values {
	for name, n := range map[string]int{"wait": int(wait / time.Second), "limit": limit, "bytes": bytes} {
		if n > 0 {
			q.Set(name, strconv.Itoa(n))
		}
	}
	return q
}

func parsePace(query url.Values) (wait time.Duration, limit, bytes int, err error) {
	seconds, err := number(query, "wait", 0, int64(MaxWait/time.Second), 0)
	if err != nil {
		return 0, 0, 0, err
	}
	items, err := number(query, "limit", 1, MaxLimit, DefaultLimit)
	if err != nil {
		return 0, 0, 0, err
	}
	bytes, err = parseBytes(query)
	return time.Duration(seconds) * time.Second, int(items), bytes, err
}

func parseBytes(query url.Values) (int, error) {
	n, err := number(query, "bytes", 1, MaxPage, MaxPage)
	return int(n), err
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
		_, err = call[struct{}](ctx, c, request{route: &want, heads: heads, body: body})
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
