// Package index answers the broker's questions about the past quickly: which
// ids are known, what became of a message, what waits for which desk, and where
// in the JOURNAL its bytes lie.
//
// It is derived. Nothing is true because it stands here: the index is what the
// groups of the JOURNAL (or of the records) say, applied in their order, and
// may be deleted at any time:
//
//	x, err := index.Open("data/index.db")
//	if errors.Is(err, index.ErrUnsound) {
//		x, err = index.Create("data/index.db")
//	}
//	err = x.Apply(groups)         // all after x.Position().Group
//	m, err := x.Known("se.spoc", id)
//	turns, err := x.Inbox("fi.spoc", held, api.Small, "")
//	next, err := turns.Next()
//
// Each Apply is one transaction that also stores the position it leads to, so a
// crash leaves a whole batch in or out. The database is not synced at every
// commit: a power cut may take the last batches away again, and the position
// with them; they are applied once more.
//
// Two things here are not derived, and a lost index loses them without harm:
// which groups are no longer in JOURNAL (whoever rebuilds says so), and which
// desk asked for bytes again (it asks once more). [Index.Forget] drops rows that bind
// nobody any more; a rebuilt index has them until it is called again.
package index

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"samband/gateway/broker/internal/journal"
	"samband/gateway/durable"
)

// ErrUnsound: the file is damaged, of another version, or no index at all.
var ErrUnsound = errors.New("index must be rebuilt")

// checkpoints come every 32 MB of changes, not every 4: each is two syncs, for which
// the writer's own wait.
const checkpoints = "wal_autocheckpoint(8000)"

// wait is how long one try waits for another process that has locked the database. Whoever
// must get through tries again (see Passes), and can say meanwhile what it waits for.
const wait = "busy_timeout(2000)"

// An Index is an open database: one writer at a time, any number of readers.
type Index struct {
	path        string
	write, read *sql.DB
	statements  *statements
	opened      bool // whole; Close leaves its hash

	// mu is locked by whoever writes, and guards what follows.
	mu       sync.Mutex
	position journal.Position
	doubted  bool // the disk failed a write: see settle
}

// Open opens the index at path, or makes an empty one where there is none. A
// file that can't be trusted is ErrUnsound: call Create.
func Open(path string) (*Index, error) {
	x := &Index{path: path}
	if err := x.open(); err != nil {
		return nil, errors.Join(err, x.Close())
	}
	return x, nil
}

// Create makes an empty index at path, whatever lay there.
func Create(path string) (*Index, error) {
	if err := remove(path); err != nil {
		return nil, err
	}
	return Open(path)
}

// Reset empties the index, to be applied anew from the first group. The database
// becomes another, so nobody else may use the index meanwhile.
func (x *Index) Reset() error {
	if err := errors.Join(x.Close(), remove(x.path)); err != nil {
		return err
	}
	return x.open()
}

// Passes reports whether a change, or an opening, failed by what passes: another process that
// has locked the database, such as a backup, or an error of its disk. The same succeeds once
// that is over.
func Passes(err error) bool {
	e, is := errors.AsType[*sqlite.Error](err)
	if !is {
		return durable.NoRoom(err)
	}
	switch e.Code() {
	case sqlite3.SQLITE_READONLY_DBMOVED, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS:
		return false // the file is another, or another than its pages say
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM:
		return true
	}
	return locked(err)
}

// locked reports whether another process has locked the database for longer than we wait.
func locked(err error) bool {
	e, is := errors.AsType[*sqlite.Error](err)
	if !is {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	return false
}

// unsound is why the index must be rebuilt; but what another process has locked is not damaged.
func unsound(doing string, err error) error {
	if locked(err) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnsound, doing, err)
}

func remove(path string) error {
	// The database goes first: SQLite drops a log that has no database, while a
	// database without its log may be torn.
	for _, suffix := range []string{"", "-wal", "-shm", "-sum"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove index: %w", err)
		}
	}
	return nil
}

func (x *Index) open() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("open index %q: %w", x.path, err)
		}
	}()
	x.opened = false
	if err := compareSum(x.path); err != nil {
		return err
	}
	if err := durable.NewDatabase(x.path); err != nil {
		return err
	}
	if x.write, err = sql.Open("sqlite", dsn(x.path, "journal_mode(WAL)", "synchronous(NORMAL)", checkpoints)); err != nil {
		return err
	}
	x.write.SetMaxOpenConns(1)
	if err := x.check(); err != nil {
		return err
	}
	if err := x.settle(); err != nil {
		return unsound("settle the write-ahead log", err)
	}
	if x.read, err = sql.Open("sqlite", dsn(x.path, "query_only(1)")); err != nil {
		return err
	}
	x.read.SetMaxOpenConns(4)
	if x.statements, err = prepare(x.write, x.read); err != nil {
		return err
	}
	x.position, err = loadPosition(x.write)
	x.opened = err == nil
	return err
}

func dsn(path string, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{wait}, pragmas...)}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// check asks whether the file is whole and of this version, and makes the tables of a
// new one.
func (x *Index) check() error {
	var version int
	if err := x.write.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return unsound("read version", err)
	}
	switch version {
	case 0:
		return x.create()
	case schemaVersion:
		var result string
		if err := x.write.QueryRow("PRAGMA quick_check(1)").Scan(&result); err != nil {
			return unsound("quick check", err)
		}
		if result != "ok" {
			return fmt.Errorf("%w: quick check says %q", ErrUnsound, result)
		}
		return nil
	default:
		return fmt.Errorf("%w: it has version %d, not %d", ErrUnsound, version, schemaVersion)
	}
}

// Position is the last group applied, and where it led both logs; zero in an empty
// index.
func (x *Index) Position() journal.Position {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.position
}

// Close closes the database.
func (x *Index) Close() error {
	var errs []error
	for _, db := range []*sql.DB{x.read, x.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if err := errors.Join(errs...); err != nil || !x.opened {
		return err
	}
	x.opened = false
	if err := leaveSum(x.path); err != nil && !durable.NoRoom(err) {
		return err // without it the next Open sees what SQLite sees
	}
	return nil
}

// settle brings all of the write-ahead log into the database and empties the log. After a
// sync that failed, in this process or one before it, the log may be whole in memory alone; a
// power cut would then show an old part of it over newer pages. While others read it stays
// as it is, to be settled later.
func (x *Index) settle() error {
	var busy, frames, done int
	if err := x.write.QueryRow("PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &done); err != nil {
		return err
	}
	x.doubted = busy != 0
	return nil
}

// change runs f in one transaction. Its error is [durable.ErrNoRoom] where the disk takes
// no writes now: then the same succeeds later.
func (x *Index) change(f func(*sql.Tx) error) error {
	err := x.try(f)
	if err == nil && x.doubted {
		_ = x.settle() // the change stands; the next one settles again
	}
	if e, is := errors.AsType[*sqlite.Error](err); is {
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_FULL:
			return errors.Join(err, durable.ErrNoRoom)
		case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
			x.doubted = true
			return errors.Join(err, durable.TryWrite(filepath.Dir(x.path), 1<<16)) // it says which
		}
	}
	return err
}

func (x *Index) try(f func(*sql.Tx) error) error {
	tx, err := x.write.Begin()
	if err != nil {
		return fmt.Errorf("begin change: %w", err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit change: %w", err)
	}
	return nil
}
