//go:build unix

package durable

import (
	"fmt"
	"syscall"
)

// noRoom are the system's words. A bound of the process on the size of files is one of
// them too.
var noRoom = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EFBIG}

// readOnly is the flag of a file system that is mounted so, on each unix.
const readOnly = 1

// DiskOf measures the file system that a folder lies on.
func DiskOf(dir string) (Disk, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return Disk{}, fmt.Errorf("measure disk of %q: %w", dir, err)
	}
	d := Disk{
		Total: int64(st.Blocks) * int64(st.Bsize), Free: int64(st.Bavail) * int64(st.Bsize),
		Files: int64(st.Ffree), ReadOnly: st.Flags&readOnly != 0,
	}
	if st.Files == 0 {
		d.Files = -1
	}
	return d, nil
}
