package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// SQLite counts, in the index of a write-ahead log (*-shm), how many of the log's frames it has
// moved into the database: four bytes behind the index's two headers, as
// https://www.sqlite.org/walformat.html says.
const (
	movedAt   = 96
	indexHead = 136 // all of it that is not the index itself
)

// A LogIndex is the index of the write-ahead log of an SQLite database. Its file stays open as
// long as the process has the database open: who closes a descriptor of a file loses all locks
// that his process has on it, SQLite's too.
type LogIndex struct{ file *os.File }

// ForgetMoved has SQLite forget what it moved from the log of a database: its next checkpoint
// moves all of the log, from the first frame on.
//
// While somebody reads an older state, SQLite moves a part of the log without a sync, and
// counts it. It syncs once the last part is moved. If that sync fails, the system takes all
// that was written for clean and never writes it again; SQLite moves the last part once more,
// syncs that, and trusts its count for the rest: after a power cut old pages stand among new
// ones. Whoever is the first to open a database makes the index anew, but as long as another
// program has it open, or a connection of this process, the count stays.
//
// A smaller count than the true one is right at any time: it costs writing the same again.
func (i *LogIndex) ForgetMoved(database string) error {
	info, err := os.Lstat(database + "-shm")
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() < indexHead {
		return nil
	}
	if err == nil {
		err = i.open(database+"-shm", info)
	}
	if err == nil {
		_, err = i.file.WriteAt(make([]byte, 4), movedAt)
	}
	if err != nil {
		return fmt.Errorf("forget what was moved from the write-ahead log: %w", err)
	}
	return nil
}

func (i *LogIndex) open(path string, is fs.FileInfo) error {
	if i.file != nil {
		was, err := i.file.Stat()
		if err != nil || os.SameFile(was, is) {
			return err
		}
		i.file.Close() // SQLite removed that file: nobody has a lock on it
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	i.file = file
	return err
}
