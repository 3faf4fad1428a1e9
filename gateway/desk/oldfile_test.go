package desk_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// A database of an earlier version is refused in one sentence that says what to do,
// and stays as it was.
func TestOldDatabase(t *testing.T) {
	s := newStage(t)
	se, stop := s.start("se.spoc")
	s.ready(se)
	stop()
	path := filepath.Join(s.desk("se.spoc"), "desk.db")
	db := must(sql.Open("sqlite", path))
	defer db.Close()
	var now int
	must(0, db.QueryRow(`PRAGMA user_version`).Scan(&now))
	for old := 1; old < now; old++ {
		must(db.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, old)))
		d, err := s.OpenDesk("se.spoc", s.conf(nil))
		if err == nil {
			d.Close()
			t.Errorf("a database of form %d is opened", old)
			continue
		}
		said := err.Error()
		for _, part := range []string{path, fmt.Sprintf("its form %d is of an earlier version", old), "go on with the program that wrote it, or make the desk anew"} {
			if !strings.Contains(said, part) {
				t.Errorf("of form %d it says %q, without %q", old, said, part)
			}
		}
		if strings.ContainsAny(said, "\n;") || len(said) > 2*len(path)+200 {
			t.Errorf("of form %d it says more than a sentence: %q", old, said)
		}
		var kept int
		if must(0, db.QueryRow(`PRAGMA user_version`).Scan(&kept)); kept != old {
			t.Errorf("a database of form %d is of form %d afterwards", old, kept)
		}
	}
	must(db.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, now)))
	se, _ = s.start("se.spoc")
	s.ready(se)
}
