package broker_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
	"samband/gateway/problem"
)

func straight(j sequencer.Journal) sequencer.Journal { return j }

// A second writer on the same store fences the first out, which stops, and
// destroys nothing.
func TestFencedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se := w.desks["se.spoc"]
	p := w.earlier()
	before := w.answers(p)
	if _, err := b.Rival(straight); err != nil {
		t.Fatal(err)
	}
	last := b.LastGroup()
	_, err := se.submit(se.envelope("fi.spoc"))
	wants(t, err, problem.BrokerStopped)
	if got := b.Started().Stopped; !strings.HasPrefix(got, "fenced-out: ") {
		t.Errorf("stopped for %q", got)
	}
	w.acceptsNothing()
	if b.LastGroup() != last || !b.HasGroup(last) {
		t.Errorf("JOURNAL ends with %d, and ended with %d", b.LastGroup(), last)
	}
	b.stop()
	w.start().found(t, "index-behind")
	w.same(before, w.answers(p))
}

// A vague journal writes or doesn't, and gives no clear answer either way.
type vague struct {
	sequencer.Journal
	mu    sync.Mutex
	calls int
}

func (v *vague) Append(ctx context.Context, data []byte, expectLast uint64) (uint64, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.calls++
	switch v.calls % 3 {
	case 0: // written, and the answer is lost
		_, err := v.Journal.Append(ctx, data, expectLast)
		return 0, errors.Join(errors.New("the answer is lost"), err)
	case 1: // not written
		return 0, errors.New("the connection is lost")
	default:
		return v.Journal.Append(ctx, data, expectLast)
	}
}

// Whatever JOURNAL answers, each message is accepted once.
func TestUnclearAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se := w.desks["se.spoc"]
	rival, err := b.Rival(func(j sequencer.Journal) sequencer.Journal { return &vague{Journal: j} })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { rival.Run(ctx) })
	view := rival.Register().Now()
	leaves := map[int64]bool{}
	for range 12 {
		e := se.envelope("fi.spoc")
		for range 2 {
			done, err := rival.Do(ctx, sequencer.Submission{Envelope: e, Raw: e.Bytes(), DecidedAt: view.Size()})
			if err != nil {
				t.Fatal(err)
			}
			leaves[done.Event.Leaf] = true
		}
	}
	if len(leaves) != 12 {
		t.Errorf("12 messages have %d leaves", len(leaves))
	}
	cancel()
	running.Wait()
	b.stop()
	if audit, _ := w.checkLogs(); audit.Size != 12 {
		t.Errorf("the log has %d entries", audit.Size)
	}
}

// What waits together is one group: the first of an id wins, its twin gets the
// same entry, and another text of the id is refused.
func TestOneGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se := w.desks["se.spoc"]
	rival, err := b.Rival(straight)
	if err != nil {
		t.Fatal(err)
	}
	view := rival.Register().Now()
	e := se.envelope("fi.spoc")
	other := se.envelope("fi.spoc", func(h *envelope.Header) { h.ID = e.ID })
	results := make(chan string, 20)
	var all sync.WaitGroup
	for i := range 20 {
		x := e
		if i%2 == 1 {
			x = other
		}
		all.Go(func() {
			done, err := rival.Do(context.Background(), sequencer.Submission{Envelope: x, Raw: x.Bytes(), Bytes: envelope.HashOfBytes(x.Bytes()), CheckedAt: view.Size(), Signed: true, DecidedAt: view.Size()})
			if err != nil {
				results <- string(problem.CodeOf(err))
				return
			}
			results <- fmt.Sprint(done.Event.Leaf)
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { rival.Run(ctx) })
	all.Wait()
	cancel()
	running.Wait()
	close(results)
	got := map[string]int{}
	for r := range results {
		got[r]++
	}
	if got["0"] != 10 || got[string(problem.IDReused)] != 10 {
		t.Errorf("20 submissions of one id: %v", got)
	}
}
