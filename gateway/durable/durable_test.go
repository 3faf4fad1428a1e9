//go:build unix

package durable

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

// writers are the three ways to write a file, each with its temporary folder.
func writers(tmp string) map[string]func(string, []byte, fs.FileMode) error {
	return map[string]func(string, []byte, fs.FileMode) error{
		"Create": Create, "Replace": Replace,
		"ReplaceVia": func(path string, b []byte, mode fs.FileMode) error { return ReplaceVia(tmp, path, b, mode) },
	}
}

// checkOnlyFile checks that a folder has one file, with this content and mode.
func checkOnlyFile(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || string(b) != content {
		t.Errorf("it reads %.20q, %v; want %q", b, err, content)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != mode {
		t.Errorf("it is %v, %v; want %v", info.Mode(), err, mode)
	}
	entries(t, filepath.Dir(path), 1)
}

// entries checks how many names a folder has: a temporary one is too many.
func entries(t *testing.T, dir string, n int) {
	t.Helper()
	if list, err := os.ReadDir(dir); err != nil || len(list) != n {
		t.Errorf("%v, %v: want %d names", list, err, n)
	}
}

// The mode is the one asked for, whatever the umask.
func TestMode(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	for name, write := range writers(t.TempDir()) {
		for _, mode := range []fs.FileMode{0o600, 0o644} {
			t.Run(name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "f")
				if err := write(path, []byte("content"), mode); err != nil {
					t.Fatal(err)
				}
				checkOnlyFile(t, path, "content", mode)
			})
		}
	}
}

// What has the name stays, or is replaced completely; a folder is neither written into
// nor replaced.
func TestNameThatIsTaken(t *testing.T) {
	for name, write := range writers(t.TempDir()) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, []byte("the old content"), 0o640); err != nil {
				t.Fatal(err)
			}
			err := write(path, []byte("new"), 0o600)
			if name == "Create" {
				if !errors.Is(err, fs.ErrExist) {
					t.Errorf("a taken name: %v", err)
				}
				checkOnlyFile(t, path, "the old content", 0o640)
			} else if checkOnlyFile(t, path, "new", 0o600); err != nil {
				t.Error(err)
			}
			dir := t.TempDir()
			if err := write(dir, []byte("new"), 0o600); err == nil {
				t.Error("a folder was written over")
			}
			entries(t, dir, 0)
		})
	}
}

// A link at the end of a path is not followed, whether it leads to a file or to
// nothing; links among the folders are.
func TestLinks(t *testing.T) {
	for name, write := range writers(t.TempDir()) {
		for _, there := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				outside, dir := filepath.Join(t.TempDir(), "outside"), t.TempDir()
				if there {
					if err := os.WriteFile(outside, []byte("theirs"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				path := filepath.Join(dir, "f")
				if err := os.Symlink(outside, path); err != nil {
					t.Fatal(err)
				}
				err := write(path, []byte("new"), 0o600)
				if name == "Create" {
					if !errors.Is(err, fs.ErrExist) {
						t.Errorf("a link has the name: %v", err)
					}
					if to, err := os.Readlink(path); err != nil || to != outside {
						t.Errorf("the link leads to %q, %v", to, err)
					}
				} else if checkOnlyFile(t, path, "new", 0o600); err != nil {
					t.Error(err)
				}
				if b, err := os.ReadFile(outside); there && string(b) != "theirs" || !there && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("written through the link: %q, %v", b, err)
				}
			})
		}
		t.Run(name, func(t *testing.T) {
			real, linked := t.TempDir(), filepath.Join(t.TempDir(), "linked")
			if err := os.Symlink(real, linked); err != nil {
				t.Fatal(err)
			}
			if err := write(filepath.Join(linked, "f"), []byte("new"), 0o600); err != nil {
				t.Fatal(err)
			}
			checkOnlyFile(t, filepath.Join(real, "f"), "new", 0o600)
		})
	}
}

// A disk that takes no more leaves what was there, and no temporary file.
func TestDiskFull(t *testing.T) {
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var unlimited syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &unlimited); err != nil {
		t.Fatal(err)
	}
	small := unlimited
	small.Cur = 1 << 20 // more than the test's own log, which is written meanwhile
	tmp := t.TempDir()
	for name, write := range writers(tmp) {
		path := filepath.Join(t.TempDir(), "f")
		names := 0
		if name != "Create" {
			names = 1
			if err := os.WriteFile(path, []byte("the old content"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small); err != nil {
			t.Fatal(err)
		}
		err := write(path, bytes.Repeat([]byte("new"), 1<<20), 0o600)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &unlimited); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(err, syscall.EFBIG) {
			t.Errorf("%s: %v", name, err)
		}
		entries(t, filepath.Dir(path), names)
		if names == 1 {
			checkOnlyFile(t, path, "the old content", 0o600)
		}
	}
	entries(t, tmp, 0)
}

// Each folder that is missing is made, for its owner alone; one that is there
// stays as it is, and a file in the place of one is an error.
func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := MkdirAll(dir + "/a/b/"); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]fs.FileMode{"": 0o755, "a": 0o700, "a/b": 0o700} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != fs.ModeDir|mode {
			t.Errorf("folder %q: %v, %v", name, info, err)
		}
	}
	if err := Create(filepath.Join(dir, "f"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"f", "f/a"} {
		if err := MkdirAll(filepath.Join(dir, path)); !errors.Is(err, syscall.ENOTDIR) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := Replace(filepath.Join(dir, "missing", "f"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that isn't there: %v", err)
	}
}

// Who locks a folder or a file has it alone until he lets go.
func TestLock(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	for name, lock := range map[string]func() (*os.File, error){
		"folder": func() (*os.File, error) { return LockDir(dir) },
		"file":   func() (*os.File, error) { return LockFile(filepath.Join(filepath.Dir(filepath.Dir(dir)), "lock")) },
	} {
		f, err := lock()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := lock(); !errors.Is(err, ErrLocked) {
			t.Errorf("%s, locked twice: %v", name, err)
		}
		f.Close()
		if f, err = lock(); err != nil {
			t.Errorf("%s, let go and locked again: %v", name, err)
		}
		f.Close()
	}
}

// A descriptor that was left keeps the lock; one of another file doesn't.
func TestKeepLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	f, err := LockFile(path)
	if err != nil {
		t.Fatal(err)
	}
	left, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	kept, err := KeepLock(os.NewFile(uintptr(left), path), path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LockFile(path); !errors.Is(err, ErrLocked) {
		t.Errorf("kept, and locked by another: %v", err)
	}
	other, err := LockFile(path + "2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := KeepLock(other, path); err == nil {
		t.Error("another file keeps the lock")
	}
	if err := kept.Close(); err != nil {
		t.Error(err)
	}
	again, err := LockFile(path)
	if err != nil {
		t.Fatalf("let go: %v", err)
	}
	defer again.Close()
	third, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := KeepLock(third, path); !errors.Is(err, ErrLocked) {
		t.Errorf("a descriptor that was opened anew keeps the lock of another: %v", err)
	}
}
