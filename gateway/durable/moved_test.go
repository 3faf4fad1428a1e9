package durable_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"samband/gateway/durable"
)

// What SQLite moved in part, it moves again: where its index is told so as its documentation
// says, and other connections stay.
func TestForgetMoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var index durable.LogIndex
	must(index.ForgetMoved(path)) // there is none
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=wal_autocheckpoint(0)")
	must(err)
	defer db.Close()
	exec := func(query string) {
		t.Helper()
		_, err := db.Exec(query)
		must(err)
	}
	checkpoint := func(frames, moved int) {
		t.Helper()
		var busy, f, m int
		must(db.QueryRow("PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &f, &m))
		if f != frames || m != moved {
			t.Errorf("of %d frames %d are moved; want %d of %d", f, m, moved, frames)
		}
	}
	exec("CREATE TABLE t (n INTEGER)")
	reads, err := db.Begin()
	must(err)
	must(reads.QueryRow("SELECT count(*) FROM t").Scan(new(int)))
	exec("INSERT INTO t VALUES (7)")
	checkpoint(3, 2)
	must(reads.Rollback())

	// An old page comes back, as after a power cut.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(err)
	_, err = f.WriteAt(make([]byte, 4096), 0)
	must(err)
	for range 2 {
		must(index.ForgetMoved(path))
	}
	checkpoint(3, 3)
	var n int
	must(db.QueryRow("SELECT n FROM t").Scan(&n))
	head := make([]byte, 15)
	_, err = f.ReadAt(head, 0)
	must(err)
	if n != 7 || string(head) != "SQLite format 3" {
		t.Errorf("it has %d, and begins with %q", n, head)
	}
	must(f.Close())
}
