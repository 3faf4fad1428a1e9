package quota

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"samband/gateway/signed"
)

// A desk with many items keeps another desk's one item waiting for one of its own.
func TestDesksTakeTurns(t *testing.T) {
	turns := NewTurns(1)
	var order []signed.Address // written within a turn alone
	var all sync.WaitGroup
	turns.begin("se.spoc")
	for _, desk := range []signed.Address{"se.spoc", "fi.spoc", "se.spoc", "no.spoc"} {
		n := 1
		if desk == "se.spoc" {
			n = 100
		}
		before := waiting(turns)
		for range n {
			all.Go(func() {
				turns.begin(desk)
				order = append(order, desk)
				turns.end()
			})
		}
		for waiting(turns) < before+n {
			runtime.Gosched()
		}
	}
	turns.end()
	all.Wait()
	for i, want := range []signed.Address{"se.spoc", "fi.spoc", "no.spoc", "se.spoc", "se.spoc"} {
		if order[i] != want {
			t.Errorf("turn %d is of %s, not of %s", i, order[i], want)
		}
	}
	if turns.free != 1 || len(turns.parties)+len(turns.waits) != 0 {
		t.Errorf("at rest there are %d free turns, and %v wait", turns.free, turns.waits)
	}
}

func waiting(t *Turns) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.waits {
		for _, w := range l.waits {
			n += len(w)
		}
	}
	return n
}

// A party with many desks that wait has no more turns than a party with one; its desks
// take its turns among them.
func TestPartiesTakeTurns(t *testing.T) {
	turns := NewTurns(1)
	var order []signed.Address // written within a turn alone
	var all sync.WaitGroup
	turns.begin("se.spoc")
	for _, desk := range []signed.Address{"se.spoc", "se.ncb", "se.liaison-oslo", "fi.spoc", "se.spoc", "fi.spoc"} {
		before := waiting(turns)
		all.Go(func() {
			turns.begin(desk)
			order = append(order, desk)
			turns.end()
		})
		for waiting(turns) < before+1 {
			runtime.Gosched()
		}
	}
	turns.end()
	all.Wait()
	if want := []signed.Address{"se.spoc", "fi.spoc", "se.ncb", "fi.spoc", "se.liaison-oslo", "se.spoc"}; !slices.Equal(order, want) {
		t.Errorf("the turns are of %v, not of %v", order, want)
	}
}

// No more run at once than there are turns, and each item has its own.
func TestTurnsAreBounded(t *testing.T) {
	turns := NewTurns(2)
	var running, most, done atomic.Int64
	var calls sync.WaitGroup
	for _, desk := range []signed.Address{"se.spoc", "fi.spoc", "no.spoc"} {
		calls.Go(func() {
			err := turns.Each(t.Context(), desk, 50, func(int) error {
				n := running.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				runtime.Gosched()
				running.Add(-1)
				done.Add(1)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if most.Load() > 2 || done.Load() != 150 {
		t.Errorf("of 150 items %d had a turn, %d at once", done.Load(), most.Load())
	}
}

// A fault, and a panic, end the call and give the turn back.
func TestFaultsEndTheCall(t *testing.T) {
	turns := NewTurns(1)
	fault := errors.New("disk on fire")
	for name, c := range map[string]struct {
		do   func(i int) error
		want func(error) bool
	}{
		"fault": {func(i int) error {
			if i == 3 {
				return fault
			}
			return nil
		}, func(err error) bool { return errors.Is(err, fault) }},
		"panic": {func(int) error { panic("Hemlig") }, func(err error) bool {
			return err != nil && strings.Contains(err.Error(), "panic with a string") && !strings.Contains(err.Error(), "Hemlig")
		}},
	} {
		if err := turns.Each(t.Context(), "se.spoc", 100, c.do); !c.want(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := turns.Each(ended, "se.spoc", 1, func(int) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a call whose caller left: %v", err)
	}
	if turns.free != 1 {
		t.Errorf("%d turns are free", turns.free)
	}
}
