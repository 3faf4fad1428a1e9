package broker_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
)

const day = 24 * time.Hour

func inAnHour(h *envelope.Header) { h.Expires = h.Created.Add(time.Hour) }

// What is consigned and never ended lapses 30 days after its expiry: not before, once,
// and no word of its recipient comes after it.
func TestLapse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	clock := gatewaytest.NewClock(time.Now())
	b := w.start(func(c *broker.Config) { c.Clock = clock })
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	se.inbox(0)
	open, consigned, ended := se.envelope("fi.spoc", inAnHour), se.envelope("fi.spoc", inAnHour), se.envelope("fi.spoc", inAnHour)
	for _, e := range []*envelope.Envelope{open, consigned, ended} {
		se.accepted(e)
	}
	fi.stated(fi.consignment(consigned.TextHash()))
	fi.stated(fi.consignment(ended.TextHash()))
	fi.stated(fi.statement(envelope.HandedOver, ended))
	se.hears(envelope.HandedOver, ended)

	clock.Move(30*day + time.Hour - time.Minute)
	se.hears(envelope.Expired, open)
	after := api.Cursor(se.audit.Size)
	if a := se.progress(after, 3*time.Second); len(a.Items) != 0 {
		t.Fatalf("a minute before its time: %+v", a.Items)
	}
	clock.Move(2 * time.Minute)
	a := se.progress(after, 20*time.Second)
	if len(a.Items) != 1 || a.Items[0].Event != envelope.Lapsed || a.Items[0].Message != consigned.TextHash() || a.Items[0].Note != nil {
		t.Fatalf("30 days after their expiry: %+v", a.Items)
	}
	r := w.prove(a.Items[0].Proof)
	if r.Kind != envelope.Lapsed || r.Message != consigned.TextHash() || r.Time.Before(envelope.LapsesAt(consigned.Expires)) {
		t.Errorf("the record is %+v", r)
	}
	for _, note := range [][]byte{fi.statement(envelope.HandedOver, consigned), fi.statement(envelope.Refused, consigned)} {
		_, err := fi.state(note)
		refusal := wants(t, err, problem.AlreadyEnded)
		if refusal.Stands == nil || refusal.Stands.Event != envelope.Lapsed || w.prove(refusal.Stands.Proof).Message != consigned.TextHash() {
			t.Errorf("a late word is shown %+v", refusal.Stands)
		}
	}
	if again := se.accepted(consigned); again.End == nil || again.End.Event != envelope.Lapsed || again.Consigned == nil {
		t.Errorf("the sender's repeat gets %+v and %+v", again.Consigned, again.End)
	}
	if _, lines := b.get(t, "/metrics"); !strings.Contains(lines, `samband_messages_total{outcome="lapsed",type="INFO_REQUEST",urgency="urgent"} 1`) {
		t.Error("the metrics count no lapse")
	}
	if code, lines := b.get(t, "/readyz"); code != http.StatusOK {
		t.Errorf("not ready: %s", lines)
	}
}

// A clock that was set forward lets nothing lapse, and no id be forgotten.
func TestNoLapseByAClockInDoubt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	clock := gatewaytest.NewClock(time.Now())
	w.start(func(c *broker.Config) { c.Clock = clock })
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	e, unused := se.envelope("fi.spoc", inAnHour), se.envelope("fi.spoc", inAnHour)
	se.accepted(e)
	fi.stated(fi.consignment(e.TextHash()))
	se.stated(se.statement(envelope.Withdrawn, unused))
	se.hears(envelope.Withdrawn, unused)
	clock.Jump(60 * day)
	if a := se.progress(api.Cursor(se.audit.Size), 3*time.Second); len(a.Items) != 0 {
		t.Fatalf("by a clock in doubt: %+v", a.Items)
	}
	_, err := se.submit(unused)
	wants(t, err, problem.AlreadyEnded)
}

// An id that was withdrawn and never used is forgotten after 31 days, when the law lets
// in no text of it that was made before. Then it is refused by its dates.
func TestWithdrawnIDIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	clock := gatewaytest.NewClock(time.Now())
	w.start(func(c *broker.Config) { c.Clock = clock })
	se := w.desks["se.spoc"]
	// As late as a text of that moment can be: by a clock that is fast by all that the law lets pass.
	longest := func(h *envelope.Header) {
		h.Created = h.Created.Add(50 * time.Second)
		h.Expires = h.Created.Add(envelope.MaxLifetime)
	}
	early, late := se.envelope("fi.spoc", longest), se.envelope("fi.spoc", longest)
	se.stated(se.statement(envelope.Withdrawn, early))
	se.stated(se.statement(envelope.Withdrawn, late))
	se.hears(envelope.Withdrawn, late)
	clock.Move(30 * day)
	_, err := se.submit(early)
	wants(t, err, problem.AlreadyEnded)
	clock.Move(day + time.Second)
	for until := time.Now().Add(20 * time.Second); ; {
		_, err = se.submit(late)
		if problem.CodeOf(err) != problem.AlreadyEnded || time.Now().After(until) {
			break
		}
		se.progress(api.Cursor(se.audit.Size), time.Second)
		late = se.envelope("fi.spoc", longest, func(h *envelope.Header) { h.ID = late.ID })
	}
	wants(t, err, problem.Expired)
}

// The audit log grows once an hour though nothing happens, across restarts too; what
// happens by itself needs no such word.
func TestQuietLogGrows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	clock := gatewaytest.NewClock(time.Now())
	se := w.desks["se.spoc"]
	start := func() *running {
		b := w.start(func(c *broker.Config) { c.Clock = clock })
		se.connect(b.Address())
		return b
	}
	b := start()
	size := func(wait time.Duration) int64 {
		se.progress(api.Cursor(se.audit.Size), wait)
		return se.audit.Size
	}
	grows := func(why string) {
		t.Helper()
		before, until := se.audit.Size, time.Now().Add(20*time.Second)
		for size(time.Second) == before {
			if time.Now().After(until) {
				t.Fatalf("the log stands still: %s", why)
			}
		}
		if now := size(2 * time.Second); now != before+1 {
			t.Errorf("%s: the log grew from %d to %d", why, before, now)
		}
	}
	stands := func(why string) {
		t.Helper()
		if before := se.audit.Size; size(2*time.Second) != before {
			t.Errorf("the log grew: %s", why)
		}
	}
	se.accepted(se.envelope("fi.spoc", func(h *envelope.Header) { h.Expires = h.Created.Add(20 * day) }))
	size(0)
	clock.Move(40 * time.Minute)
	stands("40 minutes after a message")
	clock.Move(15 * time.Minute)
	grows("55 minutes after a message")
	clock.Move(40 * time.Minute)
	se.accepted(se.envelope("fi.spoc", func(h *envelope.Header) { h.Expires = h.Created.Add(20 * day) }))
	size(0)
	clock.Move(40 * time.Minute)
	stands("80 minutes after the last such word, 40 after a message")
	b.stop()
	b = start()
	size(0)
	stands("a restart")
	clock.Move(15 * time.Minute)
	grows("55 minutes after a message, with a restart between")
	b.stop()
	clock.Move(3 * time.Hour)
	start()
	grows("a start after three hours")
}
