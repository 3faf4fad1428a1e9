package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks a file; taken says that another process has the lock. This system locks
// no folder.
func tryLock(f *os.File) (taken bool, err error) {
	const exclusively, atOnce = windows.LOCKFILE_EXCLUSIVE_LOCK, windows.LOCKFILE_FAIL_IMMEDIATELY
	err = windows.LockFileEx(windows.Handle(f.Fd()), exclusively|atOnce, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return true, nil
	}
	return false, err
}
