package edge

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"samband/gateway/api"
	"samband/gateway/problem"
)

// Whoever doesn't read his answers occupies his own slots and nothing more.
func TestAnswersThatNobodyReads(t *testing.T) {
	b := newBench(t)
	b.service.mu.Lock()
	b.service.deliver("se.spoc", make([]byte, 6<<20))
	b.service.mu.Unlock()
	conf := b.tls("se.spoc")
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
	if _, err := b.client("se.spoc").Progress(context.Background(), api.Heads{}, api.Page{}); codeOf(t, err) != problem.PollYielded {
		t.Errorf("with %d pages that nobody reads: %v", maxPages, err)
	}
}

func TestADeskHasSoManySlots(t *testing.T) {
	b := newBench(t)
	b.service.mu.Lock()
	b.service.hold = make(chan struct{})
	b.service.mu.Unlock()
	var calls sync.WaitGroup
	defer calls.Wait()
	first := b.client("se.spoc")
	for range maxRequests {
		calls.Go(func() {
			if _, err := submit(first, api.Heads{}, []byte("x")); err != nil {
				t.Errorf("within the slots: %v", err)
			}
		})
		<-b.service.held
	}
	if _, err := first.Consistency(context.Background(), 1, 2); codeOf(t, err) != problem.BrokerBusy {
		t.Errorf("beyond the slots: %v", err)
	}
	if b.alarms("se.spoc") != 0 {
		t.Error("one call without a slot is an alarm")
	}
	other := b.client("se.spoc")
	for range api.AlarmingYields {
		if _, err := other.Progress(context.Background(), api.Heads{}, api.Page{}); codeOf(t, err) != problem.PollYielded {
			t.Errorf("beyond the slots that another connection takes: %v", err)
		}
	}
	if b.alarms("se.spoc") != 1 {
		t.Errorf("%v alarms", b.alarms("se.spoc"))
	}
	if _, err := b.client("fi.spoc").Progress(context.Background(), api.Heads{}, api.Page{}); err != nil {
		t.Errorf("another desk: %v", err)
	}
	close(b.service.hold)
}
