package durable

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrLocked says that another process has the lock.
var ErrLocked = errors.New("folder is in use by another process")

// LockDir makes the folder if it is missing, and locks it for this process. The lock
// ends when the file that LockDir returns is closed, or when the process ends, even by
// a crash. It returns ErrLocked if another process has the lock.
func LockDir(dir string) (*os.File, error) {
	if err := MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	f, err := os.Open(dir)
	return lock(f, err)
}

// LockFile is like LockDir, but locks a file, which it makes if it is missing.
func LockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	return lock(f, err)
}

func lock(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, fmt.Errorf("open to lock: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrLocked
	}
	return nil, fmt.Errorf("lock %q: %w", f.Name(), err)
}
