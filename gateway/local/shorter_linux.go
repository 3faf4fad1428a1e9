package local

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// shorter opens the folder of a path, and returns a short path that leads through it.
func shorter(path string) (*os.File, string, error) {
	dir := filepath.Dir(path)
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, "", &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	return os.NewFile(uintptr(fd), dir), fmt.Sprintf("/proc/self/fd/%d/%s", fd, filepath.Base(path)), nil
}
