package edge

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// show shows the locked ring on the client's connection.
func (b *bench) show(c *api.Client) {
	b.t.Helper()
	if err := c.Ring(context.Background(), func(exporter signed.Hash) ([]byte, error) { return exporter[:], nil }); err != nil {
		b.t.Fatal(err)
	}
}

// polled is what became of a poll.
type polled struct {
	*api.InboxAnswer
	error
}

// poll begins a poll of who holds so much, and waits until it waits; a poll that is
// refused does not.
func (b *bench) poll(c *api.Client, held ...string) chan polled {
	got, over := make(chan polled, 1), make(chan struct{})
	ask := api.Ask{Wait: api.MaxWait, Limit: 1}
	for _, h := range held {
		ask.Held = append(ask.Held, signed.HashOf(h))
	}
	go func() {
		a, err := c.Inbox(context.Background(), api.Heads{}, ask)
		got <- polled{a, err}
		close(over)
	}()
	select {
	case <-b.service.polling:
	case <-over:
	}
	return got
}

func (b *bench) wantCode(got chan polled, code problem.Code) {
	b.t.Helper()
	select {
	case p := <-got:
		if q, ok := problem.Of(p.error); !ok || q.Code != code {
			b.t.Errorf("a poll got %v, expected %s", p.error, code)
		}
	case <-time.After(10 * time.Second):
		b.t.Errorf("a poll still waits, expected %s", code)
	}
}

func (b *bench) alarms(desk string) float64 { return b.metric("samband_desk_ring_shared_total", desk) }

// A locked desk and a thief of its online ring poll by turns, and the alarm names the desk.
func TestALockedDeskAndAThiefPollByTurns(t *testing.T) {
	for name, fresh := range map[string]bool{"over one connection": false, "by a new connection each time": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			desk, thief := b.client("se.spoc"), b.client("se.spoc")
			mine := b.poll(desk)
			for range 2 {
				if fresh {
					thief = b.client("se.spoc")
				}
				his := b.poll(thief)
				b.wantCode(mine, problem.PollYielded)
				mine = b.poll(desk)
				b.wantCode(his, problem.PollYielded)
			}
			if b.alarms("se.spoc") != 1 {
				t.Errorf("%v alarms after %v yields", b.alarms("se.spoc"), b.metric("samband_desk_poll_yields_total", "se.spoc"))
			}
			b.service.mu.Lock()
			b.service.deliver("se.spoc", []byte("sealed bytes"))
			b.service.mu.Unlock()
			if got := <-mine; got.error != nil || len(got.Items) != 1 {
				t.Errorf("the desk's poll: %+v", got)
			}
			if b.alarms("fi.spoc") != 0 {
				t.Error("another desk is named")
			}
		})
	}
}

// Beside a desk that has shown its locked ring a thief has no poll, and is seen, also by
// a new connection each time.
func TestAnUnlockedDeskAndAThief(t *testing.T) {
	b := newBench(t)
	desk := b.client("se.spoc")
	b.show(desk)
	mine := b.poll(desk)
	for range api.AlarmingYields {
		b.wantCode(b.poll(b.client("se.spoc")), problem.BrokerBusy)
	}
	if b.alarms("se.spoc") != 0 {
		t.Error("alarmed before the desk called again: it may have come by a new connection")
	}
	b.service.mu.Lock()
	b.service.deliver("se.spoc", []byte("sealed bytes"))
	b.service.mu.Unlock()
	if got := <-mine; got.error != nil || len(got.Items) != 1 {
		t.Errorf("the desk's poll: %+v", got)
	}
	mine = b.poll(desk, "sealed bytes")
	if b.alarms("se.spoc") != 1 {
		t.Errorf("%v alarms", b.alarms("se.spoc"))
	}
	b.service.mu.Lock()
	b.service.deliver("se.spoc", []byte("more sealed bytes"))
	b.service.mu.Unlock()
	if got := <-mine; got.error != nil {
		t.Errorf("the desk's poll: %+v", got)
	}
}

// A relay stands between a desk and the edge. When its network is gone nothing comes
// through any more, and nobody is told.
type relay struct {
	url  string
	gone chan struct{}
}

func (b *bench) relay() *relay {
	b.t.Helper()
	ln := must(net.Listen("tcp", "127.0.0.1:0"))(b.t)
	b.t.Cleanup(func() { ln.Close() })
	r := &relay{"https://" + ln.Addr().String(), make(chan struct{})}
	go func() {
		for {
			near, err := ln.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", strings.TrimPrefix(b.url, "https://"))
			if err != nil {
				return
			}
			b.t.Cleanup(func() { near.Close(); far.Close() })
			go r.copy(near, far)
			go r.copy(far, near)
		}
	}()
	return r
}

func (r *relay) copy(to, from net.Conn) {
	for block := make([]byte, 32<<10); ; {
		n, err := from.Read(block)
		select {
		case <-r.gone:
			return
		default:
		}
		if err != nil {
			to.Close()
			return
		}
		to.Write(block[:n])
	}
}

// An honest desk that starts anew, or whose network changes, is no alarm, though its old
// polls yield: also when that happens again and again within a minute.
func TestAChangeOfNetworkIsNoAlarm(t *testing.T) {
	b := newBench(t)
	conf := b.tls("se.spoc")
	for _, shows := range []bool{false, true} {
		for range 2 * api.AlarmingYields {
			r := b.relay()
			c := must(api.New(api.Config{URL: r.url, TLS: conf, Timeout: 10 * time.Second}))(t)
			t.Cleanup(c.Close)
			b.poll(c)
			if shows {
				b.show(c)
				b.poll(c) // in the place of its own older one
			}
			close(r.gone)
		}
	}
	if n := b.metric("samband_desk_poll_yields_total", "se.spoc"); n != 0 || b.alarms("se.spoc") != 0 {
		t.Errorf("%v yields, %v alarms", n, b.alarms("se.spoc"))
	}
}

// A revocation of the locked ring takes away what was shown, also while a poll waits.
func TestARevokedRingIsNotShown(t *testing.T) {
	b := newBench(t)
	thief, desk := b.client("se.spoc"), b.client("se.spoc")
	b.show(thief)
	his := b.poll(thief)
	b.wantCode(b.poll(desk), problem.BrokerBusy)
	b.service.mu.Lock()
	b.service.ringRevoked = map[signed.Address]bool{"se.spoc": true}
	b.service.mu.Unlock()
	b.entries.Add(1)
	mine := b.poll(desk)
	b.wantCode(his, problem.PollYielded)
	b.service.mu.Lock()
	b.service.deliver("se.spoc", []byte("sealed bytes"))
	b.service.mu.Unlock()
	if got := <-mine; got.error != nil || len(got.Items) != 1 {
		t.Errorf("the desk's poll: %+v", got)
	}
}

// A note for another connection shows nothing on this one.
func TestANoteIsOfOneConnection(t *testing.T) {
	b := newBench(t)
	var stolen []byte
	ring := func(c *api.Client, note func(signed.Hash) []byte) error {
		return c.Ring(context.Background(), func(exporter signed.Hash) ([]byte, error) { return note(exporter), nil })
	}
	if err := ring(b.client("se.spoc"), func(exporter signed.Hash) []byte { stolen = exporter[:]; return exporter[:] }); err != nil {
		t.Fatal(err)
	}
	if err := ring(b.client("se.spoc"), func(signed.Hash) []byte { return stolen }); codeOf(t, err) != problem.SignatureInvalid {
		t.Errorf("got %v", err)
	}
	if n := len(b.edge.desks.marked("se.spoc")); n != 1 {
		t.Errorf("%d connections have shown the ring", n)
	}
}

// A client tells of each connection on which the ring was not shown, and of no other.
func TestEachNewConnectionIsToldOf(t *testing.T) {
	b := newBench(t)
	c := b.client("se.spoc")
	told := 0
	c.Connected(func() { told++ })
	call := func(want int, when string) {
		t.Helper()
		if _, err := c.Progress(context.Background(), api.Heads{}, api.Page{}); err != nil {
			t.Fatal(err)
		}
		if told != want {
			t.Errorf("%s: told %d times, expected %d", when, told, want)
		}
	}
	call(1, "the first call")
	call(2, "while it is not shown")
	b.show(c)
	call(2, "when it is shown")
	b.edge.desks.mu.Lock()
	conns := slices.Clone(b.edge.desks.of("se.spoc").conns)
	b.edge.desks.mu.Unlock()
	for _, gone := range conns {
		gone.Close()
	}
	until(t, "the client has a new connection", func() bool {
		_, err := c.Progress(context.Background(), api.Heads{}, api.Page{})
		return err == nil
	})
	if told != 3 {
		t.Errorf("told %d times after a new connection, expected 3", told)
	}
	b.show(c)
	call(3, "when it is shown again")
}
