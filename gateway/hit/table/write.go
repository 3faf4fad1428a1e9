package table

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"samband/gateway/durable"
)

// A writing is a file that is open for an import.
type writing struct {
	path string
	db   *sql.DB
	read *files // closed after db
	bare bool   // what was committed has no sum yet
}

// openToWrite opens the file for an import, and makes it where there is none. Its write-ahead
// log is moved by [writing.keep] alone: SQLite would say nothing when the disk fails, and would
// move what nobody knows the sum of.
func openToWrite(path string) (*writing, error) {
	if err := durable.NewDatabase(path); err != nil {
		return nil, err
	}
	db, err := unlocked(func() (*sql.DB, error) {
		db, err := sql.Open("sqlite", address(path, "rw", "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)", "busy_timeout(10000)", "wal_autocheckpoint(0)"))
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(1)
		if err := makeTables(db); err != nil {
			return nil, errors.Join(err, db.Close())
		}
		return db, nil
	})
	if err != nil {
		return nil, err
	}
	return &writing{path: path, db: db}, nil
}

// close closes the file. Who closes it last moves the log, unless he may only read: a log whose
// sum could not be written must stay as it is.
func (w *writing) close() (err error) {
	if w.bare {
		var reader *sql.DB
		if reader, err = openToRead(w.path); err == nil {
			err = reader.QueryRow("PRAGMA user_version").Scan(new(int))
			defer func() { err = errors.Join(err, reader.Close()) }()
		}
	}
	err = errors.Join(err, w.db.Close())
	if w.read != nil {
		w.read.close()
	}
	return err
}

// errRead says that the log could not be moved.
var errRead = errors.New("another program reads the data, so what was replaced can't be overwritten yet: end it, and import again")

// keep writes the sum of what was committed, and moves the write-ahead log into the database.
// What was overwritten with zeros is so in the database only then; a search that is still at
// work on the old rows is waited for.
func (w *writing) keep(ctx context.Context) (err error) {
	w.bare = true
	if w.read, err = openFiles(w.path); err != nil {
		return err
	}
	of, err := w.read.sum()
	if err == nil {
		err = sum{of: of}.write(w.path)
	}
	if err != nil {
		return err
	}
	w.bare = false
	var busy bool
	err = w.db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, new(int), new(int))
	if err == nil && busy {
		err = errRead
	}
	if err != nil {
		// Of what it could not sync, the system says that it did: see durable.Rewrite. To close
		// the database moves the log once more, so it must be all of it.
		return errors.Join(fmt.Errorf("move the write-ahead log into the database: %w", err), rewriteLog(w.path))
	}
	return nil
}

// rewriteLog makes the write-ahead log as good as new: what an earlier process could not sync of
// it is synced, and none of it counts as moved.
func rewriteLog(path string) error {
	var index durable.LogIndex
	return errors.Join(durable.RewriteLog(path), index.ForgetMoved(path))
}

// makeNew makes an empty file, which the caller has locked.
func makeNew(ctx context.Context, path string) error {
	w, err := openToWrite(path)
	if err != nil {
		return err
	}
	return errors.Join(w.keep(ctx), w.close())
}

// settle makes a file ready for an import: the caller has locked it. What an earlier import
// left in the write-ahead log is moved first, since the sum of what comes would not fit before
// all of it is there.
func settle(ctx context.Context, path string) error {
	if err := whole(path); err != nil {
		return err
	}
	if empty, err := durable.LogIsEmpty(path); err != nil || empty {
		return err
	}
	if err := rewriteLog(path); err != nil {
		return err
	}
	return makeNew(ctx, path)
}
