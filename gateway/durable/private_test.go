//go:build unix

package durable

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What is there gets its mode, and what a link leads to keeps its own.
func TestPrivateTree(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	outside, dir := filepath.Join(t.TempDir(), "outside"), filepath.Join(t.TempDir(), "dir")
	modes := map[string]fs.FileMode{"": 0o777, "a": 0o755, "a/b": 0o770, "a/b/file": 0o666, "file": 0o644, "closed": 0o400, "tool": 0o755, "shut": 0o500}
	for _, name := range []string{"", "a", "a/b", "shut"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{outside, dir + "/a/b/file", dir + "/file", dir + "/closed", dir + "/tool"} {
		if err := os.WriteFile(file, nil, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, mode := range modes {
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := PrivateTree(dir); err != nil {
		t.Fatal(err)
	}
	checkPrivate(t, dir)
	if info, err := os.Stat(outside); err != nil || info.Mode() != 0o666 {
		t.Errorf("what a link leads to: %v, %v", info, err)
	}
}

func TestNewDatabase(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := t.TempDir()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.WriteFile(filepath.Join(dir, "there.db"+suffix), []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"there.db", "new.db"} {
		if err := NewDatabase(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	checkPrivate(t, dir)
	if b, err := os.ReadFile(filepath.Join(dir, "there.db")); string(b) != "x" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
}

func checkPrivate(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Type() == fs.ModeSymlink {
			return err
		}
		info, err := e.Info()
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = fs.ModeDir | 0o700
		}
		if err == nil && info.Mode() != want {
			t.Errorf("%s is %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
