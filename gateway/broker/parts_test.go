package broker_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/signed"
)

// texts are the messages of a page, in their order.
func texts(t *testing.T, a *api.InboxAnswer) (all []signed.Hash) {
	t.Helper()
	for i := range a.Items {
		e, err := envelope.Parse(a.Items[i].Envelope)
		check(t, err)
		all = append(all, e.TextHash())
	}
	return all
}

// The small part of an inbox lists what is small, and names what is large until that is
// held; the large part lists the rest. A page brings no more bytes than it is asked for,
// and one message at least.
func TestAnInboxHasParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	send := func(sealed int) signed.Hash {
		t.Helper()
		se.sealed = sealed
		e := se.envelope("fi.spoc")
		if (len(e.Bytes()) > api.MaxSmall) != (sealed > 20<<10) {
			t.Fatalf("%d bytes", len(e.Bytes()))
		}
		_, err := gatewaytest.SubmitOne(t.Context(), se.client, api.Heads{}, e.Bytes())
		check(t, err)
		return e.TextHash()
	}
	ask := func(a api.Ask) *api.InboxAnswer {
		t.Helper()
		answer, err := fi.client.Inbox(t.Context(), fi.heads(), a)
		check(t, err)
		return answer
	}
	large := []signed.Hash{send(600 << 10), send(50 << 10)}
	small := []signed.Hash{send(2 << 10), send(9 << 10), send(2 << 10)}
	named := slices.SortedFunc(slices.Values(large), func(a, b signed.Hash) int { return bytes.Compare(a[:], b[:]) })

	a := ask(api.Ask{Limit: 100, Part: api.Small})
	if got := texts(t, a); !slices.Equal(got, small) || !slices.Equal(a.Large, named) {
		t.Errorf("the small part has %d messages, and names %d", len(got), len(a.Large))
	}
	if a := ask(api.Ask{Limit: 1, Part: api.Small}); len(a.Items) != 1 || len(a.Large) != 1 {
		t.Errorf("a page of one has %d messages, and names %d", len(a.Items), len(a.Large))
	}
	if a := ask(api.Ask{Limit: 100, Part: api.Small, Held: named}); len(a.Items) != 3 || len(a.Large) != 0 {
		t.Errorf("with the large ones held, the small part has %d messages, and names %d", len(a.Items), len(a.Large))
	}
	a = ask(api.Ask{Limit: 100, Part: api.Large})
	if got := texts(t, a); !slices.Equal(got, large) || len(a.Large) != 0 {
		t.Errorf("the large part has %d messages, and names %d", len(got), len(a.Large))
	}
	if got := texts(t, ask(api.Ask{Limit: 100, Part: api.Large, Bytes: 600 << 10})); !slices.Equal(got, large[:1]) {
		t.Errorf("a page of few bytes has %d large messages", len(got))
	}
	if got := texts(t, ask(api.Ask{Limit: 100, Part: api.Small, Bytes: 14 << 10})); !slices.Equal(got, small[:2]) && len(got) != 1 {
		t.Errorf("a page of few bytes has %d small messages", len(got))
	}
	if got := texts(t, ask(api.Ask{Limit: 100})); len(got) != 5 {
		t.Errorf("the whole inbox has %d messages", len(got))
	}

	// A poll of the small part is told of a large one at once. It knows the register.
	fi.inbox(0)
	told := make(chan *api.InboxAnswer, 1)
	began := time.Now()
	go func() {
		a, _ := fi.client.Inbox(t.Context(), fi.heads(), api.Ask{Limit: 100, Part: api.Small, Wait: 50 * time.Second, Held: holds(append(slices.Clone(small), large...))})
		told <- a
	}()
	third := send(40 << 10)
	if a := <-told; a == nil || len(a.Items) != 0 || !slices.Contains(a.Large, third) || time.Since(began) > 20*time.Second {
		t.Errorf("after %s the poll says %+v", time.Since(began), a)
	}
}

// holds are hashes as an ask names them.
func holds(texts []signed.Hash) api.Held {
	slices.SortFunc(texts, func(a, b signed.Hash) int { return bytes.Compare(a[:], b[:]) })
	return texts
}

// A page of progress brings no more bytes than it is asked for, one event at least, and
// leads on.
func TestProgressIsBoundedByBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	const events = 6
	for range events {
		e := se.envelope("fi.spoc")
		_, err := gatewaytest.SubmitOne(t.Context(), se.client, api.Heads{}, e.Bytes())
		check(t, err)
		fi.stated(fi.consignment(e.TextHash()))
	}
	var seen, pages int
	for after := api.Cursor(0); seen < events; pages++ {
		a, err := se.client.Progress(t.Context(), se.heads(), api.Page{After: after, Limit: 100, Bytes: 1, Wait: time.Second})
		check(t, err)
		if len(a.Items) > 1 || pages > 20 {
			t.Fatalf("page %d has %d events where one byte was asked for", pages, len(a.Items))
		}
		seen, after = seen+len(a.Items), a.Next
	}
}
