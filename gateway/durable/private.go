package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Modes of what is for its owner alone.
const (
	privateFolder = 0o700
	privateFile   = 0o600
)

// Private sets the mode of a folder or file that is there: 0700 or 0600, whoever made it
// and by whatever umask. What is another user's, or on a medium that can't be written, keeps
// its own.
func Private(path string) error {
	info, err := os.Stat(path)
	if err == nil {
		err = chmod(os.Chmod, path, info)
	}
	if err != nil {
		return fmt.Errorf("set the mode: %w", err)
	}
	return nil
}

// PrivateTree is Private for a folder and for all in it. No link in it is followed.
func PrivateTree(dir string) error {
	if err := Private(dir); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("set the modes: %w", err)
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			return nil // another process removed it, or it is another user's
		}
		if err != nil || e.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := e.Info()
		if err == nil {
			err = chmod(root.Chmod, path, info)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("set the modes in %q: %w", dir, err)
	}
	return nil
}

func chmod(set func(string, fs.FileMode) error, path string, info fs.FileInfo) error {
	mode := fs.FileMode(privateFile)
	if info.IsDir() {
		mode = privateFolder
	}
	if info.Mode()&fs.ModePerm == mode {
		return nil
	}
	err := set(path, mode)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return nil
	}
	return err
}

// NewDatabase makes the file of a database if there is none, for its owner alone, and sets
// the modes of what is there: SQLite gives its other files that of the first.
func NewDatabase(path string) error {
	f, err := openOrMake(path)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return PrivateDatabase(path)
}

// PrivateDatabase is Private for the files of a database, as far as they are there.
func PrivateDatabase(path string) error {
	for _, other := range []string{"", "-wal", "-shm"} {
		if err := Private(path + other); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
