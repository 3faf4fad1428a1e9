package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"samband/gateway/desk/client"
	"samband/gateway/durable"
	"samband/gateway/signed"
)

// A Found is what a start found of the database that was not as it should be, although it
// opens.
type Found struct {
	Kind   FoundKind
	Lost   bool   // what the database had is missing from it
	Detail string // what is missing, and where the bytes are
}

// A FoundKind is what was found, in the words of the runbook.
type FoundKind string

const (
	FoundBehind   FoundKind = "behind"      // an older state of the database was put back, or its end was cut
	FoundLog      FoundKind = "log-damaged" // desk.db-wal was damaged: what stood in it behind the damage is gone
	FoundReplaced FoundKind = "replaced"    // another database of this desk lies there
	FoundEmpty    FoundKind = "empty"       // a person began with an empty one
	FoundBent     FoundKind = "mark-bent"   // the database's own word of which it is was damaged, and is as high-water says again
	FoundNoMark   FoundKind = "no-mark"     // high-water is missing or damaged: nobody can tell whether the rest is whole
)

// Found returns what was found when the database was opened; nil: all was well, or it was
// written down.
func (s *Store) Found() *Found { return s.found.Load() }

// WriteDown keeps what was found, in one write with f. From then on the database counts as
// whole.
func (s *Store) WriteDown(found *Found, now signed.Time, f func(*Tx) error) error {
	err := s.UpdateVital(func(tx *Tx) error {
		if found.Lost {
			if err := tx.AddLoss(client.Loss{Found: now, Kind: string(found.Kind), Detail: found.Detail}); err != nil {
				return err
			}
		}
		if err := tx.put("go past the high water", `UPDATE mark SET commits = max(commits, ?) + 1`, s.mark.stoodAt()); err != nil {
			return err
		}
		return f(tx)
	})
	if err == nil {
		err = s.mark.settle()
	}
	if err == nil {
		s.found.CompareAndSwap(found, nil)
	}
	return err
}

// whole compares a database that was opened with what is known of it, and opens the
// high-water file.
func (s *Store) whole(h *handle, log durable.LogScan, kept string) error {
	mark, stood := s.mark, (*highWater)(nil)
	switch was, err := mark.read(); {
	case err == nil:
		stood = &was
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errHighWater), errors.Is(err, durable.ErrNotRegular):
	default:
		return err
	}
	now, bent, err := h.came(stood)
	if err != nil {
		return err
	}
	found := compare(stood, now, log, kept)
	if found == nil && bent {
		found = &Found{FoundBent, false, "its row of which database it is was damaged, and is as high-water says again"}
	}
	if found == nil && kept != "" { // what a power cut leaves of writes that nobody waited for
		if err := os.Remove(kept); err != nil {
			return err
		}
	}
	if err := mark.open(stood, now); err != nil {
		return err
	}
	if found != nil {
		mark.wait()
	}
	s.found.Store(found)
	return nil
}

// came reads how far the database came. Where its own row of which database it is does not
// fit to what stood, and all else has come as far, the row was bent: it is put right.
func (h *handle) came(stood *highWater) (now highWater, bent bool, err error) {
	now, err = scanCame(h.db.QueryRow(came).Scan)
	switch {
	case err == nil && now.commits >= 0 && now.commits < maxCommits && (stood == nil || !isBent(now.id, stood.id)):
		return now, false, nil
	case isCode(err, sqlite3.SQLITE_CORRUPT), isCode(err, sqlite3.SQLITE_NOTADB), IsBusy(err):
		return now, false, err
	case stood == nil:
		return now, false, fmt.Errorf("%w: it does not say which it is, and high-water does not either", ErrMalformed)
	}
	right := highWater{id: stood.id, commits: stood.commits}
	whether := scanRest(h.db.QueryRow(`SELECT `+rest).Scan, &right)
	switch {
	case whether != nil:
		return now, false, whether
	case right.audit < stood.audit || right.register < stood.register || right.mail < stood.mail || right.log < stood.log:
		if err != nil {
			err = fmt.Errorf("%w: it does not say which it is", ErrMalformed)
		}
		return now, false, err
	}
	return right, true, h.enqueue(&write{do: func(tx *Tx) error {
		if err := tx.put("mend the mark", `DELETE FROM mark`); err != nil {
			return err
		}
		return tx.put("mend the mark", `INSERT INTO mark (desk, id, commits) VALUES (?,?,?)`, string(h.store.desk), right.id[:], right.commits)
	}})
}

// isBent reports whether an id is none, or another in some bytes alone: two databases share
// hardly one.
func isBent(is, was [idSize]byte) bool {
	same := 0
	for i := range is {
		if is[i] == was[i] {
			same++
		}
	}
	return is == [idSize]byte{} || same < idSize && same >= idSize/2
}

// maxCommits is more than any database has.
const maxCommits = 1 << 56

// compare says what is wrong with a database that came so far, when its high-water file
// says how far it stood, and its write-ahead log was so.
func compare(stood *highWater, now highWater, log durable.LogScan, kept string) *Found {
	damage := ""
	if log.Commits > 0 {
		damage = fmt.Sprintf("in desk.db-wal frame %d was damaged, and %d commits stood behind it; the file as it was: %s", log.Frames+1, log.Commits, kept)
	}
	switch {
	case stood == nil && damage != "":
		return &Found{FoundLog, true, damage + "; high-water is missing or damaged, so how much that was is not known"}
	case stood == nil:
		return &Found{FoundNoMark, false, "high-water is missing or damaged, and was made anew: whether the database was put back or cut meanwhile is not known"}
	case stood.id != now.id:
		return &Found{FoundReplaced, true, "another database of this desk lies here than the one that it had"}
	case stood.commits <= now.commits:
		return nil
	}
	lacks := fmt.Sprintf("it lacks the last %d commits: it has the log as verified to entry %d, message %d and line %d of its own log, and had come to %d, %d and %d",
		stood.commits-now.commits, now.audit, now.mail, now.log, stood.audit, stood.mail, stood.log)
	if damage != "" {
		return &Found{FoundLog, true, lacks + "; " + damage}
	}
	return &Found{FoundBehind, true, lacks}
}

// keepDamagedLog reads the write-ahead log before SQLite does. One with commits behind a
// damaged frame is copied aside, under a name that says when it was last written.
func (s *Store) keepDamagedLog() (log durable.LogScan, kept string, err error) {
	f, err := durable.Open(s.path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return log, "", nil
	}
	if err != nil {
		return log, "", err
	}
	defer f.Close()
	if log, err = durable.ScanLog(f, s.pageSize()); err != nil || log.Commits == 0 {
		return log, "", err
	}
	info, err := f.Stat()
	if err != nil {
		return log, "", err
	}
	kept = s.path + "-wal.damaged-" + info.ModTime().UTC().Format(whenForm)
	return log, kept, copyFile(kept, f, info.Size())
}

// whenForm is how the names of files say when.
const whenForm = "20060102T150405Z"

func copyFile(to string, from io.ReaderAt, size int64) error {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, io.NewSectionReader(from, 0, size))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("copy the damaged log aside: %w", err)
	}
	return nil
}

// pageSize is what the database's first bytes say, or SQLite's own if they say nothing.
func (s *Store) pageSize() int {
	head := make([]byte, 18)
	if f, err := durable.Open(s.path); err == nil {
		defer f.Close()
		if _, err := f.ReadAt(head, 0); err == nil && bytes.HasPrefix(head, []byte("SQLite format 3\x00")) {
			if n := int(binary.BigEndian.Uint16(head[16:])); durable.IsPageSize(n) {
				return n
			}
		}
	}
	return 4096
}

// checkTime bounds the check of the database at a start.
const checkTime = 5 * time.Second

// ErrMalformed says that SQLite can't read the database, or a part of it.
var ErrMalformed = errors.New("the database is malformed: its file is damaged")

// check has SQLite look through the database, for as long as a start may wait.
func (h *handle) check() error {
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	var says string
	err := h.db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&says)
	switch {
	case ctx.Err() != nil: // a large one: what it did not come to is met when it is read
		return nil
	case err != nil:
		return malformed(err)
	case says != "ok":
		return fmt.Errorf("%w: %s", ErrMalformed, says)
	}
	return nil
}

// malformed adds to an error of SQLite that the database is malformed, if it says so.
func malformed(err error) error {
	if isCode(err, sqlite3.SQLITE_CORRUPT) || isCode(err, sqlite3.SQLITE_NOTADB) {
		return errors.Join(ErrMalformed, err)
	}
	return err
}
