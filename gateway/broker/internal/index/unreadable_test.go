package index

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// An index that the disk doesn't give may be made anew, and where that fails too the start may
// be tried again.
func TestUnreadable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := must(Open(path))(t)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path+"-shm", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, ErrUnsound) || !Passes(err) {
		t.Errorf("open: %v", err)
	}
	if err := os.RemoveAll(path + "-shm"); err != nil {
		t.Fatal(err)
	}
	must(Open(path))(t).Close()
}
