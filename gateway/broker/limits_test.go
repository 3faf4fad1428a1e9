package broker_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/register"
)

func (r *running) get(t testing.TB, path string) (int, string) {
	t.Helper()
	resp, err := http.Get("http://" + r.MetricsAddress() + path)
	check(t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	check(t, err)
	return resp.StatusCode, string(b)
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	clock := gatewaytest.NewClock(time.Now())
	b := w.start(func(c *broker.Config) { c.Clock = clock })
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	se.inbox(0)
	inOneHour := func(h *envelope.Header) { h.Expires = h.Created.Add(time.Hour) }
	open, consigned := se.envelope("fi.spoc", inOneHour), se.envelope("fi.spoc", inOneHour)
	se.accepted(open)
	se.accepted(consigned)
	fi.stated(fi.consignment(consigned.TextHash()))
	after := se.progress(0, 10*time.Second).Next

	clock.Move(2 * time.Hour)
	a := se.progress(after, 20*time.Second)
	if len(a.Items) != 1 || a.Items[0].Event != envelope.Expired || a.Items[0].Message != open.TextHash() || a.Items[0].Note != nil {
		t.Fatalf("after two hours: %+v", a.Items)
	}
	_, err := fi.state(fi.consignment(open.TextHash()))
	wants(t, err, problem.AlreadyEnded)
	for _, i := range fi.inbox(0).Items {
		if w.prove(i.Acceptance).Message == open.TextHash() {
			t.Error("the expired message is in the inbox")
		}
	}
	if code, lines := b.get(t, "/readyz"); code != http.StatusOK {
		t.Errorf("not ready: %s", lines)
	}
}

// A clock that was set forward lets nothing expire until desks of two parties
// agree.
func TestClockSetForward(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	clock := gatewaytest.NewClock(time.Now())
	b := w.start(func(c *broker.Config) { c.Clock = clock })
	se := w.desks["se.spoc"]
	se.inbox(0)
	e := se.envelope("fi.spoc", func(h *envelope.Header) { h.Expires = h.Created.Add(time.Hour) })
	se.accepted(e)
	clock.Jump(2 * time.Hour)
	if code, lines := b.get(t, "/readyz"); code != http.StatusOK || !strings.Contains(lines, "clock: note: ") {
		t.Errorf("readyz says %d %s", code, lines)
	}
	se.accepted(se.envelope("fi.spoc", func(h *envelope.Header) { h.Expires = h.Created.Add(time.Hour) }))
	if a := se.progress(0, 3*time.Second); len(a.Items) != 0 {
		t.Fatalf("expired by a clock in doubt: %+v", a.Items)
	}
	// Desks whose clocks say the same. What they send is not lawful yet, or never, and
	// speaks for the clock all the same.
	later := func(h *envelope.Header) {
		h.Created = h.Created.Add(2 * time.Hour)
		h.Expires = h.Created.Add(time.Hour)
	}
	_, err := se.submit(se.envelope("fi.spoc", later))
	wants(t, err, problem.NotYet)
	if _, lines := b.get(t, "/readyz"); !strings.Contains(lines, "clock: note: ") {
		t.Errorf("after one party agreed readyz says %s", lines)
	}
	no := w.desks["no.spoc"]
	no.inbox(0)
	_, err = no.submit(no.envelope("fi.spoc", later))
	wants(t, err, problem.NoAgreement)
	if _, lines := b.get(t, "/readyz"); strings.Contains(lines, "clock: note: ") {
		t.Errorf("after two parties agreed readyz says %s", lines)
	}
	if a := se.progress(0, 20*time.Second); len(a.Items) == 0 || a.Items[0].Event != envelope.Expired {
		t.Fatalf("after two parties agreed: %+v", a.Items)
	}
}

// Near the limit of JOURNAL nothing new is accepted; ends pass, and free it.
func TestStoreFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	setJournal(t, w, 32<<20)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	se.sealed = 1<<20 - 8<<10
	var open []*envelope.Envelope
	var err error
	for range 40 {
		e := se.envelope("fi.spoc")
		if _, err = se.submit(e); err != nil {
			break
		}
		open = append(open, e)
	}
	wants(t, err, problem.StoreFull)
	if n := len(open); n < 24 || n > 26 {
		t.Errorf("%d messages of 1 MiB were accepted in 32 MiB", n)
	}
	if code, lines := b.get(t, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(lines, "accepting: NOT READY") {
		t.Errorf("readyz says %d %s", code, lines)
	}
	if _, metrics := b.get(t, "/metrics"); !strings.Contains(metrics, "samband_accepting 0") {
		t.Error("the metrics say that the broker accepts")
	}
	se.accepted(open[0]) // what is known is answered
	stolen := w.party("no", func(l register.Link) register.Entry {
		return &register.Revocation{Link: l, Desk: "no.spoc", Rings: w.rings("no.spoc", register.Locked, register.Online)}
	})
	if _, err := b.Enter(context.Background(), stolen); err != nil {
		t.Errorf("a key can't be revoked: %v", err)
	}
	// A withdrawal of what never came frees nothing; one of what lies here does.
	_, err = se.state(se.statement(envelope.Withdrawn, se.envelope("fi.spoc")))
	wants(t, err, problem.StoreFull)
	se.stated(se.statement(envelope.Withdrawn, open[0]))
	for _, e := range open[1:] {
		fi.stated(fi.consignment(e.TextHash()))
	}
	e := se.envelope("fi.spoc")
	deadline := time.Now().Add(30 * time.Second)
	for {
		if _, err = se.submit(e); err == nil || time.Now().After(deadline) {
			break
		}
		wants(t, err, problem.StoreFull)
		se.progress(api.Cursor(fi.audit.Size), time.Second) // has read of the consignments
	}
	check(t, err)
}

func setJournal(t testing.TB, w *world, bytes int64) {
	t.Helper()
	s, err := broker.ReadSettings(w.dir)
	check(t, err)
	s.JournalBytes = bytes
	check(t, broker.WriteSettings(w.dir, s))
}

// The log of an exchange in which nobody is refused has no entry of refusals;
// beyond its budget a desk's refusals are one entry.
func TestBudget(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se := w.desks["se.spoc"]
	refused := 0
	var err error
	for range 200 {
		_, err = gatewaytest.SubmitOne(context.Background(), se.client, se.heads(), []byte("no envelope"))
		if problem.CodeOf(err) == problem.BudgetExhausted {
			break
		}
		wants(t, err, problem.TextMalformed)
		refused++
	}
	wants(t, err, problem.BudgetExhausted)
	b.stop()
	if audit, _ := w.checkLogs(); audit.Size != int64(refused)+1 {
		t.Errorf("%d refusals, and the log has %d entries", refused, audit.Size)
	}
}

// A refusal is remembered no longer than a message may live, whatever the text
// says: it bears no signature that anyone believed.
func TestRefusalIsForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	se := w.desks["se.spoc"]
	_, err := se.submit(se.envelope("fi.spoc", func(h *envelope.Header) { h.Expires = h.Created.Add(200 * 365 * 24 * time.Hour) }))
	r := w.prove(wants(t, err, problem.DatesInvalid).Proof)
	if life := r.Until.Sub(r.Time); life != envelope.MaxLifetime {
		t.Errorf("it is remembered for %s", life)
	}
}
