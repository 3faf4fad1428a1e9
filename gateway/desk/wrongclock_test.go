package desk_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

const year = 365 * 24 * time.Hour

// The broker's clock is wrong for a while, at a start or while it runs, with something
// ordered meanwhile or nothing; the desks' clocks are right. Once it is right again the
// next message is accepted at once.
func TestBrokersClockWasWrong(t *testing.T) {
	s := still(t)
	clock := gatewaytest.NewClock(morning) // the broker's
	must(0, s.StartBroker(broker.Config{Clock: clock}))
	must(0, s.EnterAll(ctx))
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	s.ready(fi)
	entry := s.anEntry()
	for _, c := range []struct {
		name string
		by   time.Duration
	}{
		{"90 s", 90 * time.Second}, {"a day", 25 * time.Hour}, {"ten years", 10 * year},
		{"90 s back", -90 * time.Second}, {"a day back", -25 * time.Hour}, {"ten years back", -10 * year},
	} {
		for _, start := range []bool{true, false} {
			for _, ordered := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s start=%t ordered=%t", c.name, start, ordered), func(t *testing.T) {
					if wrongFor(t, s, se, clock, entry, c.by, start, ordered) {
						entry = s.anEntry()
					}
				})
			}
		}
	}
}

// wrongFor reports whether the entry was taken meanwhile.
func wrongFor(t *testing.T, s *stage, se *desk.Desk, clock *gatewaytest.Clock, entry []byte, by time.Duration, start, ordered bool) (entered bool) {
	awaitOut(t, se, send(t, se, request(t)), "handed-over")
	if start {
		must(0, s.StopBroker())
	}
	clock.Jump(by)
	up := true
	if start {
		if err := s.StartBroker(broker.Config{Clock: clock}); err != nil {
			t.Logf("with the wrong clock it does not start: %v", err)
			up = false
		}
	}
	if up && ordered {
		_, err := must(broker.NewClient(s.BrokerDir())).Enter(ctx, entry)
		if far := start && by > 24*time.Hour; far != (problem.CodeOf(err) == problem.BrokerBusy) || !far && err != nil {
			t.Fatalf("an entry meanwhile: %v", err)
		}
		entered = err == nil
	}
	if up {
		now := s.Broker.Started().Clock
		if d := now.Logged.AsTime().Sub(morning).Abs(); d > time.Minute+90*time.Second {
			t.Errorf("logged time is %s off: %+v", d, now)
		}
	}
	if start && up {
		must(0, s.StopBroker())
	}
	clock.Jump(-by)
	began := time.Now()
	if start {
		must(0, s.StartBroker(broker.Config{Clock: clock}))
	}
	id := send(t, se, request(t))
	defer func() {
		if t.Failed() {
			t.Logf("%+v %+v", outState(t, se, id), s.Broker.Started().Clock)
		}
	}()
	await(t, se, "accepted", func() bool { return outState(t, se, id).State != client.Queued })
	t.Logf("| %s | %t | %t | %s |", by, start, ordered, time.Since(began).Round(10*time.Millisecond))
	awaitOut(t, se, id, "handed-over")
	return entered
}

// anEntry is one that changes little.
func (s *stage) anEntry() []byte {
	return must(s.party("fi").Agreement(register.Agreement{
		Title: "Tillfälligt", Parties: []string{"fi", "se"}, Types: []string{"INFO_REQUEST"}, Purposes: []string{"INVESTIGATE_CRIME"},
		Ceiling: "unclassified", From: signed.At(morning), Until: signed.At(morning.AddDate(1, 0, 0)),
	})).Note
}

// wasOff is a stage whose broker was off for some time. Certificates go by the machine's
// time, so it is the time before that is moved.
func wasOff(t *testing.T, pause time.Duration) *stage {
	t.Helper()
	s := still(t)
	must(0, s.StartBroker(broker.Config{Clock: gatewaytest.NewClock(morning.Add(-pause))}))
	must(0, s.EnterAll(ctx))
	must(0, s.StopBroker())
	must(0, s.StartBroker(broker.Config{Clock: s.clock}))
	return s
}

// The broker was off for two days: nothing is accepted before its operator's word; the
// desks hear why.
func TestBrokerWasOffForTwoDays(t *testing.T) {
	s := wasOff(t, 48*time.Hour)
	se := s.unlocked("se.spoc")
	s.unlocked("fi.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	await(t, se, "told", func() bool {
		p := outState(t, se, id).Problem
		return p != nil && p.Code == problem.BrokerBusy && strings.Contains(p.Detail, "operator")
	})
	if st := s.Broker.Started(); st.Accepting || !st.Clock.Waits {
		t.Errorf("it says %+v", st)
	}
	operator := must(broker.NewClient(s.BrokerDir()))
	now := signed.At(s.clock.Wall())
	if v := must(operator.Clock(ctx, now.Add(-time.Hour))); !v.Differs || !v.Waits {
		t.Errorf("a word that is not the machine's time: %+v", v)
	}
	if v := must(operator.Clock(ctx, now)); v.Differs || !v.Sure() {
		t.Errorf("the word: %+v", v)
	}
	awaitOut(t, se, id, "handed-over")
}

// The broker was off for an hour: the desks' calls end the doubt, though nobody but one
// has anything to say.
func TestBrokerWasOffForAnHour(t *testing.T) {
	s := wasOff(t, time.Hour)
	se := s.unlocked("se.spoc")
	s.unlocked("fi.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "handed-over")
	if c := s.Broker.Started().Clock; !c.Sure() {
		t.Errorf("the clock: %+v", c)
	}
}

// A desk's clock is fast: it says so, what it sends waits, and is made anew once the
// clock is right.
func TestDesksClockIsFast(t *testing.T) {
	for _, by := range []time.Duration{3 * time.Minute, 26 * time.Hour, 10 * year} {
		t.Run(by.String(), func(t *testing.T) {
			s := still(t)
			must(0, s.StartBroker(broker.Config{Clock: gatewaytest.NewClock(morning)}))
			must(0, s.EnterAll(ctx))
			se := s.unlocked("se.spoc")
			s.ready(se)
			s.clock.Jump(by)
			if by > year { // beyond each agreement's end: the desk itself refuses
				if _, err := se.Send(ctx, request(t)); problem.CodeOf(err) != problem.NoAgreement {
					t.Errorf("sent ten years later: %v", err)
				}
				return
			}
			id := send(t, se, request(t))
			await(t, se, "told", func() bool {
				p := outState(t, se, id).Problem
				return p != nil && p.Code == problem.NotYet && strings.Contains(p.Detail, " fast against the log")
			})
			if st := must(se.Status(ctx)); !strings.Contains(st.Clock, " fast ") {
				t.Errorf("status says %q", st.Clock)
			}
			s.clock.Jump(-by)
			defer func() {
				if t.Failed() {
					t.Logf("%+v %+v", outState(t, se, id), s.Broker.Started().Clock)
				}
			}()
			await(t, se, "accepted", func() bool { return outState(t, se, id).State == "accepted" })
			if st := must(se.Status(ctx)); st.Clock != "" {
				t.Errorf("afterwards status says %q", st.Clock)
			}
		})
	}
}

// A desk's clock is slow: what it sends passes, and it says so.
func TestDesksClockIsSlow(t *testing.T) {
	s := still(t)
	must(0, s.StartBroker(broker.Config{Clock: gatewaytest.NewClock(morning)}))
	must(0, s.EnterAll(ctx))
	se := s.unlocked("se.spoc")
	s.ready(se)
	s.clock.Jump(-3 * time.Minute)
	awaitOut(t, se, send(t, se, request(t)), "accepted")
	if st := must(se.Status(ctx)); !strings.Contains(st.Clock, "3 minutes slow against the log") {
		t.Errorf("status says %q", st.Clock)
	}
}

// An exchange whose operator believed a wrong clock has records of ten years ahead, and
// accepts nothing. The founders' entry brings it back, and no restart undoes that.
func TestFoundersBringBackTheTime(t *testing.T) {
	s := still(t)
	clock := gatewaytest.NewClock(morning)
	must(0, s.StartBroker(broker.Config{Clock: clock}))
	must(0, s.EnterAll(ctx))
	operator := must(broker.NewClient(s.BrokerDir()))
	agreement := s.anEntry()
	entries := append(append([][]byte{s.Federation()}, s.Entries...), agreement)
	enter := func(size int64, at time.Time) error {
		text := must(s.Founders[0].DraftClock(size, signed.At(at)))
		note := must(s.Founders[0].Sign(text)).Note
		_, err := operator.Enter(ctx, note)
		if err == nil {
			entries = append(entries, note)
		}
		must(0, s.Founders[0].Follow(must(register.Replay(entries)))) // its next draft follows what was taken
		return err
	}
	clock.Jump(10 * year)
	if v := must(operator.Clock(ctx, signed.At(clock.Wall()))); !v.Sure() {
		t.Fatalf("the operator's word: %+v", v)
	}
	must(operator.Enter(ctx, agreement)) // a record of then
	clock.Jump(-10 * year)
	restart := func() {
		must(0, s.StopBroker())
		must(0, s.StartBroker(broker.Config{Clock: clock}))
	}
	restart()
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	s.ready(fi)
	id := send(t, se, request(t))
	await(t, se, "told to wait", func() bool {
		p := outState(t, se, id).Problem
		return p != nil && p.Code == problem.BrokerBusy
	})
	size := s.Broker.Started().Audit.Size
	for _, c := range []struct {
		name string
		size int64
		at   time.Time
		want problem.Code
	}{
		{"of a longer log", size + 1, morning, problem.EntryInvalid},
		{"of a later time", size, morning.Add(11 * year), problem.EntryInvalid},
		{"of a time to come", size, morning.Add(time.Hour), problem.NotYet},
	} {
		if err := enter(c.size, c.at); problem.CodeOf(err) != c.want {
			t.Errorf("an entry %s: %v", c.name, err)
		}
	}
	must(0, enter(size, morning))
	awaitOut(t, se, id, "handed-over")
	for range 2 {
		restart()
		id = send(t, se, request(t))
		awaitOut(t, se, id, "handed-over")
		if at := outState(t, se, id).Accepted; at.Sub(signed.At(morning)).Abs() > time.Minute {
			t.Errorf("accepted at %s", at)
		}
	}
	if v := must(se.Verify(ctx, client.Ref{})); len(v.Evidence)+len(v.Faults) != 0 {
		t.Errorf("the desk finds %+v %+v", v.Evidence, v.Faults)
	}
	if err := enter(0, morning); problem.CodeOf(err) != problem.EntryInvalid {
		t.Errorf("once more: %v", err)
	}
}
