package api

import "net/http"

// An Operation names one call of the contract.
type Operation string

const (
	OpSubmit      Operation = "submit"
	OpState       Operation = "state"
	OpInbox       Operation = "inbox"
	OpProgress    Operation = "progress"
	OpWant        Operation = "want"
	OpShow        Operation = "show"
	OpRegister    Operation = "register"
	OpConsistency Operation = "consistency"
	OpOpenAPI     Operation = "openapi"
)

// A Route is one row of the contract.
type Route struct {
	Operation Operation
	Method    string
	Path      string
	Request   string   // media type of the body; "" for none
	MaxBody   int64    // bytes of the body
	Query     []string // names of query parameters
}

// Pattern is the route as http.ServeMux and metrics name it.
func (r Route) Pattern() string { return r.Method + " " + r.Path }

// Routes is the whole contract; openapi.json says the same.
var Routes = []Route{
	{OpSubmit, http.MethodPost, "/v1/envelopes", EnvelopesType, MaxSequence, nil},
	{OpState, http.MethodPost, "/v1/statements", StatementsType, MaxSequence, nil},
	{OpInbox, http.MethodGet, "/v1/inbox", "", 0, []string{"after", "wait", "limit"}},
	{OpProgress, http.MethodGet, "/v1/progress", "", 0, []string{"after", "wait", "limit"}},
	{OpWant, http.MethodPost, "/v1/want", JSONType, maxWant, nil},
	{OpShow, http.MethodPost, "/v1/checkpoint", checkpointType, MaxCheckpoint, nil},
	{OpRegister, http.MethodGet, "/v1/register", "", 0, []string{"from", "limit"}},
	{OpConsistency, http.MethodGet, "/v1/consistency", "", 0, []string{"from", "to"}},
	{OpOpenAPI, http.MethodGet, "/v1/openapi.json", "", 0, nil},
}

// RouteOf returns the row of an operation.
func RouteOf(op Operation) Route {
	for _, r := range Routes {
		if r.Operation == op {
			return r
		}
	}
	panic("api: operation not in Routes: " + string(op))
}
