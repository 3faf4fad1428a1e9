package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Route is one call of the contract, as it crosses the wire. What is special to a
// call stands in its Route and its Client method, here, and in the Service's method.
type Route struct {
	Operation string
	Method    string
	Path      string
	Query     []string // names of query parameters
	Request   string   // media type of the body; "" for none
	MaxBody   int64    // bytes of the body
	Answer    any      // a zero one; nil: an answer without content

	Sequence bool // the body is a sequence, and its final refusals take a budget
	Polls    bool // it may wait for something to happen
	Paged    bool // its answers are pages, of megabytes each

	// Read reads a call in its bounds, and returns what a Service is to do. Its error
	// is a *problem.Problem.
	Read func(*Call) (Action, error)
}

// A Call is a request within the bounds of its Route.
type Call struct {
	Caller signed.Address
	Heads  Heads
	Query  url.Values // each name of the Route at most once, and no other
	Body   []byte
	Budget Budget // of a sequence
}

// An Action hands a call to a Service. A nil answer is one without content.
type Action func(context.Context, Service) (any, error)

// Pattern is the route as http.ServeMux and metrics name it.
func (r Route) Pattern() string { return r.Method + " " + r.Path }

// Routes is the whole contract; openapi.json says the same.
var Routes = []Route{submit, state, inbox, progress, want, show, registerPage, consistency, openapi}

var submit = Route{
	Operation: "submit", Method: http.MethodPost, Path: "/v1/envelopes",
	Request: EnvelopesType, MaxBody: MaxSequence, Sequence: true, Answer: SubmitAnswer{},
	Read: func(c *Call) (Action, error) {
		items, err := CutSequence(c.Body)
		return func(ctx context.Context, s Service) (any, error) {
			return s.Submit(ctx, c.Caller, c.Heads, items, c.Budget)
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
			return s.State(ctx, c.Caller, c.Heads, items, c.Budget)
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
	answer, err := call[ItemsAnswer[I]](ctx, c, route, heads, nil, sequence(sent), 0)
	if err != nil {
		return nil, err
	}
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

var show = Route{
	Operation: "show", Method: http.MethodPost, Path: "/v1/checkpoint", Request: checkpointType, MaxBody: MaxCheckpoint,
	Read: func(c *Call) (Action, error) {
		return func(ctx context.Context, s Service) (any, error) { return nil, s.Show(ctx, c.Caller, c.Body) }, nil
	},
}

// Show shows the broker a checkpoint that its logs should reach.
func (c *Client) Show(ctx context.Context, checkpoint []byte) error {
	_, err := call[struct{}](ctx, c, &show, Heads{}, nil, checkpoint, 0)
	return err
}

var registerPage = Route{
	Operation: "register", Method: http.MethodGet, Path: "/v1/register",
	Query: []string{"from", "limit"}, Paged: true, Answer: RegisterAnswer{},
	Read: func(c *Call) (Action, error) {
		from, err := number(c.Query, "from", 0, maxSize, 0)
		if err != nil {
			return nil, err
		}
		limit, err := number(c.Query, "limit", 1, MaxEntries, MaxEntries)
		return func(ctx context.Context, s Service) (any, error) {
			return s.Register(ctx, c.Caller, c.Heads, from, int(limit))
		}, err
	},
}

// Register lists at most limit entries of the register from an index on.
func (c *Client) Register(ctx context.Context, heads Heads, from int64, limit int) (*RegisterAnswer, error) {
	query := url.Values{"from": {signed.FormatInt(from)}, "limit": {strconv.Itoa(limit)}}
	return call[RegisterAnswer](ctx, c, &registerPage, heads, query, nil, 0)
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
	return call[ConsistencyAnswer](ctx, c, &consistency, Heads{}, query, nil, 0)
}

var openapi = Route{
	Operation: "openapi", Method: http.MethodGet, Path: "/v1/openapi.json", Answer: json.RawMessage(nil),
	Read: func(*Call) (Action, error) {
		return func(context.Context, Service) (any, error) { return json.RawMessage(OpenAPI), nil }, nil
	},
}

// maxSize bounds a log's size: what every JSON reader keeps exactly.
const maxSize = 1<<53 - 1

// number reads a query's number within bounds, or takes the default.
func number(query url.Values, name string, low, high, otherwise int64) (int64, error) {
	if !query.Has(name) {
		return otherwise, nil
	}
	n, err := signed.ParseInt(query.Get(name))
	if err != nil || n < low || n > high {
		return 0, malformed("%s is not a number from %d to %d", name, low, high)
	}
	return n, nil
}

// required reads a number that the query must have, from 0 on.
func required(query url.Values, name string, high int64) (int64, error) {
	if !query.Has(name) {
		return 0, malformed("the query does not say %s", name)
	}
	return number(query, name, 0, high, 0)
}

func malformed(format string, args ...any) error {
	return problem.New(problem.TextMalformed, format, args...)
}
