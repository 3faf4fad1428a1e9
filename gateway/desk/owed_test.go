package desk_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// gauge is a metric of a desk with these labels, in the order of their names.
func gauge(t *testing.T, d *desk.Desk, metric string, labels ...string) float64 {
	t.Helper()
	for _, f := range must(d.Metrics().Gather()) {
		if f.GetName() != metric {
			continue
		}
		for _, m := range f.GetMetric() {
			var has []string
			for _, l := range m.GetLabel() {
				has = append(has, l.GetValue())
			}
			if slices.Equal(has, labels) {
				return m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s of %v", metric, labels)
	return 0
}

// later lets time pass, and has the edge answer what waits: from then on each desk knows
// that there was no news until then.
func (s *stage) later(by time.Duration, heard ...*desk.Desk) {
	s.t.Helper()
	s.clock.Move(by)
	want := float64(s.clock.Wall().Unix())
	s.edge.set(func() { s.edge.answers++ })
	for _, d := range heard {
		await(s.t, d, "answered", func() bool { return gauge(s.t, d, "samband_audit_last_verified_timestamp_seconds") >= want })
	}
}

// owes checks what a desk shows of one message that it sent: in the outbox, its status and
// its metrics.
func owes(t *testing.T, d *desk.Desk, id signed.ID, want *client.Owed) {
	t.Helper()
	o := outState(t, d, id)
	got := o.Owed
	if (got == nil) != (want == nil) || got != nil && *got != *want {
		t.Errorf("of a message that is %s the outbox shows %+v, want %+v", o.State, got, want)
	}
	urgent := o.Urgency == envelope.Urgent
	overdue := must(d.Status(ctx)).Overdue
	for _, step := range []client.Step{client.Acceptance, client.Consignment, client.Handover, client.End} {
		n := 0
		if want != nil && want.Hindered == "" && want.Step == step {
			n = 1
		}
		if m := gauge(t, d, "samband_outbox_overdue_messages", string(step), o.Urgency); m != float64(n) {
			t.Errorf("the metric counts %v messages whose %s is overdue, want %d", m, step, n)
		}
		shown := slices.ContainsFunc(overdue, func(v client.Overdue) bool { return v.Step == step && v.Urgent == urgent && v.Messages == 1 })
		if shown != (n == 1) {
			t.Errorf("the status shows that the %s is overdue: %t, want %d", step, shown, n)
		}
	}
}

// nonUrgent is a request that nobody has to answer within hours.
func nonUrgent(t *testing.T) client.Draft {
	draft := request(t)
	var fields map[string]any
	must(0, json.Unmarshal(draft.Body, &fields))
	delete(fields, "urgency")
	draft.Urgent, draft.Body = false, must(json.Marshal(fields))
	return draft
}

// hides has the edge show a desk nothing of what others sent it.
func (s *stage) hides(from signed.Address) {
	s.edge.set(func() {
		s.edge.lie = func(caller signed.Address, answer any) {
			if a, ok := answer.(*api.InboxAnswer); ok && caller == from {
				a.Items = nil
			}
		}
	})
}

// A broker accepts a message with proof and shows it to nobody, and never ends it. Its
// sender sees that after 15 minutes, or a day, over restarts, and, once the message has
// expired, that the broker owes its end; forty days later still. It ends with the end.
func TestWithheldMessage(t *testing.T) {
	for name, test := range map[string]struct {
		draft func(*testing.T) client.Draft
		after time.Duration
	}{"urgent": {request, 15 * time.Minute}, "not urgent": {nonUrgent, 24 * time.Hour}} {
		t.Run(name, func(t *testing.T) {
			s := newLie(t)
			s.hides("fi.spoc")
			s.unlocked("fi.spoc")
			se, stop := s.start("se.spoc")
			s.unlock(se)
			s.ready(se)
			id := send(t, se, test.draft(t))
			awaitOut(t, se, id, "accepted")
			accepted := outState(t, se, id).Accepted
			s.later(test.after-time.Second, se)
			owes(t, se, id, nil)
			s.later(time.Second, se)
			late := &client.Owed{Step: client.Consignment, By: "fi.spoc", Since: accepted}
			owes(t, se, id, late)

			stop() // and what the desk knew it knows again, even before it hears of the broker
			se, _ = s.start("se.spoc")
			owes(t, se, id, late)
			s.ready(se)
			owes(t, se, id, late)

			expires := outState(t, se, id).Expires
			s.later(expires.AsTime().Add(time.Hour-time.Second).Sub(s.clock.Wall()), se)
			owes(t, se, id, late)
			s.later(time.Second, se)
			ended := &client.Owed{Step: client.End, Since: expires}
			owes(t, se, id, ended)
			s.later(33*24*time.Hour, se)
			owes(t, se, id, ended)

			s.edge.set(func() {
				m := s.edge.messages[0]
				m.end = &event{entry: s.edge.record(auditlog.Record{Kind: envelope.Expired, Message: m.TextHash()}, s.edge.register.Size())}
			})
			awaitOut(t, se, id, "expired")
			owes(t, se, id, nil)
		})
	}
}

// The watch ends with the proof of the next step, and begins anew for the one after it: a
// locked desk consigns, and owes that it hands over.
func TestWatchEndsAtTheProof(t *testing.T) {
	s := newLie(t)
	s.hides("fi.spoc")
	fi, _ := s.start("fi.spoc")
	se := s.unlocked("se.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	s.later(time.Hour, se)
	owes(t, se, id, &client.Owed{Step: client.Consignment, By: "fi.spoc", Since: outState(t, se, id).Accepted})
	s.honest()
	awaitOut(t, se, id, "consigned")
	owes(t, se, id, nil)
	s.later(time.Hour-time.Second, se)
	owes(t, se, id, nil)
	s.later(time.Second, se)
	owes(t, se, id, &client.Owed{Step: client.Handover, By: "fi.spoc", Since: outState(t, se, id).Consigned})
	s.unlock(fi)
	awaitOut(t, se, id, "handed-over")
	owes(t, se, id, nil)
}

// A broker keeps a recipient's words back: that it handed over, and after the message had
// to lapse that it lapsed.
func TestWithheldEnd(t *testing.T) {
	s := newLie(t)
	fi := s.unlocked("fi.spoc")
	se := s.unlocked("se.spoc")
	s.ready(se)
	s.edge.set(func() {
		s.edge.lie = func(caller signed.Address, answer any) {
			if a, ok := answer.(*api.ProgressAnswer); ok && caller == "se.spoc" {
				a.Items = slices.DeleteFunc(a.Items, func(i api.ProgressItem) bool { return i.Event != envelope.Consigned })
			}
		}
	})
	id := send(t, se, nonUrgent(t))
	awaitIn(t, fi, id, "handed-over")
	s.edge.set(func() { // the broker invents no consignment: this desk signs one, as it does after ten seconds
		m := s.edge.messages[0]
		online, _ := s.rings("fi.spoc")
		head := s.edge.register.Head()
		said := &envelope.Statement{Exchange: s.edge.register.Exchange(), Signer: "fi.spoc", Event: envelope.Consigned,
			Message: m.TextHash(), Time: signed.At(s.clock.Wall()), AsOfAudit: s.edge.audit.Head(), AsOfRegister: head}
		note := must(signed.Sign(said.Text(), online.Receipts...)).Bytes()
		m.consigned = &event{s.edge.record(auditlog.Record{Kind: envelope.Consigned, Message: m.TextHash(), By: "fi.spoc", Statement: signed.HashOf(note)}, head.Size), note}
	})
	awaitOut(t, se, id, "consigned")
	o := outState(t, se, id)
	s.later(24*time.Hour, se)
	owes(t, se, id, &client.Owed{Step: client.Handover, By: "fi.spoc", Since: o.Consigned})
	lapses := envelope.LapsesAt(o.Expires)
	s.later(lapses.AsTime().Add(time.Hour).Sub(s.clock.Wall()), se)
	owes(t, se, id, &client.Owed{Step: client.End, Since: lapses})
}

// A broker answers a recipient's word with anything but a proof. The recipient's alarm of
// the word that waits rises after a minute, and its sender sees that it is not consigned.
func TestWithheldProof(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi, _ := s.startTo("fi.spoc", mute{s.edge.as("fi.spoc").(line)})
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	await(t, fi, "waiting for the proof", func() bool {
		items, err := fi.Inbox(ctx, client.Query{ID: id})
		return err == nil && items[0].Says == client.Consigned
	})
	s.later(61*time.Second, se)
	if waits := gauge(t, fi, "samband_statement_waiting_seconds"); waits <= 60 {
		t.Errorf("the recipient's word has waited for %v s", waits)
	}
	s.later(15*time.Minute, se)
	owes(t, se, id, &client.Owed{Step: client.Consignment, By: "fi.spoc", Since: outState(t, se, id).Accepted})
}

// A mute line takes no statement.
type mute struct{ line }

func (m mute) State(_ context.Context, h api.Heads, notes [][]byte) (*api.StateAnswer, error) {
	return m.stateEach(h, notes, func([]byte) (*api.StateItem, error) {
		return nil, problem.New(problem.BrokerBusy, "later")
	})
}

// What a broker does not accept is overdue whatever it says of it; what this desk itself
// hinders is shown as that.
func TestNotAccepted(t *testing.T) {
	refuses := func(code problem.Code) func(*stage, *desk.Desk) desk.Broker {
		return func(s *stage, _ *desk.Desk) desk.Broker {
			return shut{s.edge.as("se.spoc").(line), code}
		}
	}
	for name, test := range map[string]struct {
		code problem.Code
		then func(*stage, *desk.Desk)
		want client.Hindrance
	}{
		"the broker is full":         {problem.StoreFull, func(*stage, *desk.Desk) {}, ""},
		"it says that a quota is":    {problem.QuotaExhausted, func(*stage, *desk.Desk) {}, ""},
		"it says that a sender lags": {problem.RegisterMoved, func(*stage, *desk.Desk) {}, ""},
		"this desk is locked": {problem.RegisterMoved, func(s *stage, d *desk.Desk) {
			must(0, d.Lock(ctx))
		}, client.Locked},
		"the broker is away": {problem.StoreFull, func(s *stage, d *desk.Desk) {
			s.edge.set(func() { s.edge.down, s.edge.answers = true, s.edge.answers+1 })
			await(s.t, d, "cut off", func() bool { return !must(d.Status(ctx)).Reachable })
		}, client.Unreachable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLie(t)
			se, _ := s.startTo("se.spoc", refuses(test.code)(s, nil))
			s.unlock(se)
			s.ready(se)
			id := send(t, se, request(t))
			await(t, se, "refused", func() bool { return outState(t, se, id).Problem != nil })
			test.then(s, se)
			queued := signed.At(s.clock.Wall())
			if test.want == client.Unreachable {
				s.clock.Move(5 * time.Minute)
			} else {
				s.later(5*time.Minute-time.Second, se)
				owes(t, se, id, nil)
				s.later(time.Second, se)
			}
			owes(t, se, id, &client.Owed{Step: client.Acceptance, Since: queued, Hindered: test.want})
		})
	}
}

// A shut line accepts nothing.
type shut struct {
	line
	code problem.Code
}

func (d shut) Submit(_ context.Context, h api.Heads, envelopes [][]byte) (*api.SubmitAnswer, error) {
	if err := d.up(); err != nil {
		return nil, err
	}
	return d.submitEach(h, envelopes, func([]byte) (*api.SubmitItem, error) { return nil, problem.New(d.code, "not now") })
}

// A broker whose clock is hours fast, or that lies about the hour, puts nothing off: the
// sender goes by when it heard.
func TestWatchByAFastLog(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	s.edge.set(func() { s.edge.clock = gatewaytest.NewClock(s.clock.Wall().Add(5 * time.Hour)) })
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	heard := signed.At(s.clock.Wall())
	s.later(15*time.Minute, se)
	owes(t, se, id, &client.Owed{Step: client.Consignment, By: "fi.spoc", Since: heard})
}

// By the true broker: the recipient is not there, its sender sees that, and no more once
// the recipient is back.
func TestWatch(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	s.clock.Move(15 * time.Minute)
	awaitOut(t, se, send(t, se, nonUrgent(t)), "accepted") // the broker answers
	owes(t, se, id, &client.Owed{Step: client.Consignment, By: "fi.spoc", Since: outState(t, se, id).Accepted})
	s.unlocked("fi.spoc")
	awaitOut(t, se, id, "handed-over")
	owes(t, se, id, nil)
}

// A log that does not grow while the broker answers is an alarm after an hour, over a
// restart of the desk; the time in which the broker does not answer counts for nothing.
func TestSilentLog(t *testing.T) {
	s := newLie(t)
	se, stop := s.start("se.spoc")
	s.unlock(se)
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	silent := func(want time.Duration) {
		t.Helper()
		if got := gauge(t, se, "samband_audit_silent_seconds"); got != want.Seconds() {
			t.Errorf("the log is silent for %v s, want %v", got, want)
		}
		shown, alarm := time.Duration(must(se.Status(ctx)).Silent), want > time.Hour
		if (shown != 0) != alarm || alarm && shown != want || (se.Ready("log") != nil) != alarm {
			t.Errorf("silent for %s, the status shows %s, /readyz says: %v", want, shown, se.Ready("log"))
		}
	}
	silent(0)
	for range 3 {
		s.later(10*time.Minute, se)
	}
	silent(30 * time.Minute)
	s.later(2*time.Hour, se) // nothing was heard meanwhile
	silent(30 * time.Minute)
	stop()
	s.clock.Move(24 * time.Hour) // nor while the desk did not run
	se, stop = s.start("se.spoc")
	s.ready(se)
	s.later(0, se)
	silent(30 * time.Minute)
	for range 3 {
		s.later(10*time.Minute, se)
	}
	silent(time.Hour)
	s.later(10*time.Minute, se)
	silent(70 * time.Minute)
	stop()
	s.clock.Move(-time.Minute) // a clock that is put back
	se, _ = s.start("se.spoc")
	silent(70 * time.Minute)
	s.ready(se)
	silent(70 * time.Minute)
	s.edge.set(func() { s.edge.record(auditlog.Record{Kind: auditlog.Quiet}, s.edge.register.Size()) })
	s.later(2*time.Minute, se) // beyond what it heard before the clock was put back
	silent(0)
}
