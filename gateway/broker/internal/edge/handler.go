package edge

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/durable"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// handler serves each row of the contract, and answers NOT_FOUND to all else. The path
// counts as it was sent: no multiplexer cleans or redirects it, and none answers by
// itself what the contract does not have.
func (e *Edge) handler() http.Handler {
	routes := map[*api.Route]http.Handler{}
	for n := range api.Routes {
		routes[&api.Routes[n]] = e.route(&api.Routes[n], api.Routes[n].Pattern())
	}
	other := e.route(&api.Route{Read: func(*api.Call) (api.Action, error) {
		return nil, problem.New(problem.NotFound, "the contract has no such path and method")
	}}, "other")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		route, hash := api.Find(r.Method, path)
		if route == nil {
			other.ServeHTTP(w, r)
			return
		}
		r.SetPathValue(api.HashName, hash)
		routes[route].ServeHTTP(w, r)
	})
}

// route serves one row: it measures under a name, and it answers.
func (e *Edge) route(route *api.Route, name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		from := connOf(r.Context())
		e.metrics.lastSeen.WithLabelValues(string(from.caller)).SetToCurrentTime()
		var answer any
		underway, err := e.enter(from, route)
		if err == nil {
			// What it takes is given back when the answer is written: that lies in memory
			// as long as its caller takes to read it.
			defer underway.leave()
			if answer, err = e.pass(w, r, route, underway); err == nil {
				e.tell(from.caller, answer)
			}
		}
		status := e.answer(w, route, from.caller, answer, err)
		e.metrics.observe(name, status, time.Since(began))
	})
}

// enter lets a caller begin a request, and takes a slot for it.
func (e *Edge) enter(from *conn, route *api.Route) (*underway, error) {
	if err := e.admit(from); err != nil {
		return nil, err
	}
	return e.desks.enter(from, route)
}

// pass lets a request that has its slot through the edge's other checks, in the
// order that the package comment gives, and on to the service.
func (e *Edge) pass(w http.ResponseWriter, r *http.Request, route *api.Route, underway *underway) (any, error) {
	from := underway.conn
	c, err := readCall(w, r, route, underway)
	var act api.Action
	if err == nil {
		act, err = route.Read(c)
	}
	if err != nil {
		return nil, e.withinBudget(route, from.caller, err)
	}
	if !c.Clock.IsZero() {
		e.cfg.Told(from.caller, c.Clock)
	}
	ctx, cancel := e.bound(r.Context(), route)
	defer cancel()
	if !route.Polls || !c.Waits() {
		answer, err := e.act(ctx, act)
		if err == nil {
			e.countItems(from.caller, answer)
		}
		if err == nil && route.Shows {
			e.leaves(from.show(c.Body))
		}
		return answer, err
	}
	return e.poll(ctx, act, underway, route)
}

// tell tells a desk in the answers of its feeds that two programs use its online ring:
// who has shown the locked ring loses no poll by which it would know.
func (e *Edge) tell(caller signed.Address, answer any) {
	switch a := answer.(type) {
	case *api.InboxAnswer:
		a.Shared = e.desks.shared(caller)
	case *api.ProgressAnswer:
		a.Shared = e.desks.shared(caller)
	}
}

// poll waits for a feed, until there is something, a newer poll takes its place, or its
// time ends.
func (e *Edge) poll(ctx context.Context, act api.Action, underway *underway, route *api.Route) (any, error) {
	ctx, yield := context.WithCancelCause(ctx)
	defer yield(nil)
	if err := underway.wait(route.Operation, yield); err != nil {
		return nil, err
	}
	answer, err := e.act(ctx, act)
	underway.waited()
	if err := e.admit(underway.conn); err != nil { // since it began to wait
		return nil, err
	}
	if p, ok := problem.Of(context.Cause(ctx)); ok && err != nil {
		return nil, p
	}
	return answer, err
}

// admit refuses a caller that may have been let in once and is no more.
func (e *Edge) admit(from *conn) error {
	if e.cfg.Barred(from.caller) {
		return e.counted(from.caller, barred(from.caller))
	}
	if err := from.still(); err != nil {
		return e.counted(from.caller, err)
	}
	for _, other := range e.desks.marked(from.caller) {
		other.still() // what it has shown counts while the ring is in force
	}
	return nil
}

func barred(desk signed.Address) error {
	return problem.New(problem.DeskBarred, "the online ring of %s is revoked", desk)
}

// counted is a refusal of the edge's own. A final one has no entry in the log: it is
// counted for the log's sums.
func (e *Edge) counted(caller signed.Address, err error) error {
	if p, _ := problem.Of(err); p.Class() == problem.Final {
		e.cfg.Quota.Refused(caller)
	}
	return err
}

// withinBudget is the edge's own refusal of a call. A final one of a sequence takes from
// the caller's budget: without any left, the caller comes again.
func (e *Edge) withinBudget(route *api.Route, caller signed.Address, err error) error {
	if p, _ := problem.Of(err); route.Sequence && p.Class() == problem.Final {
		if exhausted := e.cfg.Quota.Refuse(caller, quota.Online); exhausted != nil {
			return exhausted
		}
		return err
	}
	return e.counted(caller, err)
}

// countItems counts the items that an answer refuses.
func (e *Edge) countItems(caller signed.Address, answer any) {
	count := func(d *api.Document) {
		if d != nil {
			e.metrics.rejections.WithLabelValues(string(caller), string(d.Code)).Inc()
		}
	}
	switch a := answer.(type) {
	case *api.SubmitAnswer:
		for i := range a.Items {
			count(a.Items[i].Problem)
		}
	case *api.StateAnswer:
		for i := range a.Items {
			count(a.Items[i].Problem)
		}
	case *api.EnterAnswer:
		for i := range a.Items {
			count(a.Items[i].Problem)
		}
	}
}

// bound gives a call its time. A long poll also ends when the edge stops.
func (e *Edge) bound(ctx context.Context, route *api.Route) (context.Context, context.CancelFunc) {
	if !route.Polls {
		return context.WithTimeout(ctx, serviceTimeout)
	}
	ctx, cancel := context.WithTimeout(ctx, api.MaxWait+serviceTimeout)
	stop := context.AfterFunc(e.polls, cancel)
	return ctx, func() { stop(); cancel() }
}

// act calls the service; a panic of it is a fault like any other.
func (e *Edge) act(ctx context.Context, act api.Action) (answer any, err error) {
	defer func() {
		if v := recover(); v != nil {
			// The value may quote what the caller sent; its type can't.
			answer, err = nil, fmt.Errorf("panic with a %T:\n%s", v, debug.Stack())
		}
	}()
	return act(ctx, e.cfg.Service)
}

// answer writes an answer or a problem, and returns the status.
func (e *Edge) answer(w http.ResponseWriter, route *api.Route, caller signed.Address, answer any, err error) int {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set(api.ClockHeader, e.cfg.Logged().String())
	if err == nil && answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return http.StatusNoContent
	}
	if bundle, ok := answer.(api.Bundle); ok && err == nil {
		return e.write(w, http.StatusOK, route.AnswerType, bundle)
	}
	var body []byte
	if err == nil {
		body, err = encode(answer)
	}
	if err == nil {
		return e.write(w, http.StatusOK, api.JSONType, body)
	}
	return e.writeRefusal(w, e.refusal(route, caller, err))
}

// writeRefusal writes a problem, and returns the status.
func (e *Edge) writeRefusal(w http.ResponseWriter, refusal *api.Refusal) int {
	row := refusal.Problem.Code.Row()
	body, err := encode(refusal.Document())
	if err != nil {
		body, _ = json.Marshal((&api.Refusal{Problem: refusal.Problem}).Document())
	}
	if row.Code == problem.CertificateRefused || row.Code == problem.DeskBarred {
		w.Header().Set("Connection", "close") // a renewed certificate comes by a new one
	}
	if pause := cmp.Or(refusal.RetryAfter, row.Pause); pause > 0 {
		w.Header().Set("Retry-After", api.FormatRetryAfter(pause))
	}
	return e.write(w, row.Status, api.ProblemType, body)
}

// refusal makes the refusal of an error, and counts it.
func (e *Edge) refusal(route *api.Route, caller signed.Address, err error) *api.Refusal {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		err = problem.New(problem.BrokerBusy, "the call was not answered in time")
	}
	if durable.NoRoom(err) {
		err = problem.New(problem.StoreFull, "the broker's disk takes no writes")
	}
	refusal := api.RefusalOf(err)
	code := refusal.Problem.Code
	e.metrics.rejections.WithLabelValues(string(caller), string(code)).Inc()
	if code == problem.Internal {
		refusal = e.fault(route, caller, err)
	}
	return refusal
}

// fault logs a fault of ours under a new name and answers with the name alone.
func (e *Edge) fault(route *api.Route, caller signed.Address, err error) *api.Refusal {
	request := rand.Text()[:12]
	e.cfg.Log.Error("request failed", "request", request, "operation", route.Operation, "desk", caller, "error", err)
	return &api.Refusal{Problem: problem.New(problem.Internal, "the broker has a fault; its log names it %s", request), Request: request}
}

// encode writes an answer within the contract's bound.
func encode(answer any) ([]byte, error) {
	body, err := json.Marshal(answer)
	if err != nil {
		return nil, fmt.Errorf("write answer: %w", err)
	}
	if len(body) > api.MaxAnswer {
		return nil, fmt.Errorf("an answer of %d bytes passes the bound of %d", len(body), api.MaxAnswer)
	}
	return body, nil
}

// part is how many bytes of an answer are written at once.
const part = 32 << 10

// write sends a whole answer; a caller that left gets none, and asks again. So does one
// that reads too slowly: the answer lies in memory until then.
func (e *Edge) write(w http.ResponseWriter, status int, mediaType string, body []byte) int {
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	spell := api.NewSpell(e.desks.moving, func() { http.NewResponseController(w).SetWriteDeadline(time.Now()) })
	defer spell.Stop()
	for len(body) > 0 {
		n, err := w.Write(body[:min(part, len(body))])
		if err != nil {
			break
		}
		spell.Moved(n)
		body = body[n:]
	}
	return status
}
