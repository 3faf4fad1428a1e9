// Package store is a desk's database: one SQLite file that survives power loss
// and tells a thief little.
//
//	err := store.Make(path, "se.spoc") // once
//	s, err := store.Open(path, "se.spoc", store.DefaultReserve, moved)
//	err = s.Update(func(tx *store.Tx) error {
//		if err := tx.AddText(hash, note, sealed); err != nil {
//			return err
//		}
//		return tx.Add(&row)
//	}) // nil: on the disk, all of it
//	err = s.View(func(tx *store.Tx) error { … })
//
// What must be true together is one Update: a message and the signed statement about
// it, an answer of the broker and the heads it was believed under. Update returns after the disk has it (WAL, synchronous=FULL), so what
// happens next may rely on it, and a desk killed anywhere goes on from here.
// What can be asked for again is an UpdateUnsynced: a kill keeps it, a power cut
// may take it. All that wait to write share one commit (writer.go).
//
// What the disk bent is found when it is read, and is [ErrDamaged]: see seals.go.
//
// Bodies lie here only as they crossed the wire: sealed. What stands in the
// open is what the broker saw too: headers, states, times, and proofs. The file
// keys are wrapped under the storage key of the locked ring; [Tx.Erase], then
// [Store.Scrub], takes one away together with what it opens.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/durable"
	"samband/gateway/signed"
)

// A Store is an open database. One process opens it.
type Store struct {
	path  string
	desk  signed.Address
	space space
	moved func(signed.ID, client.State)
	read  atomic.Int64
	open  atomic.Pointer[handle]
	why   atomic.Pointer[error] // why it is not open, if that failed
	mend  atomic.Pointer[func() error]
	mark  *highWaterMark
	found atomic.Pointer[Found]
	state health

	inspection inspection
	index      durable.LogIndex
}

// A handle is the database as it was opened once.
type handle struct {
	*writer
	file     fs.FileInfo // of the database
	store    *Store
	db       *sql.DB  // of readers
	prepared sync.Map // the *sql.Stmt of each query of theirs: to parse one costs more than to run it
}

// connections is how many stay open for readers: the workers and whoever asks.
const connections = 8

// patience is how long a write waits for another program that has the database locked, such
// as one that makes a backup.
const patience = 10 * time.Second

// ErrNotFound says that no row has that key.
var ErrNotFound = errors.New("not found")

// ErrNone says that there is no database.
var ErrNone = errors.New("there is no database")

// Open opens the database of a desk, as Make made it; one that is missing, of another form
// or of another desk it refuses. reserve is the size of the file that keeps room for what
// must work on a full disk: see room.go. moved hears of each sent message whose row was
// written, once that is committed; it must not wait.
func Open(path string, desk signed.Address, reserve int64, moved func(signed.ID, client.State)) (*Store, error) {
	s := &Store{path: path, desk: desk, space: space{filepath.Dir(path), reserve}, mark: highWaterOf(path), moved: moved}
	return s, s.Reopen()
}

// Reopen opens the database anew, after a commit or a checkpoint failed: what was written and
// not synced may be gone, and what a caller was refused may be there. Where it finds no room
// it takes the reserve away.
func (s *Store) Reopen() error {
	if h := s.open.Load(); h != nil {
		if err := h.failure(); err != nil {
			s.why.Store(&err)
		}
	}
	if s.space.tight() {
		s.space.give()
	}
	err := s.openAnew()
	if err != nil && s.space.give() {
		err = s.openAnew()
	}
	if err != nil {
		err = s.noRoom(err)
		s.why.Store(&err)
	}
	return err
}

// openAnew closes the database, if it is open, and goes the way of a start. The last connection
// that closes moves the write-ahead log into the database, so before that the log must be as
// good as at a start: all of it written anew, and none of it counted as moved.
func (s *Store) openAnew() error {
	h, err := s.open.Load(), error(nil)
	if h != nil {
		h.end()
		err = durable.RewriteLog(s.path)
	}
	if err == nil {
		err = s.index.ForgetMoved(s.path)
	}
	if err != nil {
		return fmt.Errorf("open database %q: %w", s.path, err)
	}
	if err := s.Close(); err != nil {
		return err
	}
	return s.reopen()
}

func (s *Store) reopen() error {
	h, err := s.openWhole()
	if err != nil {
		return fmt.Errorf("open database %q: %w", s.path, malformed(err))
	}
	s.state.well()
	s.open.Store(h)
	return nil
}

// openWhole opens the database and compares it with what is known of it.
func (s *Store) openWhole() (*handle, error) {
	log, kept, err := s.keepDamagedLog()
	if err != nil {
		return nil, err
	}
	if err := durable.RewriteLog(s.path); err != nil {
		return nil, err
	}
	h, err := s.openFile()
	if err != nil {
		return nil, err
	}
	for _, check := range []func() error{h.checkForm, h.checkDesk, h.check, func() error { return s.whole(h, log, kept) }, h.settleLog} {
		if err := check(); err != nil {
			return nil, errors.Join(err, h.close(), s.mark.close())
		}
	}
	return h, nil
}

// settleLog moves the write-ahead log into the database and empties it, so that nothing is put
// behind what an earlier process wrote. Where another program reads, it is left for later.
func (h *handle) settleLog() error {
	err := h.enqueue(&write{scrub: true})
	if errors.Is(err, errRead) {
		return nil
	}
	return err
}

// openFile opens the file, which is there.
func (s *Store) openFile() (*handle, error) {
	info, err := os.Lstat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNone
	case err != nil:
		return nil, err
	case info.Mode().IsRegular() && info.Size() == 0:
		return nil, fmt.Errorf("the file is empty: %w", ErrNone)
	}
	if err := durable.PrivateDatabase(s.path); err != nil {
		return nil, err
	}
	h, err := s.openSQLite()
	if err == nil {
		h.file = info
	}
	return h, err
}

func (s *Store) openSQLite() (*handle, error) {
	q := url.Values{"_pragma": {
		"journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)",
		"foreign_keys(ON)", fmt.Sprintf("busy_timeout(%d)", patience.Milliseconds()), "temp_store(MEMORY)", // savepoints keep their pages there
		"wal_autocheckpoint(0)", fmt.Sprintf("journal_size_limit(%d)", logLimit), // see writer.moveLog
	}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: s.path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxIdleConns(connections)
	h := &handle{store: s, db: db}
	if h.writer, err = newWriter(h); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// errClosed says that the database is not open.
var errClosed = errors.New("the database is closed")

func (s *Store) handle() (*handle, error) {
	if h := s.open.Load(); h != nil {
		return h, nil
	}
	return nil, s.closed()
}

// closed says that the database is not open, and why, if that is known.
func (s *Store) closed() error {
	if why := s.why.Load(); why != nil {
		return errors.Join(errClosed, *why)
	}
	return errClosed
}

// RowsRead says how many rows queries have given since the database was opened:
// by how much it grows, a call shows what it costs, on any machine.
func (s *Store) RowsRead() int64 { return s.read.Load() }

// Close closes the database.
func (s *Store) Close() error {
	if h := s.open.Swap(nil); h != nil {
		return errors.Join(h.close(), s.mark.close())
	}
	return nil
}

func (h *handle) close() error {
	if h.writer != nil {
		h.writer.close()
	}
	return h.db.Close()
}

// Update runs f as one write: all of it is durable when Update returns nil, none
// of it is written when it returns an error. f must not write by another way, nor
// take a lock that somebody has who writes.
func (s *Store) Update(f func(*Tx) error) error {
	return s.mending(s.withRoom(&write{do: f, synced: true}))
}

// UpdateUnsynced is Update without the wait for the disk. After a power cut the
// write may be missing, and so is each later one that was not synced; a synced
// one makes all before it durable.
func (s *Store) UpdateUnsynced(f func(*Tx) error) error { return s.mending(s.withRoom(&write{do: f})) }

// withRoom writes what may wait for room: DISK_FULL while there is too little.
func (s *Store) withRoom(x *write) error {
	if r := s.space.look(); !r.words {
		return full(r, nil)
	}
	return s.enqueue(x)
}

// Scrub moves the write-ahead log into the database and empties it, so that
// nothing deleted before stays in it.
func (s *Store) Scrub() error {
	return s.vital(func() *write {
		s.inspection.giveWay()
		return &write{scrub: true}
	})
}

func (s *Store) enqueue(x *write) error {
	h, err := s.handle()
	if err != nil {
		return notStored("write", err)
	}
	return h.enqueue(x)
}

// Failed is closed when a commit, or the moving of the write-ahead log into the database,
// failed otherwise than for want of room. Nobody knows then what the disk has, so nothing
// more is written: Reopen, and go on from what is there.
func (s *Store) Failed() <-chan struct{} {
	h, err := s.handle()
	if err != nil {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return h.failed
}

// A Tx is one transaction, or one savepoint of it.
type Tx struct {
	store *Store
	stmt  func(query string) (*sql.Stmt, error)
	ctx   context.Context
	conn  *sql.Conn // of the writer
	bent  bool      // a row was read that is not as it was written
	moved []move
}

// View runs f on one state of the database.
func (s *Store) View(f func(*Tx) error) error {
	bent := false
	err := s.view(func(tx *Tx) error {
		defer func() { bent = tx.bent }()
		return f(tx)
	})
	if bent { // f may have gone on without the row
		err = errors.Join(err, s.mended())
	}
	return err
}

func (s *Store) view(f func(*Tx) error) error { return s.viewIn(context.Background(), f) }

func (s *Store) viewIn(ctx context.Context, f func(*Tx) error) error {
	h, err := s.handle()
	if err != nil {
		return err
	}
	tx, err := h.db.Begin()
	if err != nil {
		return fmt.Errorf("begin reading: %w", s.watched(err))
	}
	defer tx.Rollback()
	return f(&Tx{store: s, ctx: ctx, stmt: func(query string) (*sql.Stmt, error) {
		stmt, err := h.prepare(query)
		if err != nil {
			return nil, s.watched(err)
		}
		return tx.Stmt(stmt), nil
	}})
}

// prepare parses a query once for all that run it. Queries are constants of this
// package, so there are few.
func (h *handle) prepare(query string) (*sql.Stmt, error) {
	if stmt, ok := h.prepared.Load(query); ok {
		return stmt.(*sql.Stmt), nil
	}
	stmt, err := h.db.Prepare(query)
	if err != nil {
		return nil, err
	}
	if first, ok := h.prepared.LoadOrStore(query, stmt); ok {
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

// script runs statements that no other runs again.
func (t *Tx) script(statements string) error {
	_, err := t.conn.ExecContext(context.Background(), statements)
	return err
}

// run runs a statement and says how many rows it touched.
func (t *Tx) run(query string, args ...any) (int64, error) {
	stmt, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := stmt.Exec(args...)
	if err != nil {
		return 0, t.store.watched(err)
	}
	return res.RowsAffected()
}

// row reads one row; ErrNotFound when there is none.
func (t *Tx) row(what string, into []any, query string, args ...any) error {
	stmt, err := t.stmt(query)
	if err == nil {
		t.store.read.Add(1)
		err = t.store.watched(stmt.QueryRowContext(t.ctx, args...).Scan(into...))
	}
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		t.bent = t.bent || errors.Is(err, ErrDamaged)
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// rows reads every row with scan.
func rows[T any](t *Tx, what string, scan func(func(...any) error) (T, error), query string, args ...any) ([]T, error) {
	all, err := scanAll(t, scan, query, args...)
	if err != nil {
		t.bent = t.bent || errors.Is(err, ErrDamaged)
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return all, nil
}

func scanAll[T any](t *Tx, scan func(func(...any) error) (T, error), query string, args ...any) (out []T, err error) {
	err = t.each(func(row func(...any) error) (enough bool, err error) {
		v, err := scan(row)
		out = append(out, v)
		return false, err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// each gives the rows one by one, until f has enough or fails.
func (t *Tx) each(f func(scan func(...any) error) (enough bool, err error), query string, args ...any) error {
	stmt, err := t.stmt(query)
	if err != nil {
		return err
	}
	rs, err := stmt.QueryContext(t.ctx, args...)
	if err != nil {
		return t.store.watched(err)
	}
	defer rs.Close()
	for rs.Next() {
		t.store.read.Add(1)
		if enough, err := f(rs.Scan); enough || err != nil {
			return err
		}
	}
	return t.store.watched(rs.Err())
}
