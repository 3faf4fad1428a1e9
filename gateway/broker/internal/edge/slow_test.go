package edge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/problem"
)

// slowly calls with a body of which the test gives each byte.
func (b *bench) slowly(client *http.Client) (body *io.PipeWriter, answer chan problem.Code) {
	r, w := io.Pipe()
	req := must(http.NewRequest("POST", b.url+"/v1/envelopes", r))(b.t)
	req.Header.Set("Content-Type", api.EnvelopesType)
	answer = make(chan problem.Code, 1)
	go func() {
		resp, err := client.Do(req)
		if err != nil {
			b.t.Errorf("the call broke off: %v", err)
			answer <- ""
			return
		}
		defer resp.Body.Close()
		refusal, _ := io.ReadAll(resp.Body)
		code := problem.Code("")
		if resp.StatusCode != http.StatusOK && strings.Contains(string(refusal), string(problem.BrokerBusy)) {
			code = problem.BrokerBusy
		}
		answer <- code
	}()
	return w, answer
}

// A body that moves has its time, however long that is; beside it one that moves too little
// ends, and its slot and bytes are free again.
func TestABodyGoesByWhatMoves(t *testing.T) {
	b := newBench(t)
	b.edge.desks.moving = 200 * time.Millisecond
	client := b.raw(b.tls("se.spoc"))
	item := api.AppendItem(nil, make([]byte, 600<<10))
	moves, moved := b.slowly(client)
	must(moves.Write(item[:400<<10]))(t)
	for range 3 { // each takes the whole time of one that does not move
		drips, dripped := b.slowly(client)
		must(drips.Write(item[:10]))(t)
		if code := <-dripped; code != problem.BrokerBusy {
			t.Errorf("a body that moves too little: %q", code)
		}
		drips.CloseWithError(errors.New("the test has its answer"))
	}
	must(moves.Write(item[400<<10:]))(t)
	moves.Close()
	if code := <-moved; code != "" {
		t.Errorf("a body that moves: %q", code)
	}
	until(t, "all slots are free", func() bool {
		b.edge.desks.mu.Lock()
		defer b.edge.desks.mu.Unlock()
		return b.edge.desks.of("se.spoc").slots[plain] == slots{}
	})
}

// Whose caller doesn't read it, an answer ends, and its slot is free for others.
func TestAnAnswerGoesByWhatMoves(t *testing.T) {
	b := newBench(t)
	b.edge.desks.moving = 50 * time.Millisecond
	b.service.mu.Lock()
	b.service.deliver("se.spoc", make([]byte, 1<<20))
	b.service.mu.Unlock()
	conf := b.tls("se.spoc")
	conf.NextProtos = []string{"h2"}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	slow := &http.Client{Transport: &http.Transport{TLSClientConfig: conf, Protocols: protocols,
		HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 16 << 10}}}
	for range maxPages {
		r := must(slow.Post(b.url+"/v1/inbox", api.JSONType, strings.NewReader("{}")))(t)
		defer r.Body.Close()
	}
	other := b.client("se.spoc")
	until(t, "a page has a slot again", func() bool {
		_, err := other.Progress(context.Background(), api.Heads{}, api.Page{})
		return err == nil
	})
}
