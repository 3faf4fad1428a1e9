package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"samband/gateway/broker/internal/journal"
)

func TestFence(t *testing.T) {
	s := create(t)
	fill(t, s, 3)
	for _, stale := range []uint64{0, 2, 4, 1 << 40} {
		if _, err := s.Append(t.Context(), []byte("x"), stale); !errors.Is(err, journal.ErrFenced) {
			t.Errorf("append behind %d: %v", stale, err)
		}
	}
	wantEnds(t, s, "1-3")
	// The fence stands on the last number ever given, not on what is left.
	if err := s.Delete(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), []byte("x"), 2); !errors.Is(err, journal.ErrFenced) {
		t.Errorf("append behind a group before the deleted one: %v", err)
	}
	if seq, err := s.Append(t.Context(), []byte("x"), 3); err != nil || seq != 4 {
		t.Errorf("append behind the deleted group: %d, %v", seq, err)
	}
}

func TestOfManyWritersOneWins(t *testing.T) {
	s := create(t)
	fill(t, s, 1)
	const writers = 16
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { _, errs[i] = s.Append(t.Context(), []byte{byte(i)}, 1) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if !errors.Is(err, journal.ErrFenced) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
	wantEnds(t, s, "1-2")
}

func TestFullJournalTakesNothingUntilGroupsGo(t *testing.T) {
	s := open(t, Config{Dir: t.TempDir(), MaxBytes: 1 << 20, Create: true})
	data := bytes.Repeat([]byte("x"), 100_000)
	var last uint64
	var err error
	for err == nil {
		if _, err = s.Append(t.Context(), data, last); err == nil {
			last++
		}
	}
	if !errors.Is(err, journal.ErrFull) || last != 10 {
		t.Fatalf("after %d groups: %v", last, err)
	}
	if used, limit, err := s.Usage(t.Context()); err != nil || used <= 1_000_000 || used > limit {
		t.Errorf("used %d of %d: %v", used, limit, err)
	}
	// A small group still fits: this is why ends go on when accepting stops.
	if last, err = s.Append(t.Context(), []byte("an end"), last); err != nil {
		t.Errorf("append of a small group: %v", err)
	}
	if err := s.Delete(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	if _, err = s.Append(t.Context(), data, last); err != nil {
		t.Errorf("append after a delete: %v", err)
	}
	wantEnds(t, s, "1-12")
}

func TestLargestGroup(t *testing.T) {
	s := create(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), maxGroup/16)
	if _, err := s.Append(t.Context(), append(data, 'x'), 0); !errors.Is(err, errTooLarge) {
		t.Errorf("one byte too many: %v", err)
	}
	if _, err := s.Append(t.Context(), data, 0); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Read(t.Context(), 1); err != nil || !bytes.Equal(got, data) {
		t.Errorf("read back %d bytes: %v", len(got), err)
	}
}

func TestNoAnswerIsDoubt(t *testing.T) {
	s := create(t)
	fill(t, s, 1)
	if _, err := s.Append(gone(t), []byte("x"), 1); !errors.Is(err, errUnsure) {
		t.Errorf("append by a caller who left: %v", err)
	}
	// JetStream can stop by itself, when a write is not permitted for instance.
	if err := s.open.Load().server.ShutdownJetStream(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Append(ctx, []byte("x"), 1); !errors.Is(err, errUnsure) {
		t.Errorf("append with JetStream stopped: %v", err)
	}
	if _, err := s.Last(ctx); err == nil {
		t.Error("a stopped JetStream answers")
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{6 << 10, 400 << 10, 4 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			s, err := Open(b.Context(), Config{Dir: b.TempDir(), MaxBytes: 20 << 30, Create: true})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			data := bytes.Repeat([]byte("x"), size)
			b.SetBytes(int64(size))
			var last uint64
			for b.Loop() {
				if last, err = s.Append(b.Context(), data, last); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// gone is the context of a caller who has left.
func gone(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
