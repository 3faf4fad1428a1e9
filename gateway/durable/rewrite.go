package durable

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Rewrite writes a file from an offset to its end over itself, and syncs it. After a sync
// that failed the system takes what it could not write for written: it reads back whole from
// memory, later syncs succeed, and a power cut shows the old bytes. What is written anew is
// synced anew.
func Rewrite(path string, from int64) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(rewrite(f, from), f.Close()); err != nil {
		return fmt.Errorf("write %q anew from byte %d: %w", path, from, err)
	}
	return nil
}

// TryOpen opens a file for reading and writing and closes it: whether a library will be able to
// can so be asked before it does what it does where it is not.
func TryOpen(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

func rewrite(f *os.File, from int64) error {
	buf := make([]byte, 1<<20)
	for {
		n, err := f.ReadAt(buf, from)
		if err != nil && err != io.EOF {
			return err
		}
		if n > 0 {
			if _, err := f.WriteAt(buf[:n], from); err != nil {
				return err
			}
		}
		if from += int64(n); err == io.EOF {
			return f.Sync()
		}
	}
}
