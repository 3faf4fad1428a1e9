//go:build unix

package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Each of the system's words for a disk that takes nothing now is one, and no other fault is.
func TestNoRoom(t *testing.T) {
	for _, err := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EFBIG, ErrNoRoom} {
		if wrapped := fmt.Errorf("write: %w", &fs.PathError{Op: "write", Path: "f", Err: err}); !NoRoom(wrapped) {
			t.Errorf("%v is said to leave room", err)
		}
	}
	for _, err := range []error{nil, syscall.EIO, syscall.EACCES, os.ErrNotExist, errors.New("no space left on device")} {
		if NoRoom(err) {
			t.Errorf("%v is taken for a full disk", err)
		}
	}
}

func TestDiskOf(t *testing.T) {
	d, err := DiskOf(t.TempDir())
	if err != nil || d.Total <= 0 || d.Free <= 0 || d.Free > d.Total || d.Files == 0 || d.ReadOnly {
		t.Errorf("%+v, %v", d, err)
	}
	if _, err := DiskOf(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a folder that is not there was measured")
	}
}

// A try leaves nothing behind; a file of another size gives way to the reserve, which has its
// place on the disk, and what a killed process left is no hindrance.
func TestReserve(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "reserve")
	for _, name := range []string{path, path + ".new"} {
		if err := os.WriteFile(name, []byte("left"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := Reserve(path, 3<<20); err != nil {
			t.Fatal(err)
		}
	}
	if err := TryWrite(dir, 100_000); err != nil {
		t.Error(err)
	}
	entries(t, dir, 1)
	info, err := os.Stat(path)
	if err != nil || info.Size() != 3<<20 || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if blocks := info.Sys().(*syscall.Stat_t).Blocks * 512; blocks < 3<<20 {
		t.Errorf("it has %d bytes on the disk", blocks)
	}
	if err := TryWrite(filepath.Join(dir, "none"), 1); err == nil {
		t.Error("wrote into a folder that is not there")
	}
	if err := Reserve(path, math.MaxInt64); !NoRoom(err) {
		t.Errorf("all the world's bytes: %v", err)
	}
	entries(t, dir, 1)
}
