package client_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/local"
	"samband/gateway/problem"
)

// A desk keeps the drafts that it gets.
type desk struct {
	client.Service
	drafts []client.Draft
}

func (d *desk) Send(_ context.Context, draft client.Draft) (*client.Sending, error) {
	d.drafts = append(d.drafts, draft)
	return &client.Sending{Name: draft.Name}, nil
}

func (d *desk) Wait(ctx context.Context, w client.Watch) (*client.Seen, error) {
	if w.After == 1 {
		<-ctx.Done()
	}
	return &client.Seen{Changes: 1}, nil
}

func serve(t *testing.T) (*desk, *client.Client) {
	t.Helper()
	dir := t.TempDir()
	ln, err := local.Listen(filepath.Join(dir, client.Socket))
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{}
	go local.Serve(t.Context(), ln, client.Handler(d))
	return d, client.New(dir)
}

// A body reaches the desk as it was spelled, but for white space between its parts;
// what is no JSON does not.
func TestBody(t *testing.T) {
	d, c := serve(t)
	for body, want := range map[string]string{
		"{\"a\": \"<&> \u2028 \\u00e5 \\/\", \"a\" : [1.50, 1e2 ]\n}\n": "{\"a\":\"<&> \u2028 \\u00e5 \\/\",\"a\":[1.50,1e2]}",
		"{\"a\":\"\xff\"}": "{\"a\":\"\xff\"}", // for the desk to refuse
		"":                 "",
	} {
		if _, err := c.Send(t.Context(), client.Draft{Body: json.RawMessage(body)}); err != nil {
			t.Errorf("%q: %v", body, err)
			continue
		}
		if got := string(d.drafts[len(d.drafts)-1].Body); got != want {
			t.Errorf("%q arrives as %q", body, got)
		}
	}
	if _, err := c.Send(t.Context(), client.Draft{Body: json.RawMessage(`{"a":`)}); problem.CodeOf(err) != problem.BodyMalformed {
		t.Errorf("no JSON: %v", err)
	}
}

func TestDuration(t *testing.T) {
	d, c := serve(t)
	want := client.Duration(90 * time.Second)
	b, err := json.Marshal(client.Draft{Lifetime: want})
	if err != nil || string(b) != `{"type":"","lifetime":"1m30s"}` {
		t.Errorf("%s, %v", b, err)
	}
	if _, err := c.Send(t.Context(), client.Draft{Lifetime: want}); err != nil || d.drafts[0].Lifetime != want {
		t.Errorf("arrives as %v, %v", d.drafts, err)
	}
	if json.Unmarshal([]byte(`{"lifetime":"90s"}`), &client.Draft{}) != nil || json.Unmarshal([]byte(`{"lifetime":90}`), &client.Draft{}) == nil {
		t.Error("a lifetime is not in words")
	}
}

// A wait that nothing ends is over when its context is, and Await says so.
func TestAwait(t *testing.T) {
	d, c := serve(t)
	for name, s := range map[string]client.Service{"desk": d, "socket": c} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		looks := 0
		err := client.Await(ctx, s, func() (bool, error) { looks++; return false, nil })
		if err != context.DeadlineExceeded || looks != 2 {
			t.Errorf("%s: after %d looks %v", name, looks, err)
		}
		if err := client.Await(t.Context(), s, func() (bool, error) { return true, nil }); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
