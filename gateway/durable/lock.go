package durable

import (
	"errors"
	"fmt"
	"os"
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
	f, err := openOrMake(path)
	return lock(f, err)
}

// KeepLock takes over the lock that LockFile made, as a descriptor that a process left to
// the program that it executed in its own place. It returns an error if f is another file
// than the one at path, and leaves that open. Where nobody left the lock with f, KeepLock
// makes it.
func KeepLock(f *os.File, path string) (*os.File, error) {
	left, err := f.Stat()
	var there os.FileInfo
	if err == nil {
		there, err = os.Lstat(path)
	}
	if err == nil && !os.SameFile(left, there) {
		err = errors.New("it is another file")
	}
	if err != nil {
		return nil, fmt.Errorf("keep the lock %q: %w", path, err)
	}
	return lock(f, nil)
}

func lock(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, fmt.Errorf("open to lock: %w", err)
	}
	taken, err := tryLock(f)
	if err == nil && !taken {
		return f, nil
	}
	f.Close()
	if taken {
		return nil, ErrLocked
	}
	return nil, fmt.Errorf("lock %q: %w", f.Name(), err)
}
