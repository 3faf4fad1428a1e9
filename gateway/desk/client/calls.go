package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"samband/gateway/local"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// DefaultLimit is how many items a listing has unless its Query says otherwise.
const DefaultLimit = 100

// maxWait bounds a wait on the socket, so that connections of the dead don't pile
// up. A Client asks again.
const maxWait = Duration(time.Minute)

// A call is one of the local contract: at one end what a Service does, at the other
// how a Client asks for it.
type call[In, Out any] struct {
	name string
	do   func(Service, context.Context, In) (Out, error)
}

func (k call[In, Out]) serve(to local.Calls, s Service) {
	to[k.name] = local.Answer(func(ctx context.Context, in In) (Out, error) { return k.do(s, ctx, in) })
}

func (k call[In, Out]) ask(ctx context.Context, c *Client, in In) (Out, error) {
	return local.Ask[Out](ctx, c.local, k.name, in)
}

// calls is the whole contract; openapi.json says the same.
var calls = []interface{ serve(local.Calls, Service) }{
	status, unlock, lock, explain, send, answer, withdraw, outbox, inbox, conversations, read, declare, erase, erased, keep, showAnyway, lost, settleLosses, verify, importing, enter, match, log, wait, types, bundle,
}

// Handler answers the calls by a Service.
func Handler(s Service) http.Handler {
	all := local.Calls{}
	for _, c := range calls {
		c.serve(all, s)
	}
	return all
}

type none struct{}

var status = call[none, *Status]{"status", func(s Service, ctx context.Context, _ none) (*Status, error) { return s.Status(ctx) }}

func (c *Client) Status(ctx context.Context) (*Status, error) { return status.ask(ctx, c, none{}) }

// A passphraseCall is a call that is a passphrase. Its bytes are never in JSON.
type passphraseCall struct {
	name string
	do   func(Service, context.Context, []byte) error
}

func (k passphraseCall) serve(calls local.Calls, s Service) {
	calls[k.name] = local.AnswerPassphrase(func(ctx context.Context, passphrase []byte) error {
		return k.do(s, ctx, passphrase)
	})
}

var unlock = passphraseCall{"unlock", Service.Unlock}

func (c *Client) Unlock(ctx context.Context, passphrase []byte) error {
	return local.AskPassphrase(ctx, c.local, unlock.name, passphrase)
}

var lock = call[none, none]{"lock", func(s Service, ctx context.Context, _ none) (none, error) { return none{}, s.Lock(ctx) }}

func (c *Client) Lock(ctx context.Context) error {
	_, err := lock.ask(ctx, c, none{})
	return err
}

var explain = call[Draft, *Explanation]{"explain", Service.Explain}

func (c *Client) Explain(ctx context.Context, draft Draft) (*Explanation, error) {
	return askWith(ctx, c, explain, draft, draft)
}

var send = call[Draft, *Sending]{"send", Service.Send}

func (c *Client) Send(ctx context.Context, draft Draft) (*Sending, error) {
	return askWith(ctx, c, send, draft, draft)
}

type answerCall struct {
	Ref
	Draft Draft `json:"draft"`
}

var answer = call[answerCall, *Sending]{"answer", func(s Service, ctx context.Context, in answerCall) (*Sending, error) {
	return s.Answer(ctx, in.Ref, in.Draft)
}}

func (c *Client) Answer(ctx context.Context, to Ref, draft Draft) (*Sending, error) {
	return askWith(ctx, c, answer, draft, answerCall{to, draft})
}

// askWith makes a call with a draft, whose body and copy must be JSON to stand in it.
func askWith[In, Out any](ctx context.Context, c *Client, k call[In, Out], d Draft, in In) (out Out, err error) {
	if len(d.Body) > 0 && !json.Valid(d.Body) {
		return out, problem.New(problem.BodyMalformed, "not one JSON value")
	}
	if len(d.Copy) > 0 && !json.Valid(d.Copy) {
		return out, problem.New(problem.BodyMalformed, "what is for the copy is not one JSON value")
	}
	return k.ask(ctx, c, in)
}

type withdrawCall struct {
	ID signed.ID `json:"id"`
}

var withdraw = call[withdrawCall, *OutboxItem]{"withdraw", func(s Service, ctx context.Context, in withdrawCall) (*OutboxItem, error) {
	return s.Withdraw(ctx, in.ID)
}}

func (c *Client) Withdraw(ctx context.Context, id signed.ID) (*OutboxItem, error) {
	return withdraw.ask(ctx, c, withdrawCall{id})
}

var outbox = call[Query, []OutboxItem]{"outbox", Service.Outbox}

func (c *Client) Outbox(ctx context.Context, q Query) ([]OutboxItem, error) {
	return outbox.ask(ctx, c, q)
}

var inbox = call[Query, []InboxItem]{"inbox", Service.Inbox}

func (c *Client) Inbox(ctx context.Context, q Query) ([]InboxItem, error) {
	return inbox.ask(ctx, c, q)
}

var conversations = call[Query, []Conversation]{"conversations", Service.Conversations}

func (c *Client) Conversations(ctx context.Context, q Query) ([]Conversation, error) {
	return conversations.ask(ctx, c, q)
}

var read = call[Ref, *Message]{"read", Service.Read}

func (c *Client) Read(ctx context.Context, message Ref) (*Message, error) {
	return read.ask(ctx, c, message)
}

type declareCall struct {
	Ref
	Access schema.Access `json:"access"`
}

var declare = call[declareCall, *InboxItem]{"declare", func(s Service, ctx context.Context, in declareCall) (*InboxItem, error) {
	return s.Declare(ctx, in.Ref, in.Access)
}}

func (c *Client) Declare(ctx context.Context, request Ref, access schema.Access) (*InboxItem, error) {
	return declare.ask(ctx, c, declareCall{request, access})
}

var erase = call[Ref, none]{"erase", func(s Service, ctx context.Context, in Ref) (none, error) { return none{}, s.Erase(ctx, in) }}

func (c *Client) Erase(ctx context.Context, message Ref) error {
	_, err := erase.ask(ctx, c, message)
	return err
}

var erased = call[Query, []HiddenMessage]{"erased", Service.Erased}

func (c *Client) Erased(ctx context.Context, q Query) ([]HiddenMessage, error) {
	return erased.ask(ctx, c, q)
}

type keepCall struct {
	Ref
	Reason string `json:"reason"`
}

var keep = call[keepCall, none]{"keep", func(s Service, ctx context.Context, in keepCall) (none, error) {
	return none{}, s.Keep(ctx, in.Ref, in.Reason)
}}

func (c *Client) Keep(ctx context.Context, message Ref, reason string) error {
	_, err := keep.ask(ctx, c, keepCall{message, reason})
	return err
}

type showAnywayCall struct {
	Reason string `json:"reason"`
}

var showAnyway = call[showAnywayCall, none]{"show-anyway", func(s Service, ctx context.Context, in showAnywayCall) (none, error) {
	return none{}, s.ShowAnyway(ctx, in.Reason)
}}

func (c *Client) ShowAnyway(ctx context.Context, reason string) error {
	_, err := showAnyway.ask(ctx, c, showAnywayCall{reason})
	return err
}

var lost = call[Query, []LostMessage]{"lost", Service.Lost}

func (c *Client) Lost(ctx context.Context, q Query) ([]LostMessage, error) {
	return lost.ask(ctx, c, q)
}

type settleLossesCall struct {
	Reason string `json:"reason"`
}

var settleLosses = call[settleLossesCall, none]{"settle-losses", func(s Service, ctx context.Context, in settleLossesCall) (none, error) {
	return none{}, s.SettleLosses(ctx, in.Reason)
}}

func (c *Client) SettleLosses(ctx context.Context, reason string) error {
	_, err := settleLosses.ask(ctx, c, settleLossesCall{reason})
	return err
}

var verify = call[Ref, *Verification]{"verify", Service.Verify}

func (c *Client) Verify(ctx context.Context, message Ref) (*Verification, error) {
	return verify.ask(ctx, c, message)
}

type importCall struct {
	Bundle []byte `json:"bundle"`
}

var importing = call[importCall, none]{"import", func(s Service, ctx context.Context, in importCall) (none, error) {
	return none{}, s.Import(ctx, in.Bundle)
}}

func (c *Client) Import(ctx context.Context, bundle []byte) error {
	_, err := importing.ask(ctx, c, importCall{bundle})
	return err
}

type enterCall struct {
	Entry []byte   `json:"entry"`
	For   Duration `json:"for,omitempty"` // how long to wait; at most a minute
}

var enter = call[enterCall, *Entered]{"enter", func(s Service, ctx context.Context, in enterCall) (*Entered, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(min(in.For, maxWait)))
	defer cancel()
	return s.Enter(ctx, in.Entry)
}}

// Enter waits until the deadline of ctx, and a minute at most: then it tells how the entry
// stands. A ctx that is cancelled before is an error; the entry waits on.
func (c *Client) Enter(ctx context.Context, entry []byte) (*Entered, error) {
	in := enterCall{entry, maxWait}
	if end, ok := ctx.Deadline(); ok {
		in.For = min(maxWait, max(0, Duration(time.Until(end))))
	}
	asking, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})()
	return enter.ask(asking, c, in)
}

type matchCall struct {
	Reference string `json:"reference"`
}

var match = call[matchCall, *Match]{"match", func(s Service, ctx context.Context, in matchCall) (*Match, error) {
	return s.Match(ctx, in.Reference)
}}

func (c *Client) Match(ctx context.Context, reference string) (*Match, error) {
	return match.ask(ctx, c, matchCall{reference})
}

var log = call[Query, []LogEntry]{"log", Service.Log}

func (c *Client) Log(ctx context.Context, q Query) ([]LogEntry, error) { return log.ask(ctx, c, q) }

var types = call[none, []Type]{"types", func(s Service, ctx context.Context, _ none) ([]Type, error) { return s.Types(ctx) }}

func (c *Client) Types(ctx context.Context) ([]Type, error) { return types.ask(ctx, c, none{}) }

type waitCall struct {
	Watch
	For Duration `json:"for,omitempty"`
}

var wait = call[waitCall, *Seen]{"wait", func(s Service, ctx context.Context, in waitCall) (*Seen, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(min(in.For, maxWait)))
	defer cancel()
	return s.Wait(ctx, in.Watch)
}}

// Wait asks again until ctx ends: each call to the desk is bounded.
func (c *Client) Wait(ctx context.Context, w Watch) (*Seen, error) {
	for {
		seen, err := wait.ask(ctx, c, waitCall{w, maxWait})
		switch {
		case ctx.Err() != nil: // as it stands now
			return wait.ask(context.WithoutCancel(ctx), c, waitCall{Watch: w})
		case err != nil, seen.Sent == nil && seen.Changes != w.After, seen.Sent != nil && seen.Sent.State.Ended():
			return seen, err
		}
	}
}

type bundleCall struct {
	Type signed.Hash `json:"type"`
}

type bundleAnswer struct {
	Bundle []byte `json:"bundle"`
}

var bundle = call[bundleCall, bundleAnswer]{"bundle", func(s Service, ctx context.Context, in bundleCall) (bundleAnswer, error) {
	b, err := s.Bundle(ctx, in.Type)
	return bundleAnswer{b}, err
}}

func (c *Client) Bundle(ctx context.Context, typ signed.Hash) ([]byte, error) {
	a, err := bundle.ask(ctx, c, bundleCall{typ})
	return a.Bundle, err
}
