// Package store is a desk's database: one SQLite file that survives power loss
// and tells a thief little.
//
//	s, err := store.Open(path)
//	err = s.Update(func(tx *store.Tx) error {
//		if err := tx.AddMessage(hash, note, sealed); err != nil {
//			return err
//		}
//		return tx.AddOutbox(item)
//	}) // nil: on the disk, all of it
//	err = s.View(func(tx *store.Tx) error { … })
//
// What must be true together is one Update: an inbox row and the signed
// statement about it, an answer of the broker and the heads it was believed
// under. Update returns after the disk has it (WAL, synchronous=FULL), so what
// happens next may rely on it, and a desk killed anywhere goes on from here.
//
// Bodies lie here only as they crossed the wire: sealed. What stands in the
// open is what the broker saw too: headers, states, times, and proofs. The file
// keys are wrapped under the storage key of the locked ring; deleting one
// ([Tx.DropFileKey], then [Store.Scrub]) erases its message.
package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"

	_ "modernc.org/sqlite" // the driver
)

// A Store is an open database. One process opens it.
type Store struct {
	db      *sql.DB
	writing sync.Mutex // one Update at a time
}

// ErrNotFound says that no row has that key.
var ErrNotFound = errors.New("not found")

// Open opens the database at path, makes it when it is absent, and brings its
// tables to this version's form.
func Open(path string) (*Store, error) {
	q := url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)",
		"foreign_keys(ON)", "busy_timeout(10000)",
	}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open database %q: %w", path, err)
	}
	s := &Store{db: db}
	if err := s.migrate(); err != nil {
		db.Close()
		return nil, fmt.Errorf("open database %q: %w", path, err)
	}
	return s, nil
}

// Close closes the database.
func (s *Store) Close() error { return s.db.Close() }

// Check reports whether the database answers.
func (s *Store) Check() error {
	var one int
	return s.db.QueryRow("SELECT 1").Scan(&one)
}

// A Tx is one transaction.
type Tx struct{ tx *sql.Tx }

// Update runs f in one transaction: all of it is durable when Update returns
// nil, none of it when it returns an error. f must not call Update.
func (s *Store) Update(f func(*Tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.run(f)
}

// View runs f on one state of the database.
func (s *Store) View(f func(*Tx) error) error {
	tx, err := s.db.Begin()
	if err != nil {
		return fmt.Errorf("begin reading: %w", err)
	}
	defer tx.Rollback()
	return f(&Tx{tx})
}

func (s *Store) run(f func(*Tx) error) error {
	tx, err := s.db.Begin()
	if err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	defer tx.Rollback()
	if err := f(&Tx{tx}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Scrub moves the write-ahead log into the database and empties it, so that
// nothing deleted before stays in it.
func (s *Store) Scrub() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var busy, pages, moved int
	if err := s.db.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved); err != nil {
		return fmt.Errorf("empty the write-ahead log: %w", err)
	}
	if busy != 0 {
		return errors.New("empty the write-ahead log: a reader is in the way")
	}
	return nil
}

// exec runs a statement that must touch exactly one row.
func (t *Tx) exec(what, query string, args ...any) error {
	res, err := t.tx.Exec(query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	return nil
}

// put runs a statement that may find nothing to do.
func (t *Tx) put(what, query string, args ...any) error {
	if _, err := t.tx.Exec(query, args...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// row reads one row; ErrNotFound when there is none.
func (t *Tx) row(what string, into []any, query string, args ...any) error {
	err := t.tx.QueryRow(query, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// rows reads every row with scan.
func rows[T any](t *Tx, what string, scan func(func(...any) error) (T, error), query string, args ...any) ([]T, error) {
	rs, err := t.tx.Query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer rs.Close()
	var out []T
	for rs.Next() {
		v, err := scan(rs.Scan)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		out = append(out, v)
	}
	if err := rs.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return out, nil
}
