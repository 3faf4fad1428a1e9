//go:build unix

package desk_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"samband/gateway/durable"
)

// All that a desk has is for its owner alone, whatever the umask and whoever made its
// folder before; what is not the desk's keeps its mode.
func TestModes(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	s := newLie(t)
	dir := s.desk("se.spoc")
	script := filepath.Join(dir, "backup.sh")
	must(0, durable.Create(script, []byte("#!/bin/sh\n"), 0o755))
	each := func(do func(path string, e fs.DirEntry) error) {
		t.Helper()
		must(0, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || path == script {
				return err
			}
			return do(path, e)
		}))
	}
	private := func(when string) {
		t.Helper()
		each(func(path string, e fs.DirEntry) error {
			info, err := e.Info()
			if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; err == nil && info.Mode().Perm() != want {
				t.Errorf("%s: %s is %v", when, path, info.Mode())
			}
			return err
		})
	}
	for range 2 {
		each(func(path string, e fs.DirEntry) error {
			return os.Chmod(path, map[bool]fs.FileMode{true: 0o777, false: 0o666}[e.IsDir()])
		})
		se, stop := s.start("se.spoc")
		s.unlock(se)
		s.ready(se)
		awaitOut(t, se, send(t, se, request(t)), "accepted")
		private("while it runs")
		stop()
		private("after it")
	}
	if info := must(os.Stat(script)); info.Mode() != 0o755 {
		t.Errorf("another's file is %v", info.Mode())
	}
}
