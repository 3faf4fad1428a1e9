package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// unsealed are the tables whose rows have no seal, each with why.
var unsealed = map[string]string{
	"tallies": "a tally has a check of its own",
	"mark":    "the high-water file says the same",
}

// Each table has seals that cover each of its columns, and a tally: of a new table that has
// none this test speaks.
func TestSealsCoverAll(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	db := s.open.Load().db
	rs, err := db.Query(`SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Close()
	for rs.Next() {
		var name, column string
		if err := rs.Scan(&name, &column); err != nil {
			t.Fatal(err)
		}
		if unsealed[name] != "" || column == "seal" {
			continue
		}
		if !slices.Contains(Tables(), name) {
			t.Errorf("table %s has no seals", name)
		} else if tab := tableNamed(name); !slices.Contains(tab.columns, column) && covered[name] != column || len(tab.key) == 0 {
			t.Errorf("the seal of table %s, of key %v, covers %v without %s", name, tab.key, tab.columns, column)
		}
	}
	var n int
	if err := db.QueryRow(`SELECT count(*) FROM tallies`).Scan(&n); err != nil || n != len(Tables()) {
		t.Errorf("%d tallies, of %d tables: %v", n, len(Tables()), err)
	}
}

// A row that was bent is not read, and is found; so is one that is missing, and an old one
// that has come back. One bent bit is put right, wherever it is.
func TestDamageFound(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	text := signed.HashOf("a text")
	update := func(f func(*Tx) error) {
		t.Helper()
		if err := s.Update(f); err != nil {
			t.Fatal(err)
		}
	}
	update(add("a text"))
	update(func(tx *Tx) error { return tx.PutCursor("feed", "here") })
	raw := func(statement string, args ...any) { // as no writer does it: the triggers are that connection's own
		t.Helper()
		if _, err := s.open.Load().db.Exec(statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	found := func(want string) {
		t.Helper()
		all, err := s.Inspect()
		var is []string
		for _, f := range all {
			is = append(is, fmt.Sprintf("%s %d %t", f.Table, len(f.Rows), f.Missing))
		}
		if err != nil || strings.Join(is, ", ") != want {
			t.Errorf("found is %q, %v; want %q", is, err, want)
		}
	}
	found("")
	raw(`UPDATE texts SET note = CAST('noty' AS BLOB)`)
	if err := s.View(func(tx *Tx) error { _, err := tx.Note(text); return err }); !errors.Is(err, ErrDamaged) {
		t.Errorf("a bent row is read: %v", err)
	}
	found("texts 1 false")
	update(func(tx *Tx) error {
		f, err := tx.Inspect("texts")
		if err != nil {
			return err
		}
		return tx.Mend(f, func() error {
			if _, ok := f.Rows[0].OneBit(); ok {
				return errors.New("three bits were one")
			}
			values := f.Rows[0].Values
			values["note"] = []byte("note")
			if !f.Rows[0].Fits(values) {
				return errors.New("what was written does not fit")
			}
			return tx.Restore(&f.Rows[0], values)
		})
	})
	found("")
	raw(`UPDATE cursors SET cursor = 'hdre'`) // e, and one bit of it
	raw(`DELETE FROM texts`)
	found("cursors 1 false, texts 0 true")
	update(func(tx *Tx) error {
		f, err := tx.Inspect("cursors")
		if err != nil {
			return err
		}
		values, ok := f.Rows[0].OneBit()
		if !ok {
			return errors.New("one bit is not found")
		}
		return tx.Mend(f, func() error { return tx.Restore(&f.Rows[0], values) })
	})
	if err := s.View(func(tx *Tx) error {
		if at, err := tx.Cursor("feed"); at != "here" || err != nil {
			return fmt.Errorf("the cursor is %q, %w", at, err)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	found("texts 0 true")
}

// A line of the desk's own log that is altered, taken out or cut off is found; and who has
// not the storage key can't make the chain anew.
func TestLogChain(t *testing.T) {
	for name, c := range map[string]struct {
		do   string
		want string
	}{
		"whole":   {`SELECT 1`, ""},
		"altered": {`UPDATE log SET subject = 'message 2' WHERE seq = 2`, "line 2 "},
		"taken":   {`DELETE FROM log WHERE seq = 2`, "line 3 "},
		"cut":     {`DELETE FROM log WHERE seq = 3`, "it was cut"},
		"cut, and its head": {`DELETE FROM log WHERE seq > 2; UPDATE log_head SET lines = 2, chain = (SELECT chain FROM log WHERE seq = 2);
			UPDATE log_head SET seal = row_seal('log_head', one, lines, chain, kept, mac)`, "3 were kept under the storage key"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, filepath.Join(t.TempDir(), "desk.db"))
			mac := func(lines int64, chain []byte) []byte { return fmt.Append(nil, "secret", lines, chain) }
			err := s.Update(func(tx *Tx) error {
				for n := range 3 {
					if err := tx.Log(client.LogEntry{Time: noon, Event: "read", Subject: fmt.Sprintf("message %d", n)}); err != nil {
						return err
					}
				}
				return errors.Join(tx.LogBounded(client.LogEntry{Time: noon, Event: "not held here", Subject: "message 9"}), tx.KeepLog(mac))
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.open.Load().db.Exec(c.do); err != nil {
				t.Fatal(err)
			}
			var check LogCheck
			err = s.view(func(tx *Tx) (err error) {
				check, err = tx.CheckLog(mac)
				return err
			})
			if err != nil || c.want == "" && len(check.Faults) > 0 || !strings.Contains(strings.Join(check.Faults, "\n"), c.want) {
				t.Errorf("it finds %q, %v; want %q", check.Faults, err, c.want)
			}
			if c.want == "" && (check.Lines != 3 || check.Kept != 3) {
				t.Errorf("of 3 lines, all kept, it says %+v", check)
			}
		})
	}
}
