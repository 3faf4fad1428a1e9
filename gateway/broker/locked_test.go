package broker_test

import (
	"context"
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"samband/gateway/broker"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
	"samband/gateway/problem"
)

// lockIndex is what a backup or a curious reader does, until unlock.
func (w *world) lockIndex(how ...string) (unlock func()) {
	w.Helper()
	db, err := sql.Open("sqlite", "file:"+w.path("index.db"))
	check(w, err)
	db.SetMaxOpenConns(1)
	for _, text := range how {
		_, err = db.Exec(text)
		check(w, err)
	}
	return func() {
		_, err := db.Exec("ROLLBACK")
		check(w, errors.Join(err, db.Close()))
	}
}

// says waits until /readyz is of a status and has the words.
func (r *running) says(t testing.TB, status int, words string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		code, lines := r.get(t, "/readyz")
		if code == status && strings.Contains(lines, words) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("readyz says %d %s", code, lines)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// While another process has the index locked the broker accepts nothing and says so, for
// however long; it goes on by itself once the lock is gone, with all that it had accepted.
func TestLockedIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se := w.desks["se.spoc"]
	unlock := w.lockIndex("BEGIN IMMEDIATE")
	before := se.envelope("fi.spoc")
	a := se.accepted(before) // the index trails
	b.says(t, http.StatusServiceUnavailable, "index: NOT READY: the index can't be written; the broker goes on by itself")
	tries := time.Now()
	for time.Since(tries) < 3*time.Second { // longer than a try waits, and then another
		if _, err := se.submit(se.envelope("fi.spoc")); problem.CodeOf(err) != problem.BrokerBusy {
			t.Fatalf("beside a locked index: %v", err)
		}
		if code, lines := b.get(t, "/readyz"); code == http.StatusOK {
			t.Fatalf("readyz says %s", lines)
		}
		time.Sleep(100 * time.Millisecond)
	}
	unlock()
	b.says(t, http.StatusOK, "")
	if again := se.accepted(before); w.prove(again.Acceptance).Text() != w.prove(a.Acceptance).Text() {
		t.Error("it has another acceptance")
	}
	se.accepted(se.envelope("fi.spoc"))
	b.stop()
	w.start().found(t)
}

// Where the index is locked while the broker is down its start fails, changes nothing, and may
// be tried again.
func TestStartBesideALockedIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.desks["se.spoc"].accepted(w.desks["se.spoc"].envelope("fi.spoc"))
	b.stop()
	unlock := w.lockIndex("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE")
	if b, err := broker.New(broker.Config{Dir: w.dir}); err == nil || !broker.MayPass(err) {
		t.Errorf("start beside a locked index: %v, %v", b, err)
	}
	unlock()
	w.start().found(t)
}

// A journal that does not answer.
type silentJournal struct {
	sequencer.Journal
	asked, answer chan struct{}
}

func (s *silentJournal) Append(ctx context.Context, data []byte, last uint64) (uint64, error) {
	if s.asked != nil {
		close(s.asked)
		s.asked = nil
		<-s.answer
	}
	return s.Journal.Append(ctx, data, last)
}

// A write that is not answered is said before it has failed, and by nothing else than itself:
// no check is green while callers wait for it.
func TestSlowWriteIsSaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.untilRemoved(b)
	s := &silentJournal{answer: make(chan struct{})}
	rival, err := b.Rival(func(j sequencer.Journal) sequencer.Journal { s.Journal = j; return s })
	check(t, err)
	s.asked = make(chan struct{})
	asked := s.asked
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { rival.Run(ctx) })
	e := w.desks["se.spoc"].envelope("fi.spoc")
	running.Go(func() { order(t, rival, e) })
	<-asked
	check(t, rival.Accepting())
	deadline := time.Now().Add(20 * time.Second)
	for rival.Accepting() == nil {
		if time.Now().After(deadline) {
			t.Fatal("it is not said")
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := rival.Halted(sequencer.HaltJournal); err == nil || rival.Halted(sequencer.HaltRecords) != nil {
		t.Errorf("JOURNAL: %v", err)
	}
	close(s.answer)
	for rival.Accepting() != nil {
		time.Sleep(time.Millisecond)
	}
	cancel()
	running.Wait()
	b.stop()
}

// A journal from which nothing can be removed until it is opened anew, as one whose disk failed
// a delete.
type stuck struct {
	sequencer.Journal
	reopened atomic.Int32
	stays    bool // it doesn't help
}

func (s *stuck) Delete(ctx context.Context, number uint64) error {
	if s.reopened.Load() == 0 || s.stays {
		return errors.New("it stays")
	}
	return s.Journal.Delete(ctx, number)
}

func (s *stuck) Reopen(ctx context.Context) error {
	s.reopened.Add(1)
	return s.Journal.Reopen(ctx)
}

// A delete that fails has JOURNAL opened anew before a group meets that it takes no writes; once,
// if that does not help.
func TestDeleteThatFails(t *testing.T) {
	t.Parallel()
	for _, stays := range []bool{false, true} {
		w := newWorld(t)
		b := w.start()
		s := &stuck{stays: stays}
		rival, err := b.Rival(func(j sequencer.Journal) sequencer.Journal { s.Journal = j; return s })
		check(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { rival.Run(ctx) })
		last := b.LastGroup()
		deadline := time.Now().Add(20 * time.Second)
		for s.reopened.Load() == 0 || !stays && b.HasGroup(last) {
			if time.Now().After(deadline) {
				t.Fatalf("it was opened anew %d times, and has group %d: %t", s.reopened.Load(), last, b.HasGroup(last))
			}
			time.Sleep(10 * time.Millisecond)
		}
		for rival.Accepting() != nil {
			time.Sleep(10 * time.Millisecond)
		}
		order(t, rival, w.desks["se.spoc"].envelope("fi.spoc"))
		cancel()
		running.Wait()
		if n := s.reopened.Load(); n != 1 {
			t.Errorf("it was opened anew %d times", n)
		}
		b.stop()
	}
}

func order(t *testing.T, s *sequencer.Sequencer, e *envelope.Envelope) {
	if _, err := s.Do(context.Background(), sequencer.Submission{Envelope: e, Raw: e.Bytes(), DecidedAt: s.Register().Now().Size(), Seen: s.Seen()}); err != nil {
		t.Error(err)
	}
}
