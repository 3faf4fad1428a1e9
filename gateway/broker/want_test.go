package broker_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

func (h *keyedDesk) wantsAgain(e *envelope.Envelope) error {
	return h.client.Want(context.Background(), h.heads(), api.Want{Message: e.TextHash()})
}

// A desk fills JOURNAL with messages to itself that it wants, consigns and never ends.
// All of it goes when they expire, and so much of it as was handed out goes before.
func TestWantedBytesGo(t *testing.T) {
	t.Parallel()
	for name, frees := range map[string]func(*gatewaytest.Clock, *keyedDesk){
		"when they expire": func(clock *gatewaytest.Clock, _ *keyedDesk) { clock.Move(2 * time.Hour) },
		"when they were handed out three times": func(_ *gatewaytest.Clock, no *keyedDesk) {
			for range 3 {
				for held := []signed.Hash{}; ; {
					a := no.inbox(0, held...)
					if len(a.Items) == 0 {
						break
					}
					for _, i := range a.Items {
						e, err := envelope.Parse(i.Envelope)
						check(t, err)
						held = append(held, e.TextHash())
					}
					slices.SortFunc(held, func(a, b signed.Hash) int { return bytes.Compare(a[:], b[:]) })
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			setJournal(t, w, 32<<20)
			clock := gatewaytest.NewClock(time.Now())
			b := w.start(func(c *broker.Config) { c.Clock = clock })
			se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
			fi.sealed = 1<<20 - 8<<10
			var err error
			var groups []uint64
			for range 40 {
				e := fi.envelope("fi.spoc", inAnHour)
				if _, err = fi.submit(e); err != nil {
					break
				}
				groups = append(groups, b.LastGroup())
				for err = fi.wantsAgain(e); problem.CodeOf(err) == problem.UnknownMessage; err = fi.wantsAgain(e) {
					fi.progress(api.Cursor(fi.audit.Size), time.Second) // the index trails the answers
				}
				check(t, err)
				fi.stated(fi.consignment(e.TextHash()))
			}
			wants(t, err, problem.StoreFull)
			fi.progress(api.Cursor(fi.audit.Size), 3*time.Second) // time for groups to go
			for _, g := range groups {
				if !b.HasGroup(g) {
					t.Fatalf("group %d is gone, and its bytes are wanted", g)
				}
			}
			frees(clock, fi)
			for _, g := range groups {
				w.untilGone(b, g)
			}
			e := se.envelope("fi.spoc", func(h *envelope.Header) { h.Expires = h.Created.Add(20 * day) })
			for until := time.Now().Add(20 * time.Second); ; { // its room is measured a little later
				if _, err = se.submit(e); err == nil || time.Now().After(until) {
					break
				}
				wants(t, err, problem.StoreFull)
				se.progress(api.Cursor(se.audit.Size), time.Second)
			}
			check(t, err)
		})
	}
}

// Bytes that came again after a want go once they were handed out three times, though
// nobody ends their message; and of what has expired nothing can be wanted.
func TestRestoredBytesGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	clock := gatewaytest.NewClock(time.Now())
	b := w.start(func(c *broker.Config) { c.Clock = clock })
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	e := se.envelope("fi.spoc", inAnHour)
	se.accepted(e)
	fi.stated(fi.consignment(e.TextHash()))
	w.untilRemoved(b)
	check(t, fi.wantsAgain(e))
	se.accepted(e)
	restored := b.LastGroup()
	for out, until := 0, time.Now().Add(20*time.Second); out < 3; {
		if time.Now().After(until) {
			t.Fatalf("handed out %d times", out)
		}
		if !b.HasGroup(restored) {
			t.Fatalf("gone after %d times", out)
		}
		if a := fi.inbox(0); len(a.Items) == 1 {
			out++
		}
	}
	w.untilGone(b, restored)
	if again := se.progress(0, 0).Again; len(again) != 0 {
		t.Errorf("the sender is asked once more for %v", again)
	}
	// A desk whose answers were all lost asks again, while the message has not expired.
	check(t, fi.wantsAgain(e))
	for until := time.Now().Add(20 * time.Second); ; { // the index notes a little later that the bytes are gone
		if again := se.progress(api.Cursor(se.audit.Size), time.Second).Again; len(again) == 1 {
			break
		} else if time.Now().After(until) {
			t.Fatalf("after another want the sender is asked for %v", again)
		}
	}
	clock.Move(2 * time.Hour)
	for until := time.Now().Add(20 * time.Second); len(se.progress(0, time.Second).Again) > 0; {
		if time.Now().After(until) {
			t.Fatal("the sender is asked for what has expired")
		}
	}
	wants(t, fi.wantsAgain(e), problem.UnknownMessage)
}
