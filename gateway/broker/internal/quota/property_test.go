package quota

import (
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"samband/gateway/signed"
)

// What a game ordered, and what waits, as a plain list tells it.
type ledger struct {
	events, bytes, refusals map[string]float64 // by desk and by party, since the start
	waits                   map[way]heap
}

// Groups of random acts, some of which come to nothing, some of which are followed by a
// restart: what was ordered of a desk or of a party never passes what it had at the start
// and what came back since; and what waits is what a list of it says.
func TestNothingIsOrderedBeyondAndNothingLeaks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limits := Limits{Messages: 6, MessagesASecond: 1, Bytes: 2 << 20, BytesASecond: 4000, Refusals: 4, RefusalsAMinute: 30,
			Party: 2, UnconsignedMessages: 5, UnconsignedBytes: 2 << 20}.Filled()
		c := &clock{}
		r := New(limits, c.elapsed)
		l := ledger{map[string]float64{}, map[string]float64{}, map[string]float64{}, map[way]heap{}}
		began := c.now
		desks := []signed.Address{"se.spoc", "se.ncb", "se.unit-1", "fi.spoc"}
		desk := rapid.SampledFrom(desks)
		for range rapid.IntRange(1, 40).Draw(t, "groups") {
			c.now += time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond
			before := accountsOf(r)
			d, next := r.Draft(), l.copy()
			for range rapid.IntRange(1, 8).Draw(t, "acts") {
				from, to := desk.Draw(t, "from"), desk.Draw(t, "to")
				size := rapid.SampledFrom([]int{100, 5000, 300_000}).Draw(t, "size")
				switch rapid.IntRange(0, 3).Draw(t, "act") {
				case 0:
					if d.Accept(from, to, size) == nil {
						next.orders(from, lifeEvents, float64(size+LifeBytes))
						h := next.waits[way{from, to}]
						next.waits[way{from, to}] = heap{h.messages + 1, h.bytes + int64(size)}
					}
				case 1:
					if d.Say(from, 500) == nil {
						next.orders(from, 1, 500+eventBytes)
					}
				case 2:
					if d.Refuse(from, Locked) == nil {
						next.refusals[string(from)]++
						next.refusals[from.Party()]++
					}
				case 3:
					if h := next.waits[way{from, to}]; h.messages > 0 {
						n := h.bytes / h.messages // any size that is left will do
						d.Ends(from, to, n)
						next.waits[way{from, to}] = heap{h.messages - 1, h.bytes - n}
					}
				}
			}
			switch rapid.IntRange(0, 5).Draw(t, "outcome") {
			case 0: // certain that nothing was written
				d.GiveBack()
				if after := accountsOf(r); !before.same(after) {
					t.Fatalf("a group that came to nothing left %v, and found %v", after, before)
				}
			case 1: // a restart
				l = next
				r = New(limits, c.elapsed)
				for w, h := range l.waits {
					r.Load(w.from, w.to, h.messages, h.bytes)
				}
				began, l.events, l.bytes, l.refusals = c.now, map[string]float64{}, map[string]float64{}, map[string]float64{}
			default:
				l = next
			}
			l.within(t, limits, (c.now - began).Seconds())
			for w, h := range l.waits {
				if h.messages == 0 {
					continue
				}
				if r.unconsigned[w] != h {
					t.Fatalf("%v has %+v waiting, the list says %+v", w, r.unconsigned[w], h)
				}
			}
		}
	})
}

func (l ledger) copy() ledger {
	return ledger{maps.Clone(l.events), maps.Clone(l.bytes), maps.Clone(l.refusals), maps.Clone(l.waits)}
}

func (l ledger) orders(desk signed.Address, events, bytes float64) {
	for _, who := range []string{string(desk), desk.Party()} {
		l.events[who] += events
		l.bytes[who] += bytes
	}
}

// within checks that nobody ordered more than what it had and what came back.
func (l ledger) within(t *rapid.T, limits Limits, seconds float64) {
	for name, sums := range map[Quota]map[string]float64{SignedEvents: l.events, SignedBytes: l.bytes, SignedRefusals: l.refusals} {
		for who, sum := range sums {
			had := limits.of(name)
			if signed.Address(who).Party() == who {
				had = limits.party(had)
			}
			if most := had.burst + had.rate*seconds; sum > most+1e-3 {
				t.Fatalf("%s ordered %.1f of %s, and may %.1f", who, sum, name, most)
			}
		}
	}
}

// accounts are what is used of each bucket, in whole thousandths: time flows in fractions.
type accounts map[string][len(buckets)]int64

func accountsOf(r *Room) accounts {
	all := accounts{}
	add := func(who string, a *account, party bool) {
		var used [len(buckets)]int64
		for i, q := range buckets {
			limit := r.limits.of(q)
			if party && q != Entries && q != Revocations {
				limit = r.limits.party(limit)
			}
			used[i] = int64(a.refill(i, limit.rate, r.elapsed())*1000 + .5)
		}
		if used != ([len(buckets)]int64{}) {
			all[who] = used
		}
	}
	for desk, a := range r.desks {
		add(string(desk), a, false)
	}
	for party, a := range r.parties {
		add(party, a, true)
	}
	return all
}

// same allows for the last digit, which rounding moves.
func (a accounts) same(b accounts) bool {
	return maps.EqualFunc(a, b, func(x, y [len(buckets)]int64) bool {
		for i := range x {
			if d := x[i] - y[i]; d < -1 || d > 1 {
				return false
			}
		}
		return true
	})
}
