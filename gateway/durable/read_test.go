//go:build unix

package durable

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// What is no regular file is refused at once, by its name and through a link: nobody
// writes to the pipe here, and a device has no end.
func TestOnlyRegularFilesAreRead(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := syscall.Mkfifo(path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := net.Listen("unix", path("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for name, to := range map[string]string{
		"zero": "/dev/zero", "null": "/dev/null", "terminal": "/dev/tty", "to-pipe": "pipe", "to-socket": "socket", "to-link": "to-pipe", "loop": "loop", "gone": "none",
	} {
		if err := os.Symlink(to, path(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(path("folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, word := range map[string]string{
		"pipe": "a named pipe", "to-pipe": "a named pipe", "to-link": "a named pipe", "socket": "a socket", "to-socket": "a socket",
		"zero": "a device", "null": "a device", "terminal": "a device", "folder": "a folder",
	} {
		if _, err := ReadFile(path(name), 10); !errors.Is(err, ErrNotRegular) || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: %v", name, err)
		}
		if name == "folder" {
			continue
		}
		if _, err := fs.ReadFile(DirFS(dir), name); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s of the folder: %v", name, err)
		}
	}
	for _, name := range []string{"loop", "gone", "none"} {
		if _, err := ReadFile(path(name), 10); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := Create(path, []byte("ten bytes."), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("file", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"file", "link"} {
		if b, err := ReadFile(filepath.Join(dir, name), 10); string(b) != "ten bytes." || err != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if b, err := fs.ReadFile(DirFS(dir), name); string(b) != "ten bytes." || err != nil {
			t.Errorf("%s of the folder: %q, %v", name, b, err)
		}
	}
	if _, err := ReadFile(path, 9); !errors.Is(err, ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
	if names, err := fs.Glob(DirFS(dir), "f*"); len(names) != 1 || err != nil {
		t.Errorf("%v, %v", names, err)
	}
	if _, err := DirFS(dir).Open("../file"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("out of the folder: %v", err)
	}
}
