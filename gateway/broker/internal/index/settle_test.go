package index

import (
	"os"
	"path/filepath"
	"testing"
)

// What the disk failed to write may be in memory alone, in this process or one that was
// killed: an opening, and the first change after such an error, bring all of the write-ahead
// log into the database and empty it.
func TestDoubtedLogIsEmptied(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := must(Open(path))(t)
	defer func() { x.Close() }()
	logged := func() int64 {
		t.Helper()
		return must(os.Stat(path + "-wal"))(t).Size()
	}
	if err := x.Lost(1); err != nil || logged() == 0 {
		t.Fatalf("the log has %d bytes: %v", logged(), err)
	}
	x.doubted = true
	if err := x.Lost(2); err != nil || logged() != 0 || x.doubted {
		t.Errorf("after an error the log has %d bytes: %v", logged(), err)
	}
	if err := x.Lost(3); err != nil || logged() == 0 {
		t.Errorf("the log has %d bytes: %v", logged(), err)
	}
	// As after a kill: the files are there as they are, and nobody closed them.
	left := filepath.Join(t.TempDir(), "index.db")
	for _, suffix := range []string{"", "-wal"} {
		b := must(os.ReadFile(path + suffix))(t)
		if err := os.WriteFile(left+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := must(Open(left))(t)
	defer again.Close()
	if info, err := os.Stat(left + "-wal"); err != nil || info.Size() != 0 {
		t.Errorf("after an opening the log is there: %v", err)
	}
	if got, err := again.Removable(10); err != nil || len(got) != 3 {
		t.Errorf("it has %v: %v", got, err)
	}
}
