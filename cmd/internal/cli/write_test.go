package cli

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
)

// A command writes what it was asked for under a free name, through no link, and for its
// owner alone; else it says what is in the way and what to do.
func TestWriteNew(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, to := range map[string]string{"to-file": "file", "to-nothing": "nothing", "to-folder": "folder"} {
		if err := os.Symlink(to, path(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(WriteNew(path("file"), []byte("first")), NewFolder(path("folder")), NewFolder(path("folder"))); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]fs.FileMode{"file": 0o600, "folder": fs.ModeDir | 0o700} {
		if info, err := os.Lstat(path(name)); err != nil || info.Mode() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	refused := func(name string, err error) {
		t.Helper()
		p := &Program{}
		root := &cobra.Command{Use: "samband-x", RunE: func(*cobra.Command, []string) error { return err }}
		var told bytes.Buffer
		if code := p.Run(root, []string{}, strings.NewReader(""), &told, &told); code != exitFailed || !errors.Is(err, fs.ErrExist) ||
			!strings.Contains(told.String(), name+" is there already") || !strings.Contains(told.String(), "Next: name another") {
			t.Errorf("%s: %d, %s", name, code, &told)
		}
	}
	for _, name := range []string{"file", "to-file", "to-nothing", "to-folder", "pipe", "folder"} {
		refused(name, WriteNew(path(name), []byte("second")))
	}
	for _, name := range []string{"file", "to-file", "to-nothing", "to-folder", "pipe"} {
		refused(name, NewFolder(path(name)))
	}
	if b, err := os.ReadFile(path("file")); string(b) != "first" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if entries, err := os.ReadDir(path("folder")); len(entries) != 0 || err != nil {
		t.Errorf("%v, %v", entries, err)
	}
}
