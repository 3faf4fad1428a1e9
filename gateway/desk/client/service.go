package client

import (
	"context"
	"net/http"
	"time"

	"samband/gateway/local"
	"samband/gateway/signed"
	"samband/schema"
)

// A Service is what officers and case-management systems ask of a desk. A
// *desk.Desk answers itself; a *Client asks the process that serves one. Refusals
// wrap a *problem.Problem; its class says whether to try again.
type Service interface {
	// Status tells how the desk stands.
	Status(ctx context.Context) (*Status, error)
	// Unlock opens the locked ring; a wrong passphrase is DESK_LOCKED.
	Unlock(ctx context.Context, passphrase []byte) error
	// Lock forgets the locked ring.
	Lock(ctx context.Context) error
	// Explain tells who would get a draft and what blocks it; nothing is sent.
	Explain(ctx context.Context, draft Draft) (*Explanation, error)
	// Send seals a draft and queues it, durably.
	Send(ctx context.Context, draft Draft) (*Sending, error)
	// Answer sends a reply to a received message.
	Answer(ctx context.Context, to Ref, draft Draft) (*Sending, error)
	// Withdraw takes a message back that nobody has consigned.
	Withdraw(ctx context.Context, id signed.ID) (*OutboxItem, error)
	// Outbox lists what the desk sends, the newest first.
	Outbox(ctx context.Context, q Query) ([]OutboxItem, error)
	// Inbox lists what the desk received, the newest first.
	Inbox(ctx context.Context, q Query) ([]InboxItem, error)
	// Read opens one message, sent or received, with its attachments.
	Read(ctx context.Context, message Ref) (*Message, error)
	// Declare says how the desk reaches what a received request asks for.
	Declare(ctx context.Context, request Ref, access schema.Access) (*InboxItem, error)
	// Erase destroys the key of a message that has ended.
	Erase(ctx context.Context, message Ref) error
	// Verify proves again what the desk has: of one message, or of all for the
	// zero Ref.
	Verify(ctx context.Context, message Ref) (*Verification, error)
	// Log lists the desk's own log, the newest first.
	Log(ctx context.Context, q Query) ([]LogEntry, error)
	// Wait returns once what is watched for has happened, or when ctx ends, which
	// is no error.
	Wait(ctx context.Context, w Watch) (*Seen, error)
}

// Await looks at a desk now and after each change, until done is true or ctx ends,
// whose error it then returns.
func Await(ctx context.Context, s Service, done func() (bool, error)) error {
	for w := (Watch{}); ; {
		seen, err := s.Wait(ctx, w)
		if err != nil {
			return err
		}
		if ok, err := done(); ok || err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		w.After = seen.Changes
	}
}

// DefaultLimit is how many items a listing has unless its Query says otherwise.
const DefaultLimit = 100

// maxWait bounds a wait on the socket, so that connections of the dead don't pile
// up. A Client asks again.
const maxWait = Duration(time.Minute)

// What calls take and answer whose method has another signature.
type (
	unlockCall struct {
		Passphrase []byte `json:"passphrase"`
	}
	answerCall struct {
		Ref
		Draft Draft `json:"draft"`
	}
	withdrawCall struct {
		ID signed.ID `json:"id"`
	}
	declareCall struct {
		Ref
		Access schema.Access `json:"access"`
	}
	waitCall struct {
		Watch
		For Duration `json:"for,omitempty"`
	}
	none struct{}
)

// calls is the local contract; openapi.json says the same.
var calls = []call{
	of("status", func(s Service, ctx context.Context, _ none) (*Status, error) { return s.Status(ctx) }),
	of("unlock", func(s Service, ctx context.Context, in unlockCall) (none, error) {
		defer clear(in.Passphrase)
		return none{}, s.Unlock(ctx, in.Passphrase)
	}),
	of("lock", func(s Service, ctx context.Context, _ none) (none, error) { return none{}, s.Lock(ctx) }),
	of("explain", Service.Explain),
	of("send", Service.Send),
	of("answer", func(s Service, ctx context.Context, in answerCall) (*Sending, error) {
		return s.Answer(ctx, in.Ref, in.Draft)
	}),
	of("withdraw", func(s Service, ctx context.Context, in withdrawCall) (*OutboxItem, error) {
		return s.Withdraw(ctx, in.ID)
	}),
	of("outbox", Service.Outbox),
	of("inbox", Service.Inbox),
	of("read", Service.Read),
	of("declare", func(s Service, ctx context.Context, in declareCall) (*InboxItem, error) {
		return s.Declare(ctx, in.Ref, in.Access)
	}),
	of("erase", func(s Service, ctx context.Context, in Ref) (none, error) { return none{}, s.Erase(ctx, in) }),
	of("verify", Service.Verify),
	of("log", Service.Log),
	of("wait", func(s Service, ctx context.Context, in waitCall) (*Seen, error) {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(min(in.For, maxWait)))
		defer cancel()
		return s.Wait(ctx, in.Watch)
	}),
}

// A call is one row of the contract.
type call struct {
	name    string
	in, out any
	handler func(Service) http.Handler
}

func of[In, Out any](name string, method func(Service, context.Context, In) (Out, error)) call {
	var in In
	var out Out
	return call{name, in, out, func(s Service) http.Handler {
		return local.Answer(func(ctx context.Context, in In) (Out, error) { return method(s, ctx, in) })
	}}
}

// Handler answers the contract's calls by a Service.
func Handler(s Service) http.Handler {
	mux := http.NewServeMux()
	for _, c := range calls {
		mux.Handle("POST /v1/"+c.name, c.handler(s))
	}
	return mux
}
