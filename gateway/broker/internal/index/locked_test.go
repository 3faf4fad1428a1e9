package index

import (
	"database/sql"
	"errors"
	"path/filepath"
	"testing"
)

// Another process has locked the index: neither an opening nor a change takes it for damaged,
// and both succeed once the lock is gone.
func TestLockedByAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	x := must(Open(path))(t)
	defer func() { x.Close() }()
	other := must(sql.Open("sqlite", dsn(path)))(t)
	defer other.Close()
	other.SetMaxOpenConns(1)
	run := func(text string) {
		t.Helper()
		if _, err := other.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	run("BEGIN IMMEDIATE")
	if err := x.Lost(1); !Passes(err) {
		t.Errorf("a change of a locked index: %v", err)
	}
	run("ROLLBACK")
	if err := x.Lost(1); err != nil {
		t.Error(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	run("PRAGMA locking_mode = EXCLUSIVE")
	run("BEGIN EXCLUSIVE")
	if opened, err := Open(path); err == nil || !Passes(err) || errors.Is(err, ErrUnsound) {
		t.Errorf("open of a locked index: %v, %v", opened, err)
	}
	run("ROLLBACK")
	other.Close()
	x = must(Open(path))(t)
	if got, err := x.Removable(10); err != nil || len(got) != 1 {
		t.Errorf("it has %v: %v", got, err)
	}
}
