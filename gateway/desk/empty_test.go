package desk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
)

// A desk whose database is gone, or was cut to nothing, does not start: it says what is
// missing and names both ways out, and it makes nothing. Begun empty by a person's word, it
// gets what has not ended again, and its log has the reason.
func TestNeverStartsEmpty(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi, stop := s.start("fi.spoc")
	id := send(t, se, request(t))
	awaitIn(t, fi, id, "consigned")
	dir := s.desk("fi.spoc")
	if _, err := desk.BeginEmpty(dir, "none", morning); err == nil || !strings.Contains(err.Error(), "another process serves this desk") {
		t.Errorf("while it runs: %v", err)
	}
	stop()
	if _, err := desk.BeginEmpty(dir, "", morning); problem.CodeOf(err) != problem.TextMalformed {
		t.Errorf("without a reason: %v", err)
	}
	if _, err := desk.BeginEmpty(dir, "none", morning); err == nil || !strings.Contains(err.Error(), "it opens: nothing was done") {
		t.Errorf("with a database: %v", err)
	}
	refused := func(what string) {
		t.Helper()
		d, err := s.OpenDesk("fi.spoc", s.conf(nil))
		if err == nil {
			d.Close()
			t.Fatalf("%s: it starts", what)
		}
		for _, part := range []string{"desk.db", "there is no database", "put its folder back from the newest backup", "samband-desk begin-empty"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: it says %q, without %q", what, err, part)
			}
		}
	}
	path := filepath.Join(dir, "desk.db")
	whole := must(os.ReadFile(path))
	must(0, os.WriteFile(path, nil, 0o600))
	refused("cut to nothing")
	s.removeDatabase("fi.spoc")
	refused("removed")
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a start that was refused made a database: %v", err)
	}
	must(0, os.WriteFile(path, append([]byte("no database"), whole[11:]...), 0o600))
	aside := must(desk.BeginEmpty(dir, "the disk is lost, and nobody made a backup", morning))
	if b, err := os.ReadFile(aside); err != nil || len(b) != len(whole) {
		t.Errorf("what there was is not set aside: %v", err)
	}
	fi = s.unlocked("fi.spoc")
	awaitIn(t, fi, id, "handed-over")
	log := must(fi.Log(ctx, client.Query{}))
	if first := log[len(log)-1]; first.Event != "begun empty" || !strings.Contains(first.Detail, "nobody made a backup") {
		t.Errorf("its log begins with %+v", first)
	}
}

// A desk's folder with another desk's database in it does not start.
func TestDatabaseOfAnotherDesk(t *testing.T) {
	s := newStage(t)
	must(0, os.WriteFile(filepath.Join(s.desk("se.spoc"), "desk.db"), must(os.ReadFile(filepath.Join(s.desk("fi.spoc"), "desk.db"))), 0o600))
	d, err := s.OpenDesk("se.spoc", s.conf(nil))
	if err == nil {
		d.Close()
		t.Fatal("it starts")
	}
	if !strings.Contains(err.Error(), "it is the database of fi.spoc, and by desk.yaml this is the folder of se.spoc") {
		t.Errorf("it says %v", err)
	}
}

// A desk is not made where a database lies: no ring is made beside it.
func TestNoDeskIsMadeAroundADatabase(t *testing.T) {
	dir := t.TempDir()
	must(0, os.WriteFile(filepath.Join(dir, "desk.db-wal"), nil, 0o600))
	_, err := desk.Init(dir, desk.Setup{
		Settings:   desk.Settings{Address: "se.spoc", Broker: "https://broker.example", Zone: "Europe/Stockholm"},
		Federation: made().Federation(), Passphrase: passphrase,
	})
	if !errors.Is(err, fs.ErrExist) || len(must(filepath.Glob(filepath.Join(dir, "keys", "*")))) != 0 {
		t.Errorf("it is made: %v", err)
	}
}
