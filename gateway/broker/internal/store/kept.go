package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"samband/gateway/durable"
)

// The embedded server removes the folder of a stream, with all of its messages, where it
// can't make one file in it, or open, read or write one, at its start: its stream is set up
// by code that also sets up new ones, which cleans up after itself (addStreamWithAssignment
// and stop in the server's stream.go, Delete in filestore.go; a stream that was to be removed
// has a folder that begins with a dot, which the next start removes for good). An error that
// passes, such as too many open files, would so end the JOURNAL.
//
// Nothing in the server turns that off, and no check of ours before it starts sees an error
// that comes after the check. So each start keeps a second name of each file of the stream, in
// a folder that the server doesn't know, until the stream is open. A start that fails, or is
// killed, puts back what is gone or another file. What the server changes inside of a file at
// its start is what follows a bent record, which it cuts off: see
// TestBentGroupIsGoneWithoutAWord. What it makes, rewrites or removes as a whole (its summary
// index.db, blocks without messages, keys, an unfinished purge) is covered.
const (
	keptName = "kept"
	// unfinishedName is the folder while it is made or removed: what lies there counts for
	// nothing.
	unfinishedName = "kept.new"
)

// ErrNotTaken: the files of the JOURNAL are there, and the server does not open it.
var ErrNotTaken = errors.New("the embedded server could not take up JOURNAL, whose files are as they were before: mend what it names and start again")

// journalDir is where the server has the JOURNAL.
func journalDir(dir string) string {
	return filepath.Join(dir, "jetstream", "$G", "streams", streamName)
}

// filesIn are the regular files under dir, by their paths in it; none where dir is missing.
func filesIn(dir string) (names []string, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path == dir:
			return fs.SkipAll
		case err != nil:
			return err
		case e.Type().IsRegular():
			name, err := filepath.Rel(dir, path)
			names = append(names, name)
			return err
		}
		return nil
	})
	return names, err
}

// keep gives each file of the JOURNAL a second name. It tries first whether each can be
// opened as the server will, so that most of what fails at a start fails here, and is named.
func keep(dir string) error {
	if _, err := putBack(dir); err != nil {
		return err
	}
	unfinished := filepath.Join(dir, unfinishedName)
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	names, err := filesIn(journalDir(dir))
	if err != nil || len(names) == 0 {
		return err
	}
	folders := map[string]bool{unfinished: true}
	for _, name := range names {
		path, second := filepath.Join(journalDir(dir), name), filepath.Join(unfinished, name)
		if err := durable.TryOpen(path); err != nil {
			return err
		}
		if err := errors.Join(durable.MkdirAll(filepath.Dir(second)), os.Link(path, second)); err != nil {
			return err
		}
		folders[filepath.Dir(second)] = true
	}
	for folder := range folders {
		if err := durable.SyncDir(folder); err != nil {
			return err
		}
	}
	if err := os.Rename(unfinished, filepath.Join(dir, keptName)); err != nil {
		return err
	}
	return durable.SyncDir(dir)
}

// putBack makes the JOURNAL what it was when it was kept, if it is kept, and returns how many
// files were gone or others. What came beside them stays: a killed server leaves as much.
func putBack(dir string) (gone int, err error) {
	kept := filepath.Join(dir, keptName)
	names, err := filesIn(kept)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		put, err := putBackFile(filepath.Join(kept, name), filepath.Join(journalDir(dir), name))
		if err != nil {
			return gone, fmt.Errorf("put back %s: %w", name, err)
		}
		if put {
			gone++
		}
	}
	return gone, forget(dir)
}

func putBackFile(kept, path string) (put bool, err error) {
	was, err := os.Stat(kept)
	if err != nil {
		return false, err
	}
	is, err := os.Lstat(path)
	if err == nil && os.SameFile(was, is) {
		return false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	folder, again := filepath.Dir(path), path+"."+keptName
	// The server may still be removing the folders above, which it does while they are empty.
	for range 3 {
		if err = durable.MkdirAll(folder); err == nil {
			break
		}
	}
	if err == nil {
		err = os.Remove(again)
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		err = os.Link(kept, again)
	}
	if err == nil {
		err = os.Rename(again, path)
	}
	if err == nil {
		err = durable.SyncDir(folder)
	}
	return err == nil, err
}

// forget ends keeping. After it the server may change and remove what it has to.
func forget(dir string) error {
	unfinished := filepath.Join(dir, unfinishedName)
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	err := os.Rename(filepath.Join(dir, keptName), unfinished)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(durable.SyncDir(dir), os.RemoveAll(unfinished))
}

// rewriteLast writes the newest block of the JOURNAL over itself and syncs it. After a sync
// that failed, what it was of reads back from memory, and need not be on the disk: nothing
// may be appended behind that. Only the newest block can have such an end, for the server
// syncs each write, and takes none after one that failed.
func rewriteLast(dir string) error {
	blocks, err := blocks(dir)
	if err != nil || len(blocks) == 0 {
		return err
	}
	return durable.Rewrite(filepath.Join(journalDir(dir), "msgs", blocks[len(blocks)-1]), 0)
}
