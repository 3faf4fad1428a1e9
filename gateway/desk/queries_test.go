package desk

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/hit"
	"samband/gateway/signed"
)

// aClock is a time that a test moves.
type aClock struct{ at time.Time }

func (c *aClock) now() time.Time { return c.at }

func askOf(l *queries, from signed.Address, n int) signed.Hash {
	text := signed.HashOf(fmt.Sprint(from, n))
	l.add(text, client.Ref{From: from, ID: signed.NewID()})
	return text
}

// takeAll takes what there is now, by the senders.
func takeAll(l *queries) (from []signed.Address, wait time.Duration) {
	for {
		q, wait, _ := l.take()
		if q == nil {
			return from, wait
		}
		from = append(from, q.ref.From)
		l.remove(q.text)
	}
}

// One desk that asks much waits for its own limit; others are answered between its
// queries, and after it has used it up.
func TestAskersTakeTurns(t *testing.T) {
	c := &aClock{time.Unix(1_800_000_000, 0)}
	l := newQueries(hit.Limit{QueriesPerMinute: 60, Burst: 3}, c.now)
	for n := range 100 {
		askOf(l, "aa.spoc", n)
	}
	askOf(l, "bb.spoc", 0)
	askOf(l, "bb.spoc", 1)
	askOf(l, "cc.spoc", 0)
	from, wait := takeAll(l)
	if len(from) != 6 || !slices.Contains(from[:3], "bb.spoc") || !slices.Contains(from[:3], "cc.spoc") {
		t.Errorf("taken: %v", from)
	}
	if wait <= 0 || wait > time.Second {
		t.Errorf("the next may be taken after %s", wait)
	}
	by, oldest := l.count()
	if by[limited] != 97 || oldest != 0 {
		t.Errorf("waiting: %v, %s", by, oldest)
	}
	askOf(l, "bb.spoc", 2)
	if from, _ := takeAll(l); !slices.Equal(from, []signed.Address{"bb.spoc"}) {
		t.Errorf("another desk's query waits behind the limit of the first: %v", from)
	}
	c.at = c.at.Add(2 * time.Second)
	if from, _ := takeAll(l); !slices.Equal(from, []signed.Address{"aa.spoc", "aa.spoc"}) {
		t.Errorf("after two seconds: %v", from)
	}
	if by, oldest := l.count(); by[limited] != 95 || oldest != 2*time.Second {
		t.Errorf("waiting: %v, %s", by, oldest)
	}
}

// What hinders one query hinders no other, and it comes again after a pause, longer each
// time, counted once.
func TestQueryComesAgain(t *testing.T) {
	c := &aClock{time.Unix(1_800_000_000, 0)}
	l := newQueries(hit.Limit{QueriesPerMinute: 1, Burst: 2}, c.now)
	first := askOf(l, "aa.spoc", 1)
	second := askOf(l, "aa.spoc", 2)
	q, _, _ := l.take()
	if q.text != first {
		t.Fatal("the later one came first")
	}
	l.putBack(q, noDataset, "VEHICLE", time.Second)
	if other, _, _ := l.take(); other == nil || other.text != second {
		t.Fatal("one that is hindered keeps up the next")
	}
	l.remove(second)
	for _, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		if none, wait, _ := l.take(); none != nil || wait != pause*time.Second {
			t.Fatalf("it comes again after %s, not %ds", wait, pause)
		}
		c.at = c.at.Add(pause * time.Second)
		q, _, _ := l.take()
		if q == nil || q.text != first {
			t.Fatalf("it doesn't come again after %ds", pause)
		}
		l.putBack(q, noDataset, "VEHICLE", time.Second)
	}
	if got, want := l.waits(first), noDataset.waits("VEHICLE"); got != want || got == "" {
		t.Errorf("it waits for %q", got)
	}
	l.hinders(locked)
	if by, _ := l.count(); by[noDataset] != 1 {
		t.Errorf("waiting: %v", by)
	}
	l.keep(nil)
	if by, _ := l.count(); len(by) != 0 || l.waits(first) != "" {
		t.Errorf("still there: %v", by)
	}
}

// Locked in the middle, a query keeps its place and its count.
func TestLockedQueryKeepsItsPlace(t *testing.T) {
	c := &aClock{time.Unix(1_800_000_000, 0)}
	l := newQueries(hit.Limit{QueriesPerMinute: 1, Burst: 1}, c.now)
	first := askOf(l, "aa.spoc", 1)
	askOf(l, "aa.spoc", 2)
	q, _, _ := l.take()
	l.putBack(q, locked, "", time.Second)
	l.hinders(locked)
	if got := l.waits(first); got != locked.waits("") {
		t.Errorf("it waits for %q", got)
	}
	l.hinders(none)
	if q, _, _ := l.take(); q == nil || q.text != first {
		t.Error("it lost its place")
	}
	if q, _, n := l.take(); q != nil || n != 1 {
		t.Error("the limit lost count")
	}
}
