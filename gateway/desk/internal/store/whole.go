package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"samband/gateway/durable"
	"samband/gateway/signed"
)

// idSize is the size of a database's id, in bytes.
const idSize = 16

// Files are the paths of a database at path, whether they are there or not.
func Files(path string) []string { return []string{path, path + "-wal", path + "-shm"} }

// CheckFree reports whether Make may make a database at path.
func CheckFree(path string) error {
	for _, file := range Files(path) {
		switch _, err := os.Lstat(file); {
		case err == nil:
			return existing(file)
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("look for database %q: %w", file, err)
		}
	}
	return nil
}

// An existing file of a database is fs.ErrExist to who would make one.
type existing string

func (e existing) Error() string        { return fmt.Sprintf("database %q exists already", string(e)) }
func (e existing) Is(target error) bool { return target == fs.ErrExist }

// Make makes the empty database of a desk that has none; fs.ErrExist if something has its
// name. It is whole when Make returns nil, and absent after a crash before that. Nothing
// else makes a database: a desk that lacks its own never starts with another.
func Make(path string, desk signed.Address) error {
	if err := CheckFree(path); err != nil {
		return err
	}
	unfinished := path + ".new" // a crash may have left one
	if err := removeAll(Files(unfinished)); err != nil {
		return fmt.Errorf("make database %q: %w", path, err)
	}
	var now highWater
	err := durable.NewDatabase(unfinished)
	if err == nil {
		now, err = makeFile(unfinished, desk)
	}
	if err == nil {
		err = durable.Replace(highWaterOf(path).path, now.text(), 0o600)
	}
	if err == nil {
		err = os.Rename(unfinished, path) // closed, it has no other files
	}
	if err == nil {
		err = durable.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("make database %q: %w", path, err)
	}
	return nil
}

func makeFile(path string, desk signed.Address) (now highWater, err error) {
	s := &Store{path: path, desk: desk, space: space{filepath.Dir(path), MinReserve}, mark: highWaterOf(path)}
	h, err := s.openSQLite()
	if err != nil {
		return now, err
	}
	if err = s.noRoom(h.makeTables(desk)); err == nil {
		now, err = scanCame(h.db.QueryRow(came).Scan)
	}
	if err == nil { // else its closing would do it, and say nothing when the disk fails
		err = h.settleLog()
	}
	return now, errors.Join(err, h.close())
}

func removeAll(paths []string) (err error) {
	for _, path := range paths {
		if e := os.Remove(path); e != nil && !errors.Is(e, fs.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// SetAside gives what there is of a database at path other names, which say when, and
// returns the first. Nothing is removed.
func SetAside(path string, now time.Time) (aside string, err error) {
	when := now.UTC().Format(whenForm)
	for _, from := range Files(path) {
		to := path + ".aside-" + when + from[len(path):]
		if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("set the database aside: %q is there already", to)
		}
		switch err := os.Rename(from, to); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return "", fmt.Errorf("set the database aside: %w", err)
		case aside == "":
			aside = to
		}
	}
	return aside, durable.SyncDir(filepath.Dir(path))
}

// checkDesk refuses the database of another desk.
func (h *handle) checkDesk() error {
	var desk signed.Address
	err := h.db.QueryRow("SELECT desk FROM mark").Scan(&desk)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil // see handle.came
	case err != nil:
		return err
	case desk != h.store.desk:
		return fmt.Errorf("it is the database of %s, and by desk.yaml this is the folder of %s: files of two desks were mixed, or one of both is damaged", desk, h.store.desk)
	}
	return nil
}

// NotedFile is the hash of a file of the folder as the last start read it; ErrNotFound: none did.
func (t *Tx) NotedFile(file string) (h signed.Hash, err error) {
	err = t.row("read a file's hash", []any{sealed("noted"), fixed(h[:])}, `SELECT `+wholeOf("noted", "")+`, hash FROM noted WHERE file = ?`, file)
	return h, err
}

// NoteFile keeps it.
func (t *Tx) NoteFile(file string, h signed.Hash) error {
	return t.put("keep a file's hash", `INSERT INTO noted (file, hash) VALUES (?,?) ON CONFLICT (file) DO UPDATE SET hash = excluded.hash`, file, h[:])
}
