package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A Route is one call of the contract, as it crosses the wire. Its row, the types of
// its answer and its Client method stand side by side, in items.go, enter.go, feeds.go,
// logs.go or catalogue.go; the broker's side of it is a method of the [Service].
type Route struct {
	Operation string
	Method    string
	Path      string   // it may end with hashInPath
	Query     []string // names of query parameters
	Request   string   // media type of the body; "" for none
	MaxBody   int64    // bytes of the body
	Answer    any      // a zero one; nil: an answer without content

	AnswerType string // media type of an answer that is no JSON, and crosses the wire as it is

	Sequence bool // the body is a sequence, and its final refusals take a budget
	Polls    bool // it may wait for something to happen
	Paged    bool // its answers are pages, of megabytes each
	Shows    bool // its success shows the locked ring on the connection

	// Read reads a call in its bounds, and returns what a Service is to do. Its error
	// is a *problem.Problem.
	Read func(*Call) (Action, error)
}

// HashName is how a path calls the hash that it ends with, and hashInPath how
// openapi.json writes that.
const (
	HashName   = "hash"
	hashInPath = "{" + HashName + "}"
)

// A Call is a request within the bounds of its Route.
type Call struct {
	Caller   signed.Address
	Exporter signed.Hash // of the connection that it came by
	Heads    Heads
	Clock    signed.Time // by the caller's clock; zero: it did not say
	Hash     string      // at the end of the path
	Query    url.Values  // each name of the Route at most once, and no other
	Body     []byte
}

// Waits tells whether a call of a feed is to wait while there is nothing.
func (c *Call) Waits() bool {
	wait := c.Query.Get("wait")
	return wait != "" && wait != "0"
}

// An Action hands a call to a Service. A nil answer is one without content.
type Action func(context.Context, Service) (any, error)

// Pattern is the route as metrics name it.
func (r Route) Pattern() string { return r.Method + " " + r.Path }

// Find returns the route of a method and of a path as it was sent, and what stands in
// the place of the hash that its path ends with; nil when the contract has none.
// Nothing is cleaned, unescaped or redirected: another spelling is another path.
func Find(method, path string) (route *Route, hash string) {
	for n := range Routes {
		route = &Routes[n]
		if route.Method != method {
			continue
		}
		before, ends := strings.CutSuffix(route.Path, hashInPath)
		if !ends && path == route.Path {
			return route, ""
		}
		if hash, under := strings.CutPrefix(path, before); ends && under && hash != "" && !strings.Contains(hash, "/") {
			return route, hash
		}
	}
	return nil, ""
}

// Routes is the whole contract; openapi.json says the same.
var Routes = []Route{submit, state, inbox, progress, want, show, ring, enter, registerPage, consistency, catalogue, openapi}

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
