package durable

import (
	"fmt"

	"golang.org/x/sys/windows"
)

var noRoom = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED, windows.ERROR_WRITE_PROTECT}

// DiskOf measures the file system that a folder lies on.
func DiskOf(dir string) (Disk, error) {
	var free, total uint64
	path, err := windows.UTF16PtrFromString(dir)
	if err == nil {
		err = windows.GetDiskFreeSpaceEx(path, &free, &total, nil)
	}
	if err != nil {
		return Disk{}, fmt.Errorf("measure disk of %q: %w", dir, err)
	}
	return Disk{Total: int64(total), Free: int64(free), Files: -1}, nil
}
