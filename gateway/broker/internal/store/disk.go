package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockDir makes the folder where it is missing and takes it for this process.
// The lock goes with the process, however that ends.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("lock folder: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, errLocked
	}
	return nil, fmt.Errorf("lock folder: %w", err)
}

// A disk is the size of a file system and what of it is left to us, in bytes.
type disk struct{ total, free int64 }

func diskOf(dir string) (disk, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return disk{}, fmt.Errorf("measure disk of %q: %w", dir, err)
	}
	block := int64(st.Bsize)
	return disk{total: int64(st.Blocks) * block, free: int64(st.Bavail) * block}, nil
}
