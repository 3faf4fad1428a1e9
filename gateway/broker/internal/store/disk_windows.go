package store

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// A disk is the size of a file system and what of it is left to us, in bytes.
type disk struct{ total, free int64 }

func diskOf(dir string) (disk, error) {
	var free, total uint64
	path, err := windows.UTF16PtrFromString(dir)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(path, &free, &total, nil)
	}
	if err != nil {
		return disk{}, fmt.Errorf("measure disk of %q: %w", dir, err)
	}
	return disk{total: int64(total), free: int64(free)}, nil
}
