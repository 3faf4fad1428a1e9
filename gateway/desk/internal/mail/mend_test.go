package mail_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/verify"
)

// Before a desk accuses anybody it looks at its own rows: where one is not as it wrote it,
// nobody is accused, and the row is mended.
func TestNobodyAccusedByOwnDamage(t *testing.T) {
	for name, c := range map[string]struct {
		do      string
		accuses bool
	}{
		"whole":       {`SELECT 1`, true},
		"a bent head": {`UPDATE heads SET root = zeroblob(32)`, false},
		"lost words":  {`DELETE FROM said`, false},
		"a bent row":  {`UPDATE mail SET text = randomblob(32)`, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t)
			h.run()
			h.sees(h.sends(1), "handed-over")
			db := must(sql.Open("sqlite", filepath.Join(h.DeskDir("fi.spoc"), "desk.db")+"?_pragma=busy_timeout(10000)"))
			defer db.Close()
			must(db.Exec(c.do))
			h.room.Accuse(&verify.Breach{
				Problem: problem.New(problem.LogContradicts, "two checkpoints contradict each other"), Subject: "a log", Log: "audit",
				Exhibits: map[string][]byte{"known": []byte("one"), "shown": []byte("other")},
			})
			var kept int
			var mended, lost int
			must(0, h.room.Store.View(func(tx *store.Tx) error {
				all, err := tx.Evidence()
				if err != nil {
					return err
				}
				kept = len(all)
				mended, lost, err = tx.CountDamages()
				return err
			}))
			if accused := kept > 0; accused != c.accuses || !c.accuses && mended+lost == 0 {
				t.Errorf("%d pieces of evidence are kept, and %d damages found", kept, mended+lost)
			}
			if found := must(h.room.Store.Inspect()); len(found) > 0 {
				t.Errorf("afterwards it is damaged still: %+v", found)
			}
		})
	}
}
