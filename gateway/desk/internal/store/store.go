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
// What can be asked for again is an UpdateUnsynced: a kill keeps it, a power cut
// may take it. All that wait to write share one commit (writer.go).
//
// Bodies lie here only as they crossed the wire: sealed. What stands in the
// open is what the broker saw too: headers, states, times, and proofs. The file
// keys are wrapped under the storage key of the locked ring; [Tx.Erase], then
// [Store.Scrub], takes one away together with what it opens.
package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"

	"samband/gateway/signed"
)

// A Store is an open database. One process opens it.
type Store struct {
	db       *sql.DB  // of readers
	prepared sync.Map // the *sql.Stmt of each query of theirs: to parse one costs more than to run it
	read     atomic.Int64
	*writer
}

// connections is how many stay open for readers: the workers and whoever asks.
const connections = 8

// ErrNotFound says that no row has that key.
var ErrNotFound = errors.New("not found")

// Open opens the database at path, makes it when it is absent, and brings its
// tables to this version's form. moved hears of each sent message whose state was
// written, once that is committed; it must not wait.
func Open(path string, moved func(signed.ID, State)) (*Store, error) {
	q := url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)",
		"foreign_keys(ON)", "busy_timeout(10000)",
	}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open database %q: %w", path, err)
	}
	db.SetMaxIdleConns(connections)
	s := &Store{db: db}
	if s.writer, err = newWriter(s, moved); err == nil {
		err = s.migrate()
	}
	if err != nil {
		return nil, fmt.Errorf("open database %q: %w", path, errors.Join(err, s.Close()))
	}
	return s, nil
}

// RowsRead says how many rows queries have given since the database was opened:
// by how much it grows, a call shows what it costs, on any machine.
func (s *Store) RowsRead() int64 { return s.read.Load() }

// Close closes the database.
func (s *Store) Close() error {
	if s.writer != nil {
		s.writer.close()
	}
	return s.db.Close()
}

// Check reports whether the database answers.
func (s *Store) Check() error {
	var one int
	return s.db.QueryRow("SELECT 1").Scan(&one)
}

// A Tx is one transaction, or one savepoint of it.
type Tx struct {
	store *Store
	stmt  func(query string) (*sql.Stmt, error)
	moved []move
}

// View runs f on one state of the database.
func (s *Store) View(f func(*Tx) error) error {
	tx, err := s.db.Begin()
	if err != nil {
		return fmt.Errorf("begin reading: %w", err)
	}
	defer tx.Rollback()
	return f(&Tx{store: s, stmt: func(query string) (*sql.Stmt, error) {
		stmt, err := s.prepare(query)
		if err != nil {
			return nil, err
		}
		return tx.Stmt(stmt), nil
	}})
}

// prepare parses a query once for all that run it. Queries are constants of this
// package, so there are few.
func (s *Store) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := s.prepared.Load(query); ok {
		return stmt.(*sql.Stmt), nil
	}
	stmt, err := s.db.Prepare(query)
	if err != nil {
		return nil, err
	}
	if first, ok := s.prepared.LoadOrStore(query, stmt); ok {
		return first.(*sql.Stmt), stmt.Close()
	}
	return stmt, nil
}

// exec runs a statement that must touch a row.
func (t *Tx) exec(what, query string, args ...any) error {
	n, err := t.run(query, args...)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// put runs a statement that may find nothing to do.
func (t *Tx) put(what, query string, args ...any) error {
	if _, err := t.run(query, args...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// run runs a statement and says how many rows it touched.
func (t *Tx) run(query string, args ...any) (int64, error) {
	stmt, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := stmt.Exec(args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row reads one row; ErrNotFound when there is none.
func (t *Tx) row(what string, into []any, query string, args ...any) error {
	stmt, err := t.stmt(query)
	if err == nil {
		t.store.read.Add(1)
		err = stmt.QueryRow(args...).Scan(into...)
	}
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
	all, err := scanAll(t, scan, query, args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return all, nil
}

func scanAll[T any](t *Tx, scan func(func(...any) error) (T, error), query string, args ...any) ([]T, error) {
	stmt, err := t.stmt(query)
	if err != nil {
		return nil, err
	}
	rs, err := stmt.Query(args...)
	if err != nil {
		return nil, err
	}
	defer rs.Close()
	var out []T
	for rs.Next() {
		t.store.read.Add(1)
		v, err := scan(rs.Scan)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rs.Err()
}
