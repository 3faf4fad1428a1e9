package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

func open(t testing.TB, path string) *Store { return openHearing(t, path, nil) }

func openHearing(t testing.TB, path string, moved func(signed.ID, client.State)) *Store {
	t.Helper()
	if err := Make(path, "se.spoc"); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	s, err := Open(path, "se.spoc", MinReserve, moved)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// childOf names the database that the child of TestKilled writes to.
const childOf = "SAMBAND_TEST_DATABASE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childOf); path != "" {
		if err := writeForever(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// queue writes message n as a desk does: message, key, outbox row in one.
func queue(s *Store, n int64) error {
	hash := signed.HashOf(strconv.FormatInt(n, 10))
	id := signed.ID(hash[:16])
	return s.Update(func(tx *Tx) error {
		if err := tx.AddText(hash, []byte("note"), bytes.Repeat([]byte{byte(n)}, 6000)); err != nil {
			return err
		}
		if err := tx.PutFileKey(hash, []byte("wrapped")); err != nil {
			return err
		}
		return tx.Add(&Row{ID: id, Send: id.String(), From: "se.spoc", To: "fi.spoc", TextHash: hash, State: client.Queued})
	})
}

// writeForever says each number once it is durable.
func writeForever(path string) error {
	if err := Make(path, "se.spoc"); err != nil {
		return err
	}
	s, err := Open(path, "se.spoc", MinReserve, nil)
	if err != nil {
		return err
	}
	for n := int64(0); ; n++ {
		if err := queue(s, n); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// Killed at any moment, the database has all that was acknowledged, and of the
// rest each transaction completely or not at all. No kill is taken for a loss.
func TestKilled(t *testing.T) {
	for round := range 5 {
		path := filepath.Join(t.TempDir(), "desk.db")
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childOf+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		last := int64(-1)
		for n := range int64(10 + 17*round) {
			if _, err := fmt.Fscan(out, &last); err != nil || last != n {
				t.Fatalf("the child said %d, %v", last, err)
			}
		}
		child.Process.Kill()
		child.Wait()
		s := open(t, path)
		if found := s.Found(); found != nil {
			t.Errorf("a kill is taken for a loss: %+v", found)
		}
		err = s.View(func(tx *Tx) error {
			items, err := tx.Newest(false, 1<<20)
			if err != nil {
				return err
			}
			if int64(len(items)) <= last {
				t.Errorf("%d messages were acknowledged, %d are there", last+1, len(items))
			}
			for _, i := range items {
				if _, err := tx.Envelope(i.TextHash); err != nil {
					t.Error(err)
				}
				if _, err := tx.FileKey(i.TextHash); err != nil {
					t.Error(err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if err := queue(s, 1<<40); err != nil {
			t.Errorf("after the kill: %v", err)
		}
	}
}

// An Update that fails leaves nothing.
func TestAllOrNothing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	hash, no := signed.HashOf("m"), errors.New("no")
	err := s.Update(func(tx *Tx) error {
		if err := tx.AddText(hash, []byte("note"), []byte("sealed")); err != nil {
			return err
		}
		return no
	})
	if !errors.Is(err, no) {
		t.Fatal(err)
	}
	err = s.View(func(tx *Tx) error { _, err := tx.Note(hash); return err })
	if !errors.Is(err, ErrNotFound) {
		t.Errorf("half a transaction is there: %v", err)
	}
}

// A sender and id have one row, whatever the texts.
func TestOneRowASenderAndID(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	add := func(text string) error {
		hash := signed.HashOf(text)
		return s.Update(func(tx *Tx) error {
			if err := tx.AddText(hash, []byte("note"), []byte(text)); err != nil {
				return err
			}
			return tx.Add(&Row{Received: true, TextHash: hash, From: "se.spoc", To: "fi.spoc", ID: signed.ID{1}, State: client.Accepted})
		})
	}
	if err := add("one"); err != nil {
		t.Fatal(err)
	}
	if add("two") == nil {
		t.Error("a second text has a row")
	}
}

// States only go on, and an end stays; only what the broker alone ended may turn
// out to have gone on.
func TestStates(t *testing.T) {
	for _, states := range [][]client.State{client.SentStates, client.ReceivedStates} {
		for _, from := range states {
			for _, to := range states {
				if Follows(to, from) && (from.Ended() && from != client.Rejected || Follows(to, to) || Follows(from, to)) {
					t.Errorf("from %s to %s", from, to)
				}
			}
		}
	}
}

// An erased file key is nowhere in the database's files.
func TestErased(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "desk.db"))
	hash, marker := signed.HashOf("m"), []byte("the wrapped key of a message")
	err := s.Update(func(tx *Tx) error {
		if err := tx.AddText(hash, []byte("note"), []byte("sealed")); err != nil {
			return err
		}
		return tx.PutFileKey(hash, marker)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !contains(t, dir, marker) {
		t.Fatal("the marker is not found where it must be")
	}
	if err := s.Update(func(tx *Tx) error { return tx.Erase(hash) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Scrub(); err != nil {
		t.Fatal(err)
	}
	if contains(t, dir, marker) {
		t.Error("the erased key is still in a file")
	}
}

func contains(t *testing.T, dir string, marker []byte) bool {
	t.Helper()
	found := false
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, path))
		found = found || bytes.Contains(b, marker)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The file says its form, keeps durability on, and another form is refused.
func TestForms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "desk.db")
	s := open(t, path)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "secure_delete": "1", "foreign_keys": "1", "user_version": strconv.Itoa(form)} {
		var got string
		if err := s.open.Load().db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, want %s (%v)", pragma, got, want, err)
		}
	}
	s.Close()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for other, want := range map[int]string{form + 1: "later version", form - 1: "earlier version", 1: "earlier version"} {
		if _, err := db.Exec(fmt.Sprintf("PRAGMA user_version = %d", other)); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, "se.spoc", MinReserve, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("form %d: %v", other, err)
		}
	}
}
