// Package index answers the broker's questions about the past quickly: which
// ids are known, what became of a message, what waits for which desk, and where
// in the JOURNAL its bytes lie.
//
// It is derived. Nothing is true because it stands here: the index is what the
// groups of the JOURNAL (or of the records) say, applied in their order, and
// may be deleted at any time:
//
//	x, err := index.Open("data/index.db")
//	if errors.Is(err, index.ErrUnsound) || !matches(x.Position()) {
//		x, err = index.Reset("data/index.db")
//	}
//	err = x.Apply(groups)         // all after x.Position().Group
//	m, err := x.Known("se.spoc", id)
//	queue, err := x.Inbox("fi.spoc", 0, 100)
//
// Each Apply is one transaction that also stores the position it leads to, so a
// crash leaves a whole batch in or out. The database is not synced at every
// commit: a power cut may take the last batches away again, and the position
// with them; they are applied once more.
//
// Two things here are not derived, and a lost index loses them without harm:
// which groups the JOURNAL no longer holds (whoever rebuilds says so), and which
// desk asked for bytes again (it asks once more).
package index

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"

	_ "modernc.org/sqlite"

	"samband/gateway/signed"
)

// ErrUnsound: the file is damaged, of another version, or no index at all.
var ErrUnsound = errors.New("index must be rebuilt")

// checkpoints come every 32 MB of changes, not every 4: each is two syncs, and
// they hold up those of the writer.
const checkpoints = "wal_autocheckpoint(8000)"

// A Position says what the index was derived from: the last group applied and
// the heads of both logs after it. The zero Position is that of an empty index.
type Position struct {
	Group           uint64
	Audit, Register signed.Head
}

// An Index is an open database: one writer at a time, any number of readers.
type Index struct {
	write, read *sql.DB
	statements  *statements

	// mu is held by whoever writes; it guards what follows.
	mu       sync.Mutex
	position Position
}

// Open opens the index at path, or makes an empty one where there is none. A
// file that can't be trusted is ErrUnsound: call Reset.
func Open(path string) (*Index, error) {
	x := &Index{}
	if err := x.open(path); err != nil {
		x.Close()
		return nil, fmt.Errorf("open index %q: %w", path, err)
	}
	return x, nil
}

// Reset makes an empty index at path, whatever lay there.
func Reset(path string) (*Index, error) {
	// The database goes first: SQLite drops a log that has no database, while a
	// database without its log may be torn.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("remove index: %w", err)
		}
	}
	return Open(path)
}

func (x *Index) open(path string) (err error) {
	if x.write, err = sql.Open("sqlite", dsn(path, "journal_mode(WAL)", "synchronous(NORMAL)", checkpoints)); err != nil {
		return err
	}
	x.write.SetMaxOpenConns(1)
	if err := x.check(); err != nil {
		return err
	}
	if x.read, err = sql.Open("sqlite", dsn(path, "query_only(1)")); err != nil {
		return err
	}
	x.read.SetMaxOpenConns(4)
	if x.statements, err = prepare(x.write, x.read); err != nil {
		return err
	}
	x.position, err = loadPosition(x.write)
	return err
}

func dsn(path string, pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": append([]string{"busy_timeout(10000)"}, pragmas...)}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// check holds the file against this version, and makes the tables of a new one.
func (x *Index) check() error {
	var version int
	if err := x.write.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("%w: %v", ErrUnsound, err)
	}
	switch version {
	case 0:
		return create(x.write)
	case schemaVersion:
		var word string
		if err := x.write.QueryRow("PRAGMA quick_check(1)").Scan(&word); err != nil || word != "ok" {
			return fmt.Errorf("%w: quick check says %q, %v", ErrUnsound, word, err)
		}
		return nil
	default:
		return fmt.Errorf("%w: it has version %d, not %d", ErrUnsound, version, schemaVersion)
	}
}

// Position returns what the index was derived from.
func (x *Index) Position() Position {
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
	return errors.Join(errs...)
}
