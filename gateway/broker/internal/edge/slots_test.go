package edge

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"sync"
	"testing"

	"samband/gateway/api"
	"samband/gateway/problem"
)

// The connections of one desk leave room for the others.
func TestOneDeskCantTakeAllConnections(t *testing.T) {
	b := newBench(t)
	conf := b.tls(b.parties["se"], "se.spoc")
	open := func() error { // an edge that takes us speaks first
		c, err := tls.Dial("tcp", strings.TrimPrefix(b.url, "https://"), conf)
		if err == nil {
			t.Cleanup(func() { c.Close() })
			// Without a preface the server would let go of it after a while.
			c.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"))
			_, err = c.Read(make([]byte, 1))
		}
		return err
	}
	for range maxOfDesk {
		if err := open(); err != nil {
			t.Fatal(err)
		}
	}
	if open() == nil {
		t.Errorf("a desk has more than %d connections", maxOfDesk)
	}
	if _, err := b.client("fi.spoc").Progress(context.Background(), api.Heads{}, api.Page{}); err != nil {
		t.Errorf("another desk: %v", err)
	}
}

// Whoever doesn't read his answers occupies his own slots and nothing more.
func TestAnswersThatNobodyReads(t *testing.T) {
	b := newBench(t)
	b.service.mu.Lock()
	b.service.deliver("se.spoc", make([]byte, 6<<20))
	b.service.mu.Unlock()
	conf := b.tls(b.parties["se"], "se.spoc")
	conf.NextProtos = []string{"h2"}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	slow := &http.Client{Transport: &http.Transport{TLSClientConfig: conf, Protocols: protocols,
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}}}
	for range maxPages {
		r, err := slow.Post(b.url+"/v1/inbox", api.JSONType, strings.NewReader("{}"))
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("a page: %v, %v", r, err)
		}
		defer r.Body.Close()
	}
	if _, err := b.client("se.spoc").Progress(context.Background(), api.Heads{}, api.Page{}); codeOf(t, err) != problem.BrokerBusy {
		t.Errorf("with %d pages that nobody reads: %v", maxPages, err)
	}
}

func TestADeskHasSoManySlots(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var polls sync.WaitGroup
	defer polls.Wait()
	defer cancel()
	first := b.client("se.spoc")
	for range maxPages {
		polls.Go(func() { first.Inbox(ctx, api.Heads{}, api.Ask{Wait: api.MaxWait, Limit: 1}) })
		<-b.service.polling
	}
	if _, err := b.client("se.spoc").Progress(ctx, api.Heads{}, api.Page{}); codeOf(t, err) != problem.BrokerBusy {
		t.Errorf("beyond the slots: %v", err)
	}
	if _, err := state(first, []byte("a note")); err != nil {
		t.Errorf("while all its polls wait: %v", err)
	}
	if _, err := b.client("fi.spoc").Progress(ctx, api.Heads{}, api.Page{}); err != nil {
		t.Errorf("another desk: %v", err)
	}
}
