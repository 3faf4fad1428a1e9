package edge

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"samband/gateway/api"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// open makes connections of a desk that are let in and then idle, and returns each when
// it has its place.
func (b *bench) open(conf *tls.Config, n int) (conns []*tls.Conn) {
	b.t.Helper()
	conf = conf.Clone()
	conf.ServerName = "127.0.0.1"
	for range n {
		c := tls.Client(b.stranger("127.0.0.1"), conf)
		// An edge that takes us speaks first. Without a preface it would let go after a while.
		if _, err := c.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
			b.t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err != nil {
			b.t.Fatal(err)
		}
		conns = append(conns, c)
	}
	return conns
}

// ended waits until the edge has closed a connection that it had let in.
func ended(t *testing.T, c *tls.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	for {
		if _, err := c.Read(make([]byte, 1<<10)); err != nil {
			if ne, ok := err.(interface{ Timeout() bool }); ok && ne.Timeout() {
				t.Errorf("the connection is still there")
			}
			return
		}
	}
}

// The newest connection of a desk takes the place of its oldest that is idle, and none
// of another desk.
func TestTheNewestTakesThePlaceOfTheOldest(t *testing.T) {
	b := newBench(t)
	other := b.client("fi.spoc")
	call := func(c *api.Client) {
		t.Helper()
		if _, err := c.Progress(context.Background(), api.Heads{}, api.Page{}); err != nil {
			t.Error(err)
		}
	}
	call(other)
	conns := b.open(b.tls("se.spoc"), maxOfDesk)
	call(b.client("se.spoc"))
	ended(t, conns[0])
	if n := b.metric("samband_desk_connected", "se.spoc"); n != maxOfDesk {
		t.Errorf("the desk has %v connections", n)
	}
	for range 2 {
		b.open(b.tls("se.spoc"), 1)
	}
	if b.alarms("se.spoc") != 1 {
		t.Errorf("%v alarms after three connections too many", b.alarms("se.spoc"))
	}
	call(other)
	if n := b.metric("samband_desk_connected", "fi.spoc"); n != 1 {
		t.Errorf("the other desk has %v connections", n)
	}
}

// A thief of the online ring keeps all connections of a desk busy by bodies without end,
// reads no answers, and polls. The desk shows its locked ring, and goes on.
func TestAThiefTakesNothingFromWhoHasShownTheRing(t *testing.T) {
	b := newBench(t)
	b.service.mu.Lock()
	large := strings.Repeat("x", 6<<20)
	b.service.deliver("se.spoc", []byte(large))
	b.service.mu.Unlock()
	conf := b.tls("se.spoc")
	protocols := new(http.Protocols)
	protocols.SetHTTP2(true)
	for i := range maxOfDesk {
		transport := &http.Transport{TLSClientConfig: conf, Protocols: protocols, HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}}
		thief := &http.Client{Transport: transport}
		if i < maxPages {
			r := must(thief.Post(b.url+"/v1/inbox", api.JSONType, strings.NewReader("{}")))(t)
			defer r.Body.Close()
			continue
		}
		body := newEndless()
		defer close(body.end)
		req := must(http.NewRequest("POST", b.url+"/v1/envelopes", body))(t)
		req.Header.Set("Content-Type", api.EnvelopesType)
		go thief.Do(req)
		<-body.read
	}
	until(t, "the thief has all", func() bool { return b.metric("samband_desk_connected", "se.spoc") == maxOfDesk })

	desk := b.clientOf(conf)
	b.show(desk)
	polls := b.poll(desk, large)
	b.poll(b.clientOf(conf), large) // the thief's
	b.service.mu.Lock()
	b.service.deliver("se.spoc", []byte("sealed bytes"))
	b.service.mu.Unlock()
	if got := <-polls; got.error != nil || len(got.Items) != 1 {
		t.Errorf("the desk's poll: %+v", got)
	}
	if _, err := submit(desk, api.Heads{}, []byte("x")); err != nil {
		t.Errorf("the desk's submission: %v", err)
	}
}

// An endless body tells when it is read, and gives one byte until its end.
type endless struct{ read, end chan struct{} }

func newEndless() *endless { return &endless{make(chan struct{}, 1), make(chan struct{})} }

func (e *endless) Read(b []byte) (int, error) {
	select {
	case e.read <- struct{}{}:
		return copy(b, "x"), nil
	default:
		<-e.end
		return 0, problem.New(problem.BrokerBusy, "the end")
	}
}

// When all places are taken, the party with most connections loses one: of its desk with
// most, the oldest that is idle. What it keeps busy or has shown is no shield.
func TestPartiesShareThePlaces(t *testing.T) {
	d := newDesks(newMetrics(prometheus.NewRegistry()))
	add := func(desk signed.Address) (*conn, []*conn) {
		t.Helper()
		c := &conn{caller: desk, began: time.Now()}
		goes, ok := d.connect(c)
		if !ok {
			t.Fatalf("%s is turned away", desk)
		}
		for _, g := range goes {
			d.disconnect(g)
		}
		return c, goes
	}
	small, _ := add("fi.spoc")
	first, _ := add("xx.d0")
	second, _ := add("xx.d0")
	d.enter(first, &api.Route{})
	for i := 2; d.total < maxConnections; i++ {
		c, _ := add(signed.Address(fmt.Sprintf("xx.d%d", i/maxOfDesk)))
		if i >= maxOfDesk {
			d.mark(c, true)
		}
	}
	_, goes := add("no.spoc")
	if len(goes) != 1 || goes[0].caller.Party() != "xx" || goes[0].caller != "xx.d0" || goes[0] != second {
		t.Errorf("another party comes, and one of %s goes", goes[0].caller)
	}
	for range 2 * maxOfDesk {
		if _, goes := add("xx.new"); len(goes) == 0 || goes[0].caller.Party() != "xx" {
			t.Fatalf("the large party comes, and %d go", len(goes))
		}
	}
	if !d.disconnect(small) {
		t.Error("the small party lost its connection")
	}
	if d.total > maxConnections {
		t.Errorf("%d connections", d.total)
	}
}
