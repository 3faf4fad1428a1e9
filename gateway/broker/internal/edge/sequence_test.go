package edge

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"samband/gateway/api"
	"samband/gateway/problem"
)

// The items of a call come to the service in their order, each with its own
// answer.
func TestItemsAreCut(t *testing.T) {
	b := newBench(t)
	b.service.refuseWith(problem.New(problem.NoAgreement, "no agreement carries this"))
	items := [][]byte{[]byte("one"), []byte("bad"), {}, []byte("three")}
	a, err := b.client("se.spoc").Submit(context.Background(), api.Heads{}, items)
	if err != nil {
		t.Fatal(err)
	}
	for i := range items {
		if err := a.Items[i].Refusal(); (err != nil) != (i == 1) {
			t.Errorf("item %d: %v", i, err)
		}
	}
	if got := b.service.envelopes["se.spoc"]; !slices.EqualFunc(got, [][]byte{items[0], items[2], items[3]}, bytes.Equal) {
		t.Errorf("the service got %q", got)
	}
}

// The longest sequence passes: 256 items, and 4 MiB with their lengths.
func TestLongestSequence(t *testing.T) {
	b := newBench(t)
	items := make([][]byte, api.MaxItems)
	for i := range items {
		items[i] = bytes.Repeat([]byte{byte(i)}, api.MaxSequence/api.MaxItems-4)
	}
	a, err := b.client("se.spoc").Submit(context.Background(), api.Heads{}, items)
	if err != nil || len(a.Items) != len(items) {
		t.Fatalf("%+v, %v", a, err)
	}
	items[0] = append(items[0], 0)
	if _, err := b.client("se.spoc").Submit(context.Background(), api.Heads{}, items); codeOf(t, err) != problem.Oversize {
		t.Errorf("with one byte more: %v", err)
	}
}

// A body that breaks off is no sequence that ends early: the caller comes again.
func TestBodyBreaksOff(t *testing.T) {
	b := newBench(t)
	r, w := io.Pipe()
	req := must(http.NewRequest("POST", b.url+"/v1/envelopes", r))(t)
	req.Header.Set("Content-Type", api.EnvelopesType)
	req.ContentLength = 100
	go func() {
		w.Write(api.AppendItem(nil, []byte("whole")))
		w.Close()
	}()
	resp := must(b.raw(b.tls("se.spoc")).Do(req))(t)
	defer resp.Body.Close()
	if resp.StatusCode != problem.BrokerBusy.Row().Status {
		t.Errorf("answered with status %d", resp.StatusCode)
	}
	if len(b.service.envelopes) != 0 {
		t.Error("something reached the service")
	}
}

// A desk has so many bytes under way. They are counted until its calls are
// answered, and none are counted of another desk.
func TestBytesUnderWay(t *testing.T) {
	b := newBench(t)
	b.service.mu.Lock()
	b.service.hold = make(chan struct{})
	b.service.mu.Unlock()
	longest := [][]byte{make([]byte, api.MaxSequence-4)}
	var calls sync.WaitGroup
	for range maxUnderway / api.MaxSequence {
		calls.Go(func() {
			if _, err := b.client("se.spoc").Submit(context.Background(), api.Heads{}, longest); err != nil {
				t.Errorf("within the bound: %v", err)
			}
		})
	}
	for range maxUnderway / api.MaxSequence {
		<-b.service.held
	}
	if _, err := submit(b.client("se.spoc"), api.Heads{}, []byte("x")); codeOf(t, err) != problem.BrokerBusy {
		t.Errorf("beyond the bound: %v", err)
	}
	if _, err := state(b.client("fi.spoc"), []byte("x")); err != nil {
		t.Errorf("another desk: %v", err)
	}
	close(b.service.hold)
	calls.Wait()
	b.service.mu.Lock()
	b.service.hold = nil
	b.service.mu.Unlock()
	if _, err := submit(b.client("se.spoc"), api.Heads{}, []byte("x")); err != nil {
		t.Errorf("once they are answered: %v", err)
	}
}
