package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"samband/gateway/api"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// ErrNotServed says that no process serves the desk: start samband-desk serve.
var ErrNotServed = errors.New("no process serves this desk")

// A Client asks the process that serves a desk's folder, through its socket. A
// case-management system on the same machine uses it as the command line does:
//
//	c := desk.NewClient("/var/lib/samband/se.spoc")
//	items, err := c.Inbox(ctx, desk.Query{})
type Client struct{ http *http.Client }

// NewClient makes a Client of a desk's folder. It connects at the first call.
func NewClient(dir string) *Client {
	path := folder(dir).socket()
	return &Client{&http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrNotServed, err)
			}
			return conn, nil
		},
	}}}
}

// ask makes one call.
func ask[Out any](ctx context.Context, c *Client, call string, in any) (out Out, err error) {
	b, err := json.Marshal(in)
	if err != nil {
		return out, fmt.Errorf("write call %s: %w", call, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://desk/v1/"+call, bytes.NewReader(b))
	if err != nil {
		return out, fmt.Errorf("make call %s: %w", call, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return out, fmt.Errorf("ask the desk: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return out, fmt.Errorf("ask the desk: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return out, refusalIn(resp.StatusCode, answer)
	}
	if err := json.Unmarshal(answer, &out); err != nil {
		return out, fmt.Errorf("read the desk's answer to %s: %w", call, err)
	}
	return out, nil
}

func refusalIn(status int, answer []byte) error {
	var doc api.Document
	if json.Unmarshal(answer, &doc) != nil {
		return fmt.Errorf("the desk answered with status %d", status)
	}
	if _, known := problem.Lookup(doc.Code); !known {
		return fmt.Errorf("the desk answered with status %d", status)
	}
	return problem.New(doc.Code, "%s", doc.Detail)
}

// The methods of Service.

func (c *Client) Status(ctx context.Context) (*Status, error) {
	return ask[*Status](ctx, c, "status", none{})
}

func (c *Client) Unlock(ctx context.Context, passphrase []byte) error {
	_, err := ask[none](ctx, c, "unlock", unlockCall{passphrase})
	return err
}

func (c *Client) Lock(ctx context.Context) error {
	_, err := ask[none](ctx, c, "lock", none{})
	return err
}

func (c *Client) Explain(ctx context.Context, draft Draft) (*Explanation, error) {
	return ask[*Explanation](ctx, c, "explain", draft)
}

func (c *Client) Send(ctx context.Context, draft Draft) (*Sending, error) {
	return ask[*Sending](ctx, c, "send", draft)
}

func (c *Client) Answer(ctx context.Context, id signed.ID, draft Draft, from ...signed.Address) (*Sending, error) {
	return ask[*Sending](ctx, c, "answer", answerCall{id, from, draft})
}

func (c *Client) Withdraw(ctx context.Context, id signed.ID) (*OutboxItem, error) {
	return ask[*OutboxItem](ctx, c, "withdraw", idCall{ID: id})
}

func (c *Client) Outbox(ctx context.Context, q Query) ([]OutboxItem, error) {
	return ask[[]OutboxItem](ctx, c, "outbox", q)
}

func (c *Client) Inbox(ctx context.Context, q Query) ([]InboxItem, error) {
	return ask[[]InboxItem](ctx, c, "inbox", q)
}

func (c *Client) Read(ctx context.Context, id signed.ID, from ...signed.Address) (*Message, error) {
	return ask[*Message](ctx, c, "read", idCall{id, from})
}

func (c *Client) Declare(ctx context.Context, id signed.ID, access schema.Access, from ...signed.Address) (*InboxItem, error) {
	return ask[*InboxItem](ctx, c, "declare", declareCall{id, from, access})
}

func (c *Client) Erase(ctx context.Context, id signed.ID, from ...signed.Address) error {
	_, err := ask[none](ctx, c, "erase", idCall{id, from})
	return err
}

func (c *Client) Verify(ctx context.Context, id signed.ID, from ...signed.Address) (*Verification, error) {
	return ask[*Verification](ctx, c, "verify", idCall{id, from})
}

func (c *Client) Log(ctx context.Context, q Query) ([]LogEntry, error) {
	return ask[[]LogEntry](ctx, c, "log", q)
}

// Ended asks again until ctx ends: each call to the desk is bounded.
func (c *Client) Ended(ctx context.Context, id signed.ID) (*OutboxItem, error) {
	for {
		o, err := ask[*OutboxItem](ctx, c, "ended", endedCall{id, maxWait})
		if ctx.Err() != nil {
			return ask[*OutboxItem](context.WithoutCancel(ctx), c, "ended", endedCall{ID: id})
		}
		if err != nil || store.State(o.State).Ended() {
			return o, err
		}
	}
}

// Wait asks again until ctx ends: each call to the desk is bounded.
func (c *Client) Wait(ctx context.Context, after int64) (int64, error) {
	for {
		w, err := ask[waited](ctx, c, "wait", waitCall{after, maxWait})
		if ctx.Err() != nil {
			return after, nil
		}
		if err != nil || w.Changes != after { // less after a restart
			return w.Changes, err
		}
	}
}
