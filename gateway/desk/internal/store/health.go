package store

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// health is what the last uses of the database said.
type health struct {
	mu      sync.Mutex
	written time.Time // when the last write passed
	failed  error     // why the last one did not
	damage  error     // the first word of SQLite that the file is damaged
	trying  bool      // a write is tried now
}

func (h *health) well() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.written, h.failed, h.damage = time.Now(), nil, nil
}

// watched looks whether an error of SQLite says that the database is malformed: then Check
// says so, until it was opened anew.
func (s *Store) watched(err error) error {
	if err == nil {
		return nil
	}
	if err = malformed(err); errors.Is(err, ErrMalformed) {
		s.state.mu.Lock()
		defer s.state.mu.Unlock()
		if s.state.damage == nil {
			s.state.damage = err
		}
	}
	return err
}

// wrote notes how a commit of so many writes ended.
func (s *Store) wrote(n int, err error) {
	if n == 0 {
		return
	}
	s.state.mu.Lock()
	defer s.state.mu.Unlock()
	if s.state.failed = err; err == nil {
		s.state.written = time.Now()
	}
}

// Of a write that is older than lately, Check knows no more whether the next would pass: it
// tries one, and does not wait longer than soon for it.
const (
	lately = 10 * time.Second
	soon   = 2 * time.Second
)

// Check reports whether the database can be read and takes writes.
func (s *Store) Check() error {
	h, err := s.handle()
	if err != nil {
		return err
	}
	select {
	case <-h.failed:
		return h.failure()
	default:
	}
	if now, err := os.Lstat(s.path); err != nil || !os.SameFile(h.file, now) {
		return fmt.Errorf("%s was removed or replaced while the desk has it open: what is written is lost when the desk ends", s.path)
	}
	s.state.mu.Lock()
	damage, stale := s.state.damage, s.state.failed != nil || time.Since(s.state.written) > lately
	first := stale && !s.state.trying
	s.state.trying = s.state.trying || first
	s.state.mu.Unlock()
	switch {
	case damage != nil:
		return damage
	case first:
		return s.tryWrite()
	case stale:
		return errors.New("a write waits: another program has the desk's database locked, or its disk is slow")
	}
	var one int
	return s.watched(h.db.QueryRow("SELECT 1 FROM mark").Scan(&one))
}

// tryWrite writes what is there already.
func (s *Store) tryWrite() error {
	done := make(chan error, 1)
	go func() {
		done <- s.enqueue(&write{do: func(tx *Tx) error { return tx.exec("try to write", `UPDATE mark SET commits = commits`) }})
		s.state.mu.Lock()
		defer s.state.mu.Unlock()
		s.state.trying = false
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(soon):
		return fmt.Errorf("a write waits for more than %s: another program has the desk's database locked, or its disk is slow", soon)
	}
}
