package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
)

// A Disk is what a file system has, and what of it is left to us.
type Disk struct {
	Total, Free int64 // bytes
	Files       int64 // how many more files it takes; -1: it counts none
	ReadOnly    bool
}

// ErrNoRoom is for packages that learn of a full disk by other errors than those of the
// system: see [NoRoom].
var ErrNoRoom = errors.New("no room on the disk")

// NoRoom reports whether something failed because its file system takes no writes now: it
// is full, has no more files, a quota is used up, or it is mounted read-only. Nothing is
// damaged, and the same works again once that has changed.
func NoRoom(err error) bool {
	if errors.Is(err, ErrNoRoom) {
		return true
	}
	for _, full := range noRoom {
		if errors.Is(err, full) {
			return true
		}
	}
	return false
}

// MayPass reports whether something failed by an error that may be over later without anything
// being put back or changed: no room, an error of the disk, or too many open files.
func MayPass(err error) bool {
	for _, passing := range []syscall.Errno{syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return NoRoom(err)
}

// TryWrite writes a file of so many bytes into a folder, syncs it and removes it: it tells
// what no measure does, such as a quota, or a disk that is read-only.
func TryWrite(dir string, size int) (err error) {
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return fmt.Errorf("try to write: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	_, err = f.Write(noise(size))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("try to write %d bytes: %w", size, err)
	}
	return nil
}

// Reserve makes a file of so many bytes that has its place on the disk already: who
// removes it has that much room. One of that size that is there stays, another gives way.
func Reserve(path string, size int64) error {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() == size {
		return nil
	}
	if d, err := DiskOf(filepath.Dir(path)); err == nil && d.Free < size {
		return fmt.Errorf("reserve %d bytes of %d: %w", size, d.Free, ErrNoRoom)
	}
	unfinished := path + ".new" // of a process that was killed: nobody else has this name
	if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reserve room: %w", err)
	}
	f, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile)
	if err != nil {
		return fmt.Errorf("reserve room: %w", err)
	}
	defer os.Remove(f.Name())
	if err = inherit(filepath.Dir(path), f.Chown); err == nil {
		err = allocate(f, size)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("reserve %d bytes: %w", size, err)
	}
	return nil
}

// fill allocates by writing what no file system can make smaller.
func fill(f *os.File, size int64) error {
	for size > 0 {
		n := min(size, 1<<20)
		if _, err := f.Write(noise(int(n))); err != nil {
			return err
		}
		size -= n
	}
	return nil
}

func noise(size int) []byte {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(rand.Uint32())
	}
	b := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(b) // it never fails
	return b
}
