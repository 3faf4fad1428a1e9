package edge

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"samband/gateway/api"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// maxQuery bounds a request's query, in bytes.
const maxQuery = 256

// readCall reads a request; a fault of its form is a Problem (SPEC §11.2). What of
// its body lies in memory counts as under way.
func readCall(w http.ResponseWriter, r *http.Request, route *api.Route, underway *underway) (*api.Call, error) {
	heads, err := parseHeads(r.Header)
	if err != nil {
		return nil, err
	}
	clock, err := parseClock(r.Header)
	if err != nil {
		return nil, err
	}
	query, err := parseQuery(r.URL.RawQuery, route.Query)
	if err != nil {
		return nil, err
	}
	body, err := readBody(w, r, route, underway)
	return &api.Call{Caller: underway.conn.caller, Exporter: underway.conn.exporter, Heads: heads, Clock: clock, Hash: r.PathValue(api.HashName), Query: query, Body: body}, err
}

// parseHeads reads the two headers by which a caller says how far it knows the
// logs. A header that is absent says zero.
func parseHeads(h http.Header) (heads api.Heads, err error) {
	for name, size := range map[string]*int64{api.AuditHeader: &heads.Audit, api.RegisterHeader: &heads.Register} {
		switch values := h.Values(name); len(values) {
		case 0:
		case 1:
			if *size, err = signed.ParseInt(values[0]); err != nil {
				return api.Heads{}, malformed("header %s is not the size of a log", name)
			}
		default:
			return api.Heads{}, malformed("header %s stands there twice", name)
		}
	}
	return heads, nil
}

// parseClock reads the header by which a caller tells the time by its own clock; zero
// where it is absent.
func parseClock(h http.Header) (at signed.Time, err error) {
	switch values := h.Values(api.ClockHeader); len(values) {
	case 0:
	case 1:
		if at, err = signed.ParseTime(values[0]); err != nil {
			return signed.Time{}, malformed("header %s is not a time", api.ClockHeader)
		}
	default:
		return signed.Time{}, malformed("header %s stands there twice", api.ClockHeader)
	}
	return at, nil
}

// parseQuery reads a query that has each of these names at most once, and no
// other.
func parseQuery(raw string, names []string) (url.Values, error) {
	if len(raw) > maxQuery {
		return nil, problem.New(problem.Oversize, "the query passes the bound of %d bytes", maxQuery)
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, malformed("the query is not well formed")
	}
	for name, values := range query {
		if !slices.Contains(names, name) {
			return nil, malformed("the query has a name that this call does not know")
		}
		if len(values) != 1 {
			return nil, malformed("the query has %s twice", name)
		}
	}
	return query, nil
}

// readBody reads a body of the route's media type within its bound.
func readBody(w http.ResponseWriter, r *http.Request, route *api.Route, underway *underway) ([]byte, error) {
	if route.Request == "" {
		return nil, nil
	}
	if m, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || m != route.Request {
		return nil, malformed("the media type is not %s", route.Request)
	}
	if r.ContentLength > route.MaxBody {
		return nil, oversize(route)
	}
	underway.body = http.MaxBytesReader(w, r.Body, route.MaxBody)
	b, err := io.ReadAll(underway)
	var tooLong *http.MaxBytesError
	_, refused := problem.Of(err)
	switch {
	case errors.As(err, &tooLong):
		return nil, oversize(route)
	case err != nil && !refused:
		// The caller broke off or was too slow: nothing is wrong with its bytes.
		return nil, problem.New(problem.BrokerBusy, "the body did not arrive whole")
	}
	return b, err
}

func oversize(route *api.Route) error {
	return problem.New(problem.Oversize, "the body passes the bound of %d bytes", route.MaxBody)
}

func malformed(format string, args ...any) error {
	return problem.New(problem.TextMalformed, format, args...)
}
