// Package client is what people and programs ask of a desk: the [Service], the
// types that it speaks, and the [Client] by which a case-management system on the
// same machine asks the process that serves the desk, as the command line does.
//
//	c := client.New("/var/lib/samband/se.spoc")
//	items, err := c.Inbox(ctx, client.Query{})
//	for _, i := range items {
//		if i.State == client.HandedOver {
//			m, err := c.Read(ctx, client.Ref{From: i.From, ID: i.ID})
//			fmt.Println(m.Title, string(m.Body), err)
//		}
//	}
//
// There is one way to wait: look, wait with what the last wait saw, look again.
// [Await] does that.
//
// Other languages speak to the socket in the desk's folder as openapi.json says.
package client

import (
	"context"
	"encoding/json"
	"path/filepath"

	"samband/gateway/local"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// ErrNotServed says that no process serves the desk: start samband-desk serve.
var ErrNotServed = local.ErrNotServed

// Socket is the name of the socket in a desk's folder.
const Socket = "socket"

// A Client asks the process that serves a desk's folder, through its socket.
type Client struct{ local *local.Client }

var _ Service = (*Client)(nil)

// New makes a Client of a desk's folder. It connects at the first call.
func New(dir string) *Client {
	return &Client{local.NewClient("desk", filepath.Join(dir, Socket))}
}

// The methods of Service.

func (c *Client) Status(ctx context.Context) (*Status, error) {
	return local.Ask[*Status](ctx, c.local, "status", none{})
}

func (c *Client) Unlock(ctx context.Context, passphrase []byte) error {
	_, err := local.Ask[none](ctx, c.local, "unlock", unlockCall{passphrase})
	return err
}

func (c *Client) Lock(ctx context.Context) error {
	_, err := local.Ask[none](ctx, c.local, "lock", none{})
	return err
}

func (c *Client) Explain(ctx context.Context, draft Draft) (*Explanation, error) {
	return askWith[*Explanation](ctx, c, "explain", draft, draft)
}

func (c *Client) Send(ctx context.Context, draft Draft) (*Sending, error) {
	return askWith[*Sending](ctx, c, "send", draft, draft)
}

func (c *Client) Answer(ctx context.Context, to Ref, draft Draft) (*Sending, error) {
	return askWith[*Sending](ctx, c, "answer", draft, answerCall{to, draft})
}

// askWith makes a call with a draft, whose body must be JSON to stand in it.
func askWith[Out any](ctx context.Context, c *Client, call string, d Draft, in any) (out Out, err error) {
	if len(d.Body) > 0 && !json.Valid(d.Body) {
		return out, problem.New(problem.BodyMalformed, "not one JSON value")
	}
	return local.Ask[Out](ctx, c.local, call, in)
}

func (c *Client) Withdraw(ctx context.Context, id signed.ID) (*OutboxItem, error) {
	return local.Ask[*OutboxItem](ctx, c.local, "withdraw", withdrawCall{id})
}

func (c *Client) Outbox(ctx context.Context, q Query) ([]OutboxItem, error) {
	return local.Ask[[]OutboxItem](ctx, c.local, "outbox", q)
}

func (c *Client) Inbox(ctx context.Context, q Query) ([]InboxItem, error) {
	return local.Ask[[]InboxItem](ctx, c.local, "inbox", q)
}

func (c *Client) Read(ctx context.Context, message Ref) (*Message, error) {
	return local.Ask[*Message](ctx, c.local, "read", message)
}

func (c *Client) Declare(ctx context.Context, request Ref, access schema.Access) (*InboxItem, error) {
	return local.Ask[*InboxItem](ctx, c.local, "declare", declareCall{request, access})
}

func (c *Client) Erase(ctx context.Context, message Ref) error {
	_, err := local.Ask[none](ctx, c.local, "erase", message)
	return err
}

func (c *Client) Verify(ctx context.Context, message Ref) (*Verification, error) {
	return local.Ask[*Verification](ctx, c.local, "verify", message)
}

func (c *Client) Log(ctx context.Context, q Query) ([]LogEntry, error) {
	return local.Ask[[]LogEntry](ctx, c.local, "log", q)
}

// Wait asks again until ctx ends: each call to the desk is bounded.
func (c *Client) Wait(ctx context.Context, w Watch) (*Seen, error) {
	for {
		seen, err := local.Ask[*Seen](ctx, c.local, "wait", waitCall{w, maxWait})
		switch {
		case ctx.Err() != nil: // as it stands now
			return local.Ask[*Seen](context.WithoutCancel(ctx), c.local, "wait", waitCall{Watch: w})
		case err != nil, seen.Sent == nil && seen.Changes != w.After, seen.Sent != nil && seen.Sent.State.Ended():
			return seen, err
		}
	}
}
