package broker_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
)

// A measured journal keeps how large each group was.
type measured struct {
	sequencer.Journal
	mu    sync.Mutex
	sizes []int
}

func (m *measured) Append(ctx context.Context, data []byte, expectLast uint64) (uint64, error) {
	n, err := m.Journal.Append(ctx, data, expectLast)
	if err == nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.sizes = append(m.sizes, len(data))
	}
	return n, err
}

// 4 MiB that wait together, and before them 4 MiB less one byte: as one act they
// would pass a group's bound, and be tried again for ever. As acts that stand
// together they are cut, and each is ordered once, in its place.
func TestSequenceBehindAFullGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.untilRemoved(b) // the index is at rest
	se := w.desks["se.spoc"]
	m := &measured{}
	rival, err := b.Rival(func(j sequencer.Journal) sequencer.Journal { m.Journal = j; return m })
	check(t, err)
	size := rival.Register().Now().Size()
	together := func(bytes ...int) (acts []sequencer.Act) {
		for _, n := range bytes {
			acts = append(acts, sequencer.Submission{Envelope: se.envelope("fi.spoc"), Raw: make([]byte, n), DecidedAt: size})
		}
		return acts
	}
	const mib = 1 << 20
	calls := [][]sequencer.Act{together(mib, mib, mib, mib-1), together(mib, mib, mib, mib), together(mib, mib, mib, mib)}
	leaves := make([][]int64, len(calls))
	var began, all, running sync.WaitGroup
	for i, acts := range calls {
		began.Add(1)
		all.Go(func() {
			began.Done()
			results, err := rival.DoAll(t.Context(), acts...)
			if err != nil {
				t.Error(err)
			}
			for _, r := range results {
				if r.Err != nil {
					t.Error(r.Err)
					return
				}
				leaves[i] = append(leaves[i], r.Done.Event.Leaf)
			}
		})
	}
	began.Wait() // all of it waits before the writer runs
	opened := len(m.sizes)
	ctx, cancel := context.WithCancel(context.Background())
	running.Go(func() { rival.Run(ctx) })
	all.Wait()
	cancel()
	running.Wait()
	first := map[int64]bool{}
	for i, call := range leaves {
		if len(call) != 4 || call[3]-call[0] != 3 {
			t.Errorf("call %d is ordered as %v", i, call)
			continue
		}
		first[call[0]] = true
	}
	if len(first) != len(calls) {
		t.Errorf("the calls are ordered as %v", leaves)
	}
	if groups := len(m.sizes) - opened; groups < 2 {
		t.Errorf("12 MiB came into %d groups", groups)
	}
	for _, size := range m.sizes {
		if size > 8<<20-4096 {
			t.Errorf("a group has %d bytes", size)
		}
	}
}

// Sequences of 4 MiB from three desks at once pass the whole broker.
func TestLongestSequences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	se := w.desks["se.spoc"]
	se.sealed = 1<<20 - 12<<10
	var calls sync.WaitGroup
	for range 3 {
		var raw [][]byte
		var made []*envelope.Envelope
		for range 4 {
			e := se.envelope("fi.spoc")
			made, raw = append(made, e), append(raw, e.Bytes())
		}
		calls.Go(func() {
			a, err := se.client.Submit(t.Context(), api.Heads{Register: w.register.Size()}, raw)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range a.Items {
				if err := a.Items[i].Refusal(); err != nil {
					t.Error(err)
				} else if r := w.prove(a.Items[i].Acceptance); r.Message != made[i].TextHash() {
					t.Errorf("item %d is answered with %+v", i, r)
				}
			}
		})
	}
	calls.Wait()
	fi := w.desks["fi.spoc"]
	if n := len(fi.inbox(20 * time.Second).Items); n == 0 {
		t.Error("the recipient has nothing")
	}
}

// A group has copies of what it keeps: it stays in memory for a while, and the items
// of a call lie in one body.
func TestItemsAreCopied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.untilRemoved(b) // the index is at rest
	rival, err := b.Rival(straight)
	check(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { rival.Run(ctx) })
	e := w.desks["se.spoc"].envelope("fi.spoc")
	raw := e.Bytes()
	done, err := rival.Do(ctx, sequencer.Submission{Envelope: e, Raw: raw, DecidedAt: w.register.Size()})
	check(t, err)
	clear(raw)
	kept, err := rival.Bytes(ctx, done.Event)
	check(t, err)
	if !bytes.Equal(kept, e.Bytes()) {
		t.Error("the group changes with the call's body")
	}
	cancel()
	running.Wait()
}
