package mail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"samband/gateway/api"
)

// A drain of numbers: each call submits one, and some fail.
func drained(from *int64, waits []int64, fails func(n int64, calls int) error) (calls []int64) {
	drain(context.Background(), from, func(after int64) ([]int64, int64, error) {
		for _, n := range waits {
			if n > after {
				return []int64{n}, n, nil
			}
		}
		return nil, after, nil
	}, func(_ context.Context, group []int64) error {
		calls = append(calls, group[0])
		return fails(group[0], len(calls))
	}, unreachable)
	return calls
}

// One failed call ends no queue: what breaks off on the second keeps up none behind it,
// also where the line is down for a while after each such call.
func TestOneFailedCallEndsNoQueue(t *testing.T) {
	unreached := fmt.Errorf("dial: %w", api.ErrUnreachable)
	broken := fmt.Errorf("%w: %w", api.ErrUnreachable, api.ErrBroken)
	waits := []int64{1, 2, 3, 4}
	var from int64
	for name, c := range map[string]struct {
		fails func(n int64, calls int) error
		calls [][]int64 // of each drain
	}{
		"nothing fails": {func(int64, int) error { return nil }, [][]int64{{1, 2, 3, 4}, {1, 2, 3, 4}}},
		"one is refused": {func(n int64, _ int) error {
			if n == 2 {
				return errors.New("refused")
			}
			return nil
		}, [][]int64{{1, 2, 3, 4}, {1, 2, 3, 4}}},
		"one breaks off": {func(n int64, _ int) error {
			if n == 2 {
				return broken
			}
			return nil
		}, [][]int64{{1, 2, 3, 4}, {3, 4, 1, 2, 3, 4}}},
		"nobody is there": {func(int64, int) error { return unreached }, [][]int64{{1}, {1}}},
		"one breaks the line": {func(n int64, calls int) error {
			switch {
			case n == 2:
				return broken
			case n == 3 && calls == 3:
				return unreached
			}
			return nil
		}, [][]int64{{1, 2, 3}, {3, 4, 1, 2, 3, 4}}},
	} {
		from = 0
		for n, want := range c.calls {
			if got := drained(&from, waits, c.fails); !slices.Equal(got, want) {
				t.Errorf("%s: drain %d submits %v, expected %v", name, n+1, got, want)
			}
		}
	}
}

// A load is halved after a failure and after what took long, and grows by what was quick
// and full, within its bounds.
func TestALoadGoesByWhatTheLineTakes(t *testing.T) {
	l := firstPage
	for n, c := range []struct {
		do   func()
		want load
	}{
		{l.failed, firstPage / 2},
		{func() { l.carried(int(l), api.MaxPage, longCall+1) }, firstPage / 4},
		{func() { l.carried(int(l), api.MaxPage, longCall/2) }, firstPage / 4},
		{func() { l.carried(100, api.MaxPage, 0) }, firstPage / 4},
		{func() { l.carried(int(l), api.MaxPage, longCall/5) }, firstPage / 2},
		{func() { l.page(100, time.Hour) }, firstPage / 2}, // it waited
		{func() { l.page(int(l), longCall/5) }, firstPage},
		{func() {
			for range 20 {
				l.failed()
			}
		}, leastLoad},
		{func() {
			for range 20 {
				l.page(int(l), 0)
			}
		}, api.MaxPage},
	} {
		if c.do(); l != c.want {
			t.Errorf("step %d: %d, expected %d", n, l, c.want)
		}
	}
}

// What is here of a catchup is what follows without a gap.
func TestACatchupGoesOn(t *testing.T) {
	entries := func(from, to int) (all [][]byte) {
		for n := from; n < to; n++ {
			all = append(all, []byte{byte(n)})
		}
		return all
	}
	var c catchup
	for n, step := range []struct{ from, to, have, until int }{
		{3, 5, 3, 5},     // an answer's
		{5, 8, 3, 8},     // a page
		{3, 4, 3, 8},     // of another answer, after a call that broke off
		{6, 9, 3, 9},     // a page that overlaps
		{12, 13, 12, 13}, // behind a gap
		{1, 2, 1, 2},     // before what is here
	} {
		c.add(int64(step.from), entries(step.from, step.to))
		got := c.since(int64(step.have))
		if want := entries(step.have, step.until); !slices.EqualFunc(got, want, slices.Equal[[]byte]) {
			t.Errorf("step %d: from %d on %v, expected %v", n, step.have, got, want)
		}
	}
	if c.forget(); c.since(1) != nil {
		t.Error("what was forgotten is here")
	}
}
