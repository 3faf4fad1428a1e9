package mail_test

import (
	"context"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"samband/gateway/api"
	"samband/gateway/desk"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
)

// A thief has the online ring of Finland's desk, and polls its inbox without pause, by a
// new connection as often as by an old one, until the test ends.
func (h *hall) thief() {
	ctx, cancel := context.WithCancel(h.Context())
	var all sync.WaitGroup
	dir := h.DeskDir("fi.spoc")
	all.Go(func() {
		for ctx.Err() == nil {
			c := must(desk.Dial(dir))
			for range 2 {
				c.Inbox(ctx, api.Heads{}, api.Ask{Wait: api.MaxWait, Limit: 1})
			}
			c.Close()
		}
	})
	h.Cleanup(func() { cancel(); all.Wait() })
}

func (h *hall) alarmed() bool { return h.room.Shared() != nil }

// yielded is how many polls of the room yielded.
func (h *hall) yielded() (n float64) {
	h.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(h.room.Metrics.Collectors()...)
	for _, f := range must(r.Gather()) {
		if f.GetName() == "samband_polls_yielded_total" {
			n = f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return n
}

// logged is how often the desk's own log has the alarm.
func (h *hall) logged() (n int) {
	h.Helper()
	must(0, h.room.Store.View(func(tx *store.Tx) error {
		entries, err := tx.LogEntries(1000)
		for _, e := range entries {
			if e.Event == "alarm" && e.Code == problem.PollYielded {
				n++
			}
		}
		return err
	}))
	return n
}

// A locked desk beside a thief goes on: what is sent to it is consigned, and it alarms.
func TestAThiefBesideALockedDesk(t *testing.T) {
	h := newHall(t)
	h.ring.Set(nil)
	h.run()
	h.thief()
	h.await("the alarm", h.alarmed)
	for _, id := range h.sends(3) {
		h.await("consigned", func() bool { return len(h.events(id)) > 0 })
	}
	if n := h.logged(); n != 1 {
		t.Errorf("the alarm stands %d times in the desk's log", n)
	}
}

// An unlocked desk beside a thief loses no poll, and hears of him all the same.
func TestAThiefBesideAnUnlockedDesk(t *testing.T) {
	h := newHall(t)
	h.run()
	c := must(desk.Dial(h.DeskDir("fi.spoc")))
	defer c.Close()
	for shown := false; !shown; { // then the poll of who has not shown the ring yields
		_, err := c.Inbox(t.Context(), api.Heads{}, api.Ask{Wait: api.MaxWait, Limit: 1})
		shown = problem.CodeOf(err) == problem.BrokerBusy
	}
	before := h.yielded()
	h.thief()
	sent := h.sends(1)
	h.await("the first", func() bool { return h.row(sent[0]).Seq != 0 })
	for !h.alarmed() {
		if sent = append(sent, h.sends(1)...); len(sent) > 50 {
			t.Fatal("no alarm")
		}
	}
	for _, id := range sent {
		h.await("handed over", func() bool { return len(h.events(id)) > 0 })
	}
	if n := h.yielded(); n != before {
		t.Errorf("%v polls of the desk yielded to the thief", n-before)
	}
}

// Starting anew, again and again within a minute, is no alarm.
func TestStartingAnewIsNoAlarm(t *testing.T) {
	h := newHall(t)
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { h.room.Run(ctx) })
		h.await("the broker answers", h.room.Reachable)
		cancel()
		all.Wait()
	}
	h.run()
	for _, id := range h.sends(1) {
		h.await("handed over", func() bool { return len(h.events(id)) > 0 })
	}
	if h.alarmed() {
		t.Error(h.room.Shared())
	}
}
