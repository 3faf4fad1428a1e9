package desk_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

// db changes a desk's database while the desk is stopped.
func (s *stage) db(do func(*sql.DB)) {
	s.t.Helper()
	db := must(sql.Open("sqlite", filepath.Join(s.desk("fi.spoc"), "desk.db")))
	defer db.Close()
	do(db)
}

// ages lets days pass for Finland's replaced opening keys.
func (s *stage) ages(days int) {
	s.t.Helper()
	db := must(store.Open(filepath.Join(s.desk("fi.spoc"), "desk.db"), "fi.spoc", store.MinReserve, func(signed.ID, client.State) {}))
	err := db.Update(func(tx *store.Tx) error {
		known, err := tx.OpeningKeys()
		for _, k := range known {
			if !k.Replaced.IsZero() {
				k.Replaced = k.Replaced.Add(-time.Duration(days) * 24 * time.Hour)
				err = errors.Join(err, tx.DropOpeningKey(k.Key), tx.PutOpeningKey(k))
			}
		}
		return err
	})
	must(0, errors.Join(err, db.Close()))
}

// halves are the files of the opening keys' halves.
func (s *stage) halves() []string {
	return must(filepath.Glob(filepath.Join(s.desk("fi.spoc"), "keys", "opening-*.half")))
}

// An opening key that was replaced is there for 30 days, and longer while a message needs
// it. Then its desk destroys it: what was erased, and what somebody kept of that, opens no
// more, even with the ring and its passphrase.
func TestOldOpeningKeyGoes(t *testing.T) {
	s := newStage(t)
	next := s.lends(lacking)
	se := s.unlocked("se.spoc")
	s.ready(se)
	awaitLacks(t, se, next, problem.BundleMissing)
	must(0, se.Import(ctx, next.Zip))
	fi, stop := s.start("fi.spoc")
	s.unlock(fi)
	waits, erased := send(t, se, loan()), send(t, se, request(t))
	awaitIn(t, fi, waits, "consigned")
	awaitIn(t, fi, erased, "handed-over")
	awaitOut(t, se, erased, "handed-over")
	stop()
	var kept []byte
	s.db(func(db *sql.DB) {
		must(0, db.QueryRow(`SELECT CAST(note || sealed AS BLOB) FROM texts WHERE text = (SELECT text FROM mail WHERE id = ?)`, erased[:]).Scan(&kept))
	})
	copied := must(envelope.Parse(kept))
	opens := func() error {
		identity, ok := must(keys.Unlock(filepath.Join(s.desk("fi.spoc"), "keys"), passphrase)).Identity(copied.ToKey)
		if !ok {
			return fmt.Errorf("the ring has no key for it")
		}
		_, _, err := seal.Open(copied, identity)
		return err
	}
	if err := opens(); err != nil {
		t.Fatal(err)
	}

	card := must(desk.Rotate(s.desk("fi.spoc"), passphrase))
	fi, stop = s.start("fi.spoc")
	s.unlock(fi)
	must(0, fi.Erase(ctx, client.Ref{ID: erased}))
	await(t, fi, "knowing both keys", func() bool { return len(must(fi.Status(ctx)).Keys) == 2 })
	if k := must(fi.Status(ctx)).Keys; !k[0].Replaced.IsZero() || !k[1].Replaced.IsZero() {
		t.Errorf("before its party entered the new key: %+v", k)
	}
	s.enter(s.party("fi").Desk(card, directory, signed.Time{}))
	old := func() client.OpeningKey { return must(fi.Status(ctx)).Keys[0] }
	await(t, fi, "rid of the old key some day", func() bool { return !old().Replaced.IsZero() })
	if k := old(); k.Until != k.Replaced.Add(30*24*time.Hour) || k.Needed != 1 || k.ID != fmt.Sprintf("%x", copied.ToKey[:]) {
		t.Errorf("the old key is %+v", k)
	}
	again := func(days int) {
		stop()
		s.ages(days)
		fi, stop = s.start("fi.spoc")
		s.unlock(fi)
		s.shows(fi)
		s.unlock(fi) // it looks at its keys
	}
	again(31)
	await(t, fi, "late", func() bool { return !s.clock.Wall().Before(old().Until.AsTime()) })
	must(0, fi.Import(ctx, next.Zip))
	awaitIn(t, fi, waits, "handed-over") // by the key that was kept for it
	if err := opens(); err != nil {
		t.Errorf("needed, it is gone: %v", err)
	}
	s.unlock(fi)
	await(t, fi, "rid of the old key", func() bool { return len(must(fi.Status(ctx)).Keys) == 1 })
	if len(s.halves()) != 1 || opens() == nil {
		t.Errorf("destroyed, %d halves are there, and it opens: %v", len(s.halves()), opens())
	}
	if e := must(fi.Log(ctx, client.Query{Limit: 10})); !slices.ContainsFunc(e, func(e client.LogEntry) bool {
		return e.Event == "opening key destroyed" && strings.Contains(e.Subject, fmt.Sprintf("%x", copied.ToKey[:]))
	}) {
		t.Errorf("the desk's log says %+v", e)
	}
	id := send(t, se, request(t))
	awaitIn(t, fi, id, "handed-over")
	if err := reads(fi, waits); err != nil {
		t.Errorf("what was opened before is not read: %v", err)
	}
}

// A key that is 29 days old stays. Where a crash came within its destruction, the next
// unlock ends it.
func TestOpeningKeyHalfDestroyed(t *testing.T) {
	for name, crash := range map[string]func(half string){
		"nothing done":     func(string) {},
		"it is zeroed":     func(half string) { must(0, os.WriteFile(half, make([]byte, 32), 0o600)) },
		"partly":           func(half string) { must(0, os.WriteFile(half, make([]byte, 7), 0o600)) },
		"its file is gone": func(half string) { must(0, os.Remove(half)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			first := s.halves()[0]
			s.enter(s.party("fi").Desk(must(desk.Rotate(s.desk("fi.spoc"), passphrase)), directory, signed.Time{}))
			fi, stop := s.start("fi.spoc")
			s.unlock(fi)
			await(t, fi, "rid of the old key some day", func() bool {
				k := must(fi.Status(ctx)).Keys
				return len(k) == 2 && !k[0].Replaced.IsZero()
			})
			stop()
			s.ages(29)
			fi, stop = s.start("fi.spoc")
			s.unlock(fi)
			s.shows(fi)
			stop()
			if n := len(s.halves()); n != 2 {
				t.Errorf("after 29 days there are %d halves", n)
			}
			s.ages(1)
			crash(first)
			fi = s.unlocked("fi.spoc")
			await(t, fi, "rid of the old key", func() bool { return len(must(fi.Status(ctx)).Keys) == 1 })
			if h := s.halves(); len(h) != 1 || h[0] == first {
				t.Errorf("the halves are %v", h)
			}
		})
	}
}
