package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"samband/gateway/api"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// The local contract: POST, JSON in, JSON out, refusals as RFC 9457 documents.
// Only this machine's owner of the socket file speaks it.

// maxLocal bounds a local request: an envelope's worth, in base64, and more.
const maxLocal = 4 << 20

// maxWait bounds a local wait, so that connections of the dead don't pile up.
const maxWait = time.Minute

// What calls take besides a Draft or a Query.
type (
	unlockCall struct {
		Passphrase []byte `json:"passphrase"`
	}
	idCall struct {
		ID   signed.ID        `json:"id,omitzero"`
		From []signed.Address `json:"from,omitempty"`
	}
	answerCall struct {
		ID    signed.ID        `json:"id"`
		From  []signed.Address `json:"from,omitempty"`
		Draft Draft            `json:"draft"`
	}
	declareCall struct {
		ID     signed.ID        `json:"id"`
		From   []signed.Address `json:"from,omitempty"`
		Access schema.Access    `json:"access"`
	}
	waitCall struct {
		After int64         `json:"after"`
		For   time.Duration `json:"for"`
	}
	endedCall struct {
		ID  signed.ID     `json:"id"`
		For time.Duration `json:"for"`
	}
	waited struct {
		Changes int64 `json:"changes"`
	}
	none struct{}
)

// serveSocket answers on the local socket until ctx ends.
func serveSocket(ctx context.Context, ln net.Listener, s Service) error {
	server := &http.Server{
		Handler: handler(s), ReadHeaderTimeout: 5 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the local socket: %w", err)
	}
	return nil
}

func handler(s Service) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/status", local(func(ctx context.Context, _ none) (*Status, error) { return s.Status(ctx) }))
	mux.Handle("POST /v1/unlock", local(func(ctx context.Context, c unlockCall) (none, error) {
		defer clear(c.Passphrase)
		return none{}, s.Unlock(ctx, c.Passphrase)
	}))
	mux.Handle("POST /v1/lock", local(func(ctx context.Context, _ none) (none, error) { return none{}, s.Lock(ctx) }))
	mux.Handle("POST /v1/explain", local(s.Explain))
	mux.Handle("POST /v1/send", local(s.Send))
	mux.Handle("POST /v1/answer", local(func(ctx context.Context, c answerCall) (*Sending, error) {
		return s.Answer(ctx, c.ID, c.Draft, c.From...)
	}))
	mux.Handle("POST /v1/withdraw", local(func(ctx context.Context, c idCall) (*OutboxItem, error) {
		return s.Withdraw(ctx, c.ID)
	}))
	mux.Handle("POST /v1/outbox", local(s.Outbox))
	mux.Handle("POST /v1/inbox", local(s.Inbox))
	mux.Handle("POST /v1/read", local(func(ctx context.Context, c idCall) (*Message, error) {
		return s.Read(ctx, c.ID, c.From...)
	}))
	mux.Handle("POST /v1/declare", local(func(ctx context.Context, c declareCall) (*InboxItem, error) {
		return s.Declare(ctx, c.ID, c.Access, c.From...)
	}))
	mux.Handle("POST /v1/erase", local(func(ctx context.Context, c idCall) (none, error) {
		return none{}, s.Erase(ctx, c.ID, c.From...)
	}))
	mux.Handle("POST /v1/verify", local(func(ctx context.Context, c idCall) (*Verification, error) {
		return s.Verify(ctx, c.ID, c.From...)
	}))
	mux.Handle("POST /v1/log", local(s.Log))
	mux.Handle("POST /v1/ended", local(func(ctx context.Context, c endedCall) (*OutboxItem, error) {
		ctx, cancel := context.WithTimeout(ctx, min(c.For, maxWait))
		defer cancel()
		return s.Ended(ctx, c.ID)
	}))
	mux.Handle("POST /v1/wait", local(func(ctx context.Context, c waitCall) (waited, error) {
		ctx, cancel := context.WithTimeout(ctx, min(c.For, maxWait))
		defer cancel()
		n, err := s.Wait(ctx, c.After)
		return waited{n}, err
	}))
	return mux
}

// local makes a handler of a method: strict JSON in, JSON out.
func local[In, Out any](method func(context.Context, In) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in In
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLocal))
		if err != nil {
			refuse(w, problem.New(problem.Oversize, "a call passes the bound of %d bytes", maxLocal))
			return
		}
		if err := json.Unmarshal(b, &in); err != nil {
			refuse(w, problem.New(problem.BodyMalformed, "the call is not in its form"))
			return
		}
		out, err := method(r.Context(), in)
		if err != nil {
			refuse(w, err)
			return
		}
		w.Header().Set("Content-Type", api.JSONType)
		json.NewEncoder(w).Encode(out)
	})
}

func refuse(w http.ResponseWriter, err error) {
	r := api.RefusalOf(err)
	if _, ok := problem.Of(err); !ok { // a fault; its owner may read it, on his own machine
		r.Problem = problem.New(problem.Internal, "%v", err)
	}
	doc := r.Document()
	w.Header().Set("Content-Type", api.ProblemType)
	w.WriteHeader(doc.Status)
	json.NewEncoder(w).Encode(doc)
}
