package broker_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// limited starts a broker with such quotas, by a clock that stands still.
func (w *world) limited(q broker.Quotas) (*running, *gatewaytest.Clock) {
	w.Helper()
	s, err := broker.ReadSettings(w.dir)
	check(w, err)
	s.Quotas = q
	check(w, broker.WriteSettings(w.dir, s))
	clock := gatewaytest.NewClock(time.Now())
	return w.start(func(c *broker.Config) { c.Clock = clock }), clock
}

// second gives a party another desk.
func (w *world) second(b *running, address signed.Address) *keyedDesk {
	w.Helper()
	known := len(w.Entries)
	keys, err := w.NewKeyedDesk(address, directory)
	check(w, err)
	for _, note := range w.Entries[known:] {
		_, err := b.Enter(context.Background(), w.enter(note))
		check(w, err)
	}
	h := &keyedDesk{KeyedDesk: keys, world: w, sealed: 5755, audit: (&auditlog.Range{}).Head(w.register.Federation().Audit.Name)}
	h.connect(b.Address())
	w.desks[address] = h
	return h
}

// logSize is how many entries the audit log has.
func (r *running) logSize() int64 { return r.Started().Audit.Size }

// A desk at its limit is told to wait, by which quota and how long; what is known, words
// that take effect, and other desks pass. After the pause it goes on.
func TestQuotaOfMessages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, clock := w.limited(broker.Quotas{Messages: 5, MessagesASecond: 1, Party: 2})
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	var sent []*envelope.Envelope
	for range 5 {
		e := se.envelope("fi.spoc")
		se.accepted(e)
		sent = append(sent, e)
	}
	size, waits := b.logSize(), se.envelope("fi.spoc")
	_, err := se.submit(waits)
	r := wants(t, err, problem.QuotaExhausted)
	if r.RetryAfter != time.Second || !strings.Contains(r.Problem.Detail, "se.spoc used up the quota of log entries of its messages") {
		t.Errorf("told to wait %s: %s", r.RetryAfter, r.Problem.Detail)
	}
	if b.logSize() != size {
		t.Error("a message without room left an entry")
	}
	back := fi.envelope("se.spoc")
	fi.accepted(back)
	se.accepted(sent[0])
	se.stated(se.consignment(back.TextHash()))
	se.stated(se.statement(envelope.HandedOver, back))
	se.stated(se.statement(envelope.Withdrawn, sent[1]))
	for _, e := range []*envelope.Envelope{sent[0], sent[2]} {
		fi.stated(fi.consignment(e.TextHash()))
		fi.stated(fi.statement(envelope.HandedOver, e))
	}
	_, err = se.submit(waits)
	wants(t, err, problem.QuotaExhausted)
	if _, text := b.get(t, "/metrics"); !strings.Contains(text, `samband_quota_used_ratio{desk="se.spoc",quota="signed-events"} 1`) ||
		!strings.Contains(text, `samband_party_quota_used_ratio{party="se",quota="signed-events"} 0.5`) {
		t.Error("the metrics don't name who is at its limit")
	}
	clock.Move(time.Second)
	se.accepted(waits)

	// The party's other desk has a quota of its own, within the party's.
	unit := w.second(b, "se.unit-1")
	_, err = se.submit(se.envelope("fi.spoc"))
	wants(t, err, problem.QuotaExhausted)
	for range 5 {
		unit.accepted(unit.envelope("fi.spoc"))
	}
	clock.Move(5 * time.Second)
	third := w.second(b, "se.unit-2")
	accepted := 0
	for _, h := range []*keyedDesk{third, unit, se} {
		for err = nil; err == nil; accepted++ {
			_, err = h.submit(h.envelope("fi.spoc"))
		}
		accepted--
		wants(t, err, problem.QuotaExhausted)
	}
	// The party had 10 and two a second; 11 are used, and 12 seconds' worth came back.
	if accepted != 10 {
		t.Errorf("three desks of the party sent %d, the party may send 10", accepted)
	}
	if d := err.(*api.Refusal).Problem.Detail; !strings.Contains(d, "the party se, with all its desks,") {
		t.Errorf("it says %q", d)
	}
	fi.accepted(fi.envelope("se.spoc"))
}

// A withdrawal of an id that never was takes from the quota; one of a message that waits
// is free, however little is left.
func TestQuotaOfWithdrawalsOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.limited(broker.Quotas{Messages: 3, MessagesASecond: 1})
	se := w.desks["se.spoc"]
	e := se.envelope("fi.spoc")
	se.accepted(e)
	size := b.logSize()
	var err error
	n := 0
	for ; err == nil && n < 50; n++ {
		_, err = se.state(se.statement(envelope.Withdrawn, se.envelope("fi.spoc")))
	}
	wants(t, err, problem.QuotaExhausted)
	if grown := b.logSize() - size; grown != 6 || n != 7 {
		t.Errorf("%d withdrawals of nothing left %d entries; 2 messages' worth are 6", n, grown)
	}
	se.stated(se.statement(envelope.Withdrawn, e))
}

// Streams that are reset while their refusal is ordered cost as much as others.
func TestResetStreamsPay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.limited(broker.Quotas{Refusals: 20, RefusalsAMinute: 1})
	se := w.desks["se.spoc"]
	size := b.logSize()
	var all sync.WaitGroup
	var serial atomic.Int64
	for range 8 {
		all.Go(func() {
			for range 50 {
				ctx, cancel := context.WithCancel(context.Background())
				done := make(chan struct{})
				go func() {
					defer close(done)
					gatewaytest.SubmitOne(ctx, se.client, api.Heads{}, fmt.Appendf(nil, "no envelope %d", serial.Add(1)))
				}()
				if serial.Load()%3 == 0 {
					<-done
				}
				cancel()
				<-done
			}
		})
	}
	all.Wait()
	_, err := gatewaytest.SubmitOne(context.Background(), se.client, api.Heads{}, []byte("no envelope"))
	wants(t, err, problem.BudgetExhausted)
	if grown := b.logSize() - size; grown != 20 {
		t.Errorf("400 calls, many of them reset, left %d entries; the budget is 20", grown)
	}
	w.desks["fi.spoc"].accepted(w.desks["fi.spoc"].envelope("se.spoc"))
}

// Heads that the logs do not reach refuse each call before it spends or orders anything.
func TestHeadsAheadSpendNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.limited(broker.Quotas{Refusals: 3, RefusalsAMinute: 1, Messages: 1, MessagesASecond: 1, Wants: 1, WantsAMinute: 1})
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	e := fi.envelope("se.spoc")
	fi.accepted(e)
	size, good := b.logSize(), se.envelope("fi.spoc").Bytes()
	ctx := context.Background()
	for range 20 {
		for _, ahead := range []api.Heads{{Audit: 1 << 40}, {Register: 1 << 50}} {
			for name, call := range map[string]func() error{
				"submit": func() error {
					_, err := se.client.Submit(ctx, ahead, [][]byte{[]byte("no envelope"), good})
					return err
				},
				"state":    func() error { _, err := se.client.State(ctx, ahead, [][]byte{[]byte("no note")}); return err },
				"want":     func() error { return se.client.Want(ctx, ahead, api.Want{Message: e.TextHash()}) },
				"inbox":    func() error { _, err := se.client.Inbox(ctx, ahead, api.Ask{Limit: 1}); return err },
				"progress": func() error { _, err := se.client.Progress(ctx, ahead, api.Page{Limit: 1}); return err },
			} {
				if err := call(); problem.CodeOf(err) != problem.HeadAhead {
					t.Fatalf("%s with %+v: %v", name, ahead, err)
				}
			}
		}
	}
	if b.logSize() != size {
		t.Errorf("the log grew by %d", b.logSize()-size)
	}
	for range 3 {
		_, err := gatewaytest.SubmitOne(ctx, se.client, api.Heads{}, []byte("no envelope"))
		wants(t, err, problem.TextMalformed)
	}
	check(t, se.client.Want(ctx, se.heads(), api.Want{Message: e.TextHash()}))
	se.accepted(se.envelope("fi.spoc"))
}

// A thief of the online ring alone, and whoever has the locked ring's old texts, use up
// nothing of the locked ring's; nor does the locked ring use up the online ring's.
func TestTwoRingsApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, clock := w.limited(broker.Quotas{Refusals: 5, RefusalsAMinute: 6})
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	old := se.statement(envelope.HandedOver, se.envelope("fi.spoc"))
	e := fi.envelope("se.spoc")
	fi.accepted(e)
	se.stated(se.consignment(e.TextHash()))
	refusals := func(make func() []byte) (n int, last error) {
		for ; n < 50; n++ {
			if _, last = se.state(make()); problem.CodeOf(last) == problem.BudgetExhausted {
				return n, last
			}
		}
		return n, last
	}
	locked := func() []byte { return se.statement(envelope.HandedOver, se.envelope("fi.spoc")) }
	// The locked ring's own: five, and none more; then the online ring still has its five.
	if n, _ := refusals(locked); n != 5 {
		t.Errorf("the locked ring was refused %d times", n)
	}
	second := func() []byte { clock.Move(0); return se.consignment(e.TextHash()) }
	if n, err := refusals(func() []byte {
		note := second()
		note[len(note)-5] ^= 1 // a signature that doesn't verify
		return note
	}); n != 5 {
		t.Errorf("the online ring was refused %d times, then %v", n, err)
	}
	clock.Move(50 * time.Second)
	// A thief: malformed bytes, unverified texts, and a text of the locked ring that is old.
	clock.Move(2 * time.Hour)
	stolen := func() []byte { return old }
	if n, _ := refusals(stolen); n != 5 {
		t.Errorf("an old text was refused %d times", n)
	}
	for range 5 {
		if _, err := gatewaytest.SubmitOne(context.Background(), se.client, api.Heads{}, []byte("no envelope")); problem.CodeOf(err) != problem.BudgetExhausted {
			t.Errorf("bytes of the online ring: %v", err)
		}
	}
	size := b.logSize()
	later := func(h *envelope.Header) { h.Created = signed.At(clock.Wall()); h.Expires = h.Created.Add(time.Hour) }
	fi.inbox(0)
	_, err := se.submit(se.envelope("no.spoc", later))
	if r := w.prove(wants(t, err, problem.NoAgreement).Proof); r.Kind != auditlog.Kind(envelope.Rejected) || b.logSize() != size+1 {
		t.Errorf("the locked ring's own refusal is %+v", r)
	}
	se.accepted(se.envelope("fi.spoc", later))
}

// Consignments that have no effect are refusals; beyond the budget the answer shows what
// stands all the same, so that a thief hides from the desk nothing that he said for it.
func TestUselessConsignments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, _ := w.limited(broker.Quotas{Refusals: 4, RefusalsAMinute: 1})
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	e := se.envelope("fi.spoc")
	se.accepted(e)
	fi.stated(fi.consignment(e.TextHash()))
	size := b.logSize()
	for n := range 10 {
		note, err := fi.Consign(e.TextHash(), fi.audit, w.register.Head(), time.Now().Add(time.Duration(n+1)*time.Second))
		check(t, err)
		_, err = fi.state(note)
		r := api.RefusalOf(err)
		code := problem.AlreadyConsigned
		if n >= 4 {
			code = problem.BudgetExhausted
		}
		if wants(t, err, code); r.Stands == nil || r.Stands.Event != envelope.Consigned {
			t.Fatalf("refusal %d shows %+v", n, r.Stands)
		}
	}
	if grown := b.logSize() - size; grown != 4 {
		t.Errorf("ten consignments without effect left %d entries", grown)
	}
	fi.stated(fi.statement(envelope.HandedOver, e))
}

// Wants are the online ring's, and beyond their quota they wait. A checkpoint is always
// taken: it may be evidence.
func TestQuotaOfWants(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, clock := w.limited(broker.Quotas{Wants: 2, WantsAMinute: 60})
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	e := se.envelope("fi.spoc")
	se.accepted(e)
	fi.inbox(20 * time.Second)
	se.hears(envelope.Consigned, func() *envelope.Envelope { fi.stated(fi.consignment(e.TextHash())); return e }())
	ctx := context.Background()
	want := func() error { return fi.client.Want(ctx, fi.heads(), api.Want{Message: e.TextHash()}) }
	check(t, want())
	if err := fi.client.Want(ctx, fi.heads(), api.Want{Message: signed.HashOf("none")}); problem.CodeOf(err) != problem.UnknownMessage {
		t.Errorf("a want of nothing: %v", err)
	}
	if r := wants(t, want(), problem.QuotaExhausted); r.RetryAfter != time.Second {
		t.Errorf("told to wait %s", r.RetryAfter)
	}
	check(t, fi.client.Show(ctx, []byte(fi.inbox(0).Catchup.Audit.Checkpoint)))
	se.accepted(se.envelope("fi.spoc"))
	fi.stated(fi.statement(envelope.HandedOver, e))
	clock.Move(time.Second)
	if err := want(); problem.CodeOf(err) != problem.UnknownMessage { // it has ended
		t.Error(err)
	}
}

// What one recipient has not consigned of one sender is bounded, and counted anew at a
// start; others may send there.
func TestRecipientBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limits := broker.Quotas{UnconsignedMessages: 4}
	b, _ := w.limited(limits)
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	var sent []*envelope.Envelope
	send := func(n int) {
		t.Helper()
		for range n {
			e := se.envelope("fi.spoc", func(h *envelope.Header) { h.Expires = h.Created.Add(time.Hour) })
			se.accepted(e)
			sent = append(sent, e)
		}
		_, err := se.submit(se.envelope("fi.spoc"))
		r := wants(t, err, problem.RecipientBehind)
		if !strings.Contains(r.Problem.Detail, "fi.spoc has not consigned 4 messages") {
			t.Errorf("it says %q", r.Problem.Detail)
		}
	}
	fi.inbox(0)
	send(4)
	fi.accepted(fi.envelope("se.spoc"))
	fi.stated(fi.consignment(sent[0].TextHash()))
	send(1)
	fi.stated(fi.statement(envelope.HandedOver, sent[0])) // it waited no more
	fi.stated(fi.statement(envelope.Refused, sent[1]))
	se.stated(se.statement(envelope.Withdrawn, sent[2]))
	send(2)
	b.stop()
	b, _ = w.limited(limits)
	send(0)
	fi.stated(fi.consignment(sent[3].TextHash()))
	send(1)
	b.stop()
	for _, f := range []string{"index.db", "index.db-wal", "index.db-shm"} {
		check(t, os.RemoveAll(w.path(f)))
	}
	_, clock := w.limited(limits)
	send(0)
	fi.stated(fi.consignment(sent[4].TextHash()))
	send(1)
	after := se.progress(0, 0).Next
	clock.Move(2 * time.Hour)
	for n := 0; n < 4; {
		a := se.progress(after, 20*time.Second)
		for _, i := range a.Items {
			if i.Event == envelope.Expired {
				n++
			}
		}
		after = a.Next
	}
	later := func(h *envelope.Header) { h.Created = signed.At(clock.Wall()); h.Expires = h.Created.Add(time.Hour) }
	for range 4 {
		se.accepted(se.envelope("fi.spoc", later))
	}
	_, err := se.submit(se.envelope("fi.spoc", later))
	wants(t, err, problem.RecipientBehind)
}

// Register entries count against the party that signed them, and its revocations apart.
func TestQuotaOfEntries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	limits := broker.Quotas{Entries: 8, EntriesADay: 24}
	b, clock := w.limited(limits)
	enter := func(party string) error {
		for {
			keys, err := w.PartyKeys(party)
			check(t, err)
			note := w.sign(w.desks[signed.Address(party+".spoc")].entry(w.link(party)).Text(), keys)
			if _, err := b.Enter(context.Background(), note); err != nil {
				return err
			}
			w.enter(note)
		}
	}
	size := b.Started().Register.Size
	err := enter("se")
	if code := problem.CodeOf(err); code != problem.QuotaExhausted || !strings.Contains(err.Error(), "the party se") {
		t.Fatalf("after %d entries: %v", b.Started().Register.Size-size, err)
	}
	revoked := w.party("se", func(l register.Link) register.Entry {
		return &register.Revocation{Link: l, Desk: "se.spoc", Rings: w.rings("se.spoc", register.Locked)}
	})
	if _, err := b.Enter(context.Background(), revoked); err != nil {
		t.Errorf("a revocation: %v", err)
	}
	if grown := b.Started().Register.Size; grown < size+2 || grown > size+9 {
		t.Errorf("the register grew by %d", grown-size)
	}
	size = b.Started().Register.Size
	if enter("fi"); b.Started().Register.Size == size {
		t.Error("another party's entries waited")
	}
	clock.Move(time.Hour)
	size = b.Started().Register.Size
	if enter("fi"); b.Started().Register.Size != size+1 {
		t.Errorf("after an hour %d entries pass", b.Started().Register.Size-size)
	}
}
