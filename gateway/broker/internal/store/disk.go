//go:build unix

package store

import (
	"fmt"
	"syscall"
)

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
