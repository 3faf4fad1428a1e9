package durable

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// ErrLocked says that another process has the lock.
var ErrLocked = errors.New("folder is in use by another process")

// LockDir makes the folder where it is missing, and locks it for this process until
// the file that it returns is closed; the lock goes with the process, however that
// ends. ErrLocked: another process has it.
func LockDir(dir string) (*os.File, error) {
	if err := MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	f, err := os.Open(dir)
	return lock(f, err)
}

// LockFile is LockDir with a file, which it makes where it is missing.
func LockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	return lock(f, err)
}

func lock(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
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
