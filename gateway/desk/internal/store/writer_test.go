package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// add keeps a message that is named by its text.
func add(text string) func(*Tx) error {
	return func(tx *Tx) error { return tx.AddText(signed.HashOf(text), []byte("note"), []byte(text)) }
}

func has(t *testing.T, s *Store, text string) bool {
	t.Helper()
	err := s.View(func(tx *Tx) error { _, err := tx.Note(signed.HashOf(text)); return err })
	if err != nil && !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

// together has the writer take all these writes as one group: they wait while a
// write before them is under way.
func together(t *testing.T, s *Store, writes ...func(*Tx) error) []error {
	t.Helper()
	begun, release := make(chan struct{}), make(chan struct{})
	errs := make([]error, len(writes))
	var all sync.WaitGroup
	all.Go(func() {
		if err := s.Update(func(*Tx) error { close(begun); <-release; return nil }); err != nil {
			t.Error(err)
		}
	})
	<-begun
	queued := make([]*write, len(writes))
	for i, f := range writes {
		queued[i] = &write{do: f, synced: true, done: make(chan error, 1)}
		s.open.Load().queue <- queued[i]
	}
	close(release)
	for i, x := range queued {
		select {
		case errs[i] = <-x.done:
		case <-s.open.Load().ended:
			errs[i] = s.open.Load().failure()
		}
	}
	all.Wait()
	return errs
}

// Of a group, the write that fails and the one that panics take nothing with them,
// and leave nothing.
func TestGroup(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	no := errors.New("no")
	errs := together(t, s, add("first"),
		func(tx *Tx) error { return errors.Join(add("fails")(tx), no) },
		func(tx *Tx) error { add("panics")(tx); panic("suspect's name") },
		add("last"))
	if errs[0] != nil || errs[3] != nil || !errors.Is(errs[1], no) || errs[2] == nil {
		t.Errorf("answered %v", errs)
	}
	for text, want := range map[string]bool{"first": true, "fails": false, "panics": false, "last": true} {
		if has(t, s, text) != want {
			t.Errorf("%s is there: %t", text, !want)
		}
	}
	if err := s.Update(add("after")); err != nil {
		t.Errorf("the next write: %v", err)
	}
}

// failCommit has a commit fail, of a group that has these writes too, and checks
// that each of them hears it.
func failCommit(t *testing.T, s *Store, writes ...func(*Tx) error) {
	t.Helper()
	errs := together(t, s, append(writes, func(tx *Tx) error {
		if err := s.open.Load().exec("PRAGMA defer_foreign_keys = ON"); err != nil {
			return err
		}
		return tx.PutFileKey(signed.HashOf("no such message"), []byte("key"))
	})...)
	for i, err := range errs {
		if err == nil {
			t.Errorf("write %d of a failed commit is answered as done", i)
		}
	}
	<-s.Failed()
}

// A commit that fails closes the database: each of its group hears it, and nothing
// is written after it. Opened anew, it has what was there before.
func TestFailedCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "desk.db")
	s := open(t, path)
	if err := s.Update(add("before")); err != nil {
		t.Fatal(err)
	}
	failCommit(t, s, add("of the same group"))
	if s.Check() == nil || s.Update(add("later")) == nil || s.Scrub() == nil {
		t.Error("the database takes writes after a commit that failed")
	}
	if err := s.Reopen(); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]bool{"before": true, "of the same group": false, "later": false} {
		if has(t, s, text) != want {
			t.Errorf("%s is there: %t", text, !want)
		}
	}
}

// Without room nothing of the group is written and each hears it; with room again
// writes are taken as before.
func TestFull(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	limit := func(pages string) {
		t.Helper()
		if err := s.Update(func(*Tx) error {
			_, err := s.open.Load().conn.ExecContext(t.Context(), "PRAGMA max_page_count = "+pages)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	limit("1") // as many as there are
	if err := s.Update(add(strings.Repeat("x", 1<<20))); !isFull(err) {
		t.Fatalf("a write without room: %v", err)
	}
	if has(t, s, strings.Repeat("x", 1<<20)) {
		t.Error("it is there")
	}
	limit("100000")
	if err := s.Update(add("after")); err != nil || s.Check() != nil {
		t.Errorf("with room again: %v, %v", err, s.Check())
	}
}

// A power cut takes what was not synced, and nothing else: what the disk has for
// certain is the write-ahead log up to the last synced commit.
func TestCutAtTheLastSyncedCommit(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "desk.db")
	s := open(t, path)
	log := func() int { return len(read(t, path+"-wal")) }
	steps := []struct {
		text   string
		update func(func(*Tx) error) error
		end    int
	}{
		{"synced first", s.Update, 0}, {"unsynced", s.UpdateUnsynced, 0}, {"unsynced too", s.UpdateUnsynced, 0},
		{"synced behind", s.Update, 0}, {"unsynced last", s.UpdateUnsynced, 0},
	}
	for i := range steps {
		if err := steps[i].update(add(steps[i].text)); err != nil {
			t.Fatal(err)
		}
		steps[i].end = log()
	}
	wal, db := read(t, path+"-wal"), read(t, path)
	for last, cut := range steps {
		copied := filepath.Join(dir, fmt.Sprint("cut", last))
		for name, b := range map[string][]byte{copied: db, copied + "-wal": wal[:cut.end]} {
			if err := os.WriteFile(name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		after := open(t, copied)
		for i, step := range steps {
			if has(t, after, step.text) != (i <= last) {
				t.Errorf("cut behind %q: %q is there: %t", cut.text, step.text, i > last)
			}
		}
	}
}

// A closed database is let go of: nothing has it open, so SQLite has emptied its log
// and taken it away. So it is too if a commit had failed.
func TestClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "desk.db")
	s := open(t, path)
	alone := func(when string) {
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("closed %s, the database is still open: %v", when, err)
		}
		if err := s.Reopen(); err != nil {
			t.Fatal(err)
		}
	}
	alone("at once")
	if err := s.Update(add("text")); err != nil || !has(t, s, "text") {
		t.Fatal(err)
	}
	alone("after a write")
	failCommit(t, s)
	alone("after a commit that failed")
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A sent message's new state is heard of once it is committed, and not when the
// write came to nothing.
func TestMovesAreHeardOf(t *testing.T) {
	var heard []client.State
	s := openHearing(t, filepath.Join(t.TempDir(), "desk.db"), func(_ signed.ID, state client.State) { heard = append(heard, state) })
	r, no := Row{ID: signed.ID{1}, Send: "send", From: "se.spoc", To: "fi.spoc", TextHash: signed.HashOf("text"), State: client.Queued}, errors.New("no")
	err := s.Update(func(tx *Tx) error {
		if err := add("text")(tx); err != nil {
			return err
		}
		return tx.Add(&r)
	})
	if err != nil {
		t.Fatal(err)
	}
	stands := func(at client.State) func(*Tx) error {
		return func(tx *Tx) error { r.State = at; return tx.Put(&r) }
	}
	err = s.Update(func(tx *Tx) error { return errors.Join(stands(client.Consigned)(tx), no) })
	if !errors.Is(err, no) {
		t.Fatal(err)
	}
	if err := s.UpdateUnsynced(stands(client.Accepted)); err != nil {
		t.Fatal(err)
	}
	if len(heard) != 1 || heard[0] != client.Accepted {
		t.Errorf("heard of %v", heard)
	}
}
