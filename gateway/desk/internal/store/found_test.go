package store

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/durable"
	"samband/gateway/signed"
)

// Lengths in SQLite's write-ahead log.
const walHeader, frameHeader = 32, 24

// A moment is what lies on the disk after a write that was answered, while the database is
// open: what a kill leaves.
type moment struct{ db, log, mark []byte }

func momentOf(t testing.TB, path string) moment {
	t.Helper()
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return b
	}
	return moment{read(path), read(path + "-wal"), read(filepath.Join(filepath.Dir(path), HighWaterFile))}
}

// put lays it into a folder of its own; a nil mark is none.
func (m moment) put(t testing.TB) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "desk.db")
	files := map[string][]byte{path: m.db, path + "-wal": m.log}
	if m.mark != nil {
		files[filepath.Join(filepath.Dir(path), HighWaterFile)] = m.mark
	}
	for path, b := range files {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// found opens it, and returns what is found and how many names the folder has.
func (m moment) found(t testing.TB) *Found {
	t.Helper()
	path := m.put(t)
	s, err := Open(path, "se.spoc", MinReserve, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	found := s.Found()
	aside, err := filepath.Glob(path + "-wal.damaged-*")
	if err != nil || (found != nil && found.Kind == FoundLog) != (len(aside) == 1) {
		t.Errorf("found %+v, and %q are set aside (%v)", found, aside, err)
	}
	for _, kept := range aside {
		if b, err := os.ReadFile(kept); err != nil || !bytes.Equal(b, m.log) || !strings.Contains(found.Detail, kept) {
			t.Errorf("%q is not the damaged log, or is not named: %s (%v)", kept, found.Detail, err)
		}
	}
	return found
}

// moments writes some messages and returns what lay on the disk after each.
func moments(t testing.TB, n int) (all []moment) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "desk.db")
	if err := Make(path, "se.spoc"); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, "se.spoc", MinReserve, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range int64(n) {
		if err := queue(s, i); err != nil {
			t.Fatal(err)
		}
		all = append(all, momentOf(t, path))
	}
	return all
}

// Whatever one bit is bent in the write-ahead log that a kill left: it is found, the file is
// kept, and what is missing is said.
func TestBentLogIsFound(t *testing.T) {
	whole := moments(t, 6)[5]
	if found := whole.found(t); found != nil {
		t.Fatalf("undamaged: %+v", found)
	}
	frames := (len(whole.log) - walHeader) / (frameHeader + 4096)
	var places []int
	for byte := range walHeader {
		places = append(places, byte)
	}
	for frame := range frames {
		at := walHeader + frame*(frameHeader+4096)
		for _, byte := range []int{0, 3, 4, 8, 15, 16, 23, frameHeader, frameHeader + rand.IntN(4096)} {
			places = append(places, at+byte)
		}
	}
	for _, place := range places {
		if rand.IntN(len(places)) >= bends {
			continue
		}
		bent := whole
		bent.log = bytes.Clone(whole.log)
		bent.log[place] ^= 1 << rand.IntN(8)
		found := bent.found(t)
		if found == nil || !found.Lost || !strings.Contains(found.Detail, "it lacks the last") {
			t.Errorf("a bit of byte %d of %d: %+v", place, len(bent.log), found)
		}
	}
	noMark := whole
	noMark.log = bytes.Clone(whole.log)
	noMark.log[walHeader+frameHeader+100] ^= 4
	noMark.mark = nil
	if found := noMark.found(t); found == nil || found.Kind != FoundLog || !found.Lost {
		t.Errorf("without a high-water file: %+v", found)
	}
}

// An older database, one whose end is cut, another one of the same desk: each is found, once,
// and the desk goes on from there.
func TestRolledBackIsFound(t *testing.T) {
	all, other := moments(t, 6), moments(t, 6)
	last := all[5]
	for name, test := range map[string]struct {
		is   moment
		kind FoundKind
	}{
		"an older database":         {moment{all[2].db, all[2].log, last.mark}, FoundBehind},
		"no log":                    {moment{last.db, nil, last.mark}, FoundBehind},
		"the end of the log is cut": {moment{last.db, last.log[:len(last.log)-1], last.mark}, FoundBehind},
		"the log is zeroed":         {moment{last.db, make([]byte, len(last.log)), last.mark}, FoundBehind},
		"another database":          {moment{other[5].db, other[5].log, last.mark}, FoundReplaced},
		"no high-water file":        {moment{last.db, last.log, nil}, FoundNoMark},
		"an empty high-water file":  {moment{last.db, last.log, []byte{}}, FoundNoMark},
		"a bent high-water file":    {moment{last.db, last.log, append([]byte("T"), last.mark[1:]...)}, FoundNoMark},
	} {
		t.Run(name, func(t *testing.T) {
			path := test.is.put(t)
			for n := range 3 {
				s, err := Open(path, "se.spoc", MinReserve, nil)
				if err != nil {
					t.Fatal(err)
				}
				found := s.Found()
				if n < 2 { // killed before it was written down, it is found again
					if found == nil || found.Kind != test.kind || found.Lost != (test.kind != FoundNoMark) {
						t.Errorf("start %d: %+v", n, found)
					} else if n == 1 {
						err = s.WriteDown(found, noon, func(*Tx) error { return nil })
					} else {
						err = queue(s, 100)
					}
				} else if found != nil {
					t.Errorf("written down, it is found again: %+v", found)
				}
				var losses []client.Loss
				err = errors.Join(err, s.View(func(tx *Tx) (err error) {
					losses, err = tx.Losses(10)
					return err
				}), s.Close())
				if want := n > 0 && test.kind != FoundNoMark; err != nil || (len(losses) == 1) != want {
					t.Errorf("start %d: losses %+v, %v", n, losses, err)
				}
			}
		})
	}
}

// Nothing is put behind what an earlier process wrote and may not have synced: a start moves
// the log into the database, synced, and empties it.
func TestStartSettlesTheLog(t *testing.T) {
	path := moments(t, 6)[5].put(t)
	s := open(t, path)
	m := momentOf(t, path)
	if len(m.log) != 0 {
		t.Errorf("the log has %d bytes after a start", len(m.log))
	}
	if found := m.found(t); found != nil {
		t.Errorf("the database alone: %+v", found)
	}
	if err := queue(s, 100); err != nil {
		t.Fatal(err)
	}
}

// A database whose own row of which it is was bent, or is gone, gets it back from the
// high-water file, if it has come as far as that.
func TestBentMarkIsMended(t *testing.T) {
	last := moments(t, 6)[5]
	for name, statement := range map[string]string{
		"a bent id": `UPDATE mark SET id = CAST(substr(id, 1, 15) || iif(substr(id, 16) = x'00', x'01', x'00') AS BLOB)`, "no id": `UPDATE mark SET id = x''`,
		"many commits": `UPDATE mark SET commits = 9223372036854775807`, "minus": `UPDATE mark SET commits = -1`, "no row": `DELETE FROM mark`,
	} {
		path := last.put(t)
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
		db.Close()
		s, err := Open(path, "se.spoc", MinReserve, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if found := s.Found(); found == nil || found.Kind != FoundBent || found.Lost {
			t.Errorf("%s: found %+v", name, found)
		} else if err := errors.Join(s.WriteDown(found, noon, func(*Tx) error { return nil }), queue(s, 100), s.Close()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if found := momentOf(t, path).found(t); found != nil {
			t.Errorf("%s: after that %+v", name, found)
		}
	}
}

// A power cut loses what nobody was told of, in whatever order the disk wrote it, and the
// high-water file may be as old as the disk likes: that is no alarm.
func TestTornEndIsNoAlarm(t *testing.T) {
	all := moments(t, 6)
	last := all[5]
	for n, m := range all {
		for k := range n + 1 {
			for name, log := range map[string][]byte{
				"cut":          last.log[:len(m.log)],
				"torn":         last.log[:min(len(m.log)+1000, len(last.log))],
				"out of order": zeroed(last.log, len(m.log), frameHeader+4096),
			} {
				if found := (moment{m.db, log, all[k].mark}).found(t); found != nil {
					t.Errorf("%s after write %d, with the mark of write %d: %+v", name, n, k, found)
				}
			}
		}
	}
}

func zeroed(b []byte, at, n int) []byte {
	b = bytes.Clone(b)
	clear(b[at:min(at+n, len(b))])
	return b
}

// A database that SQLite finds damaged is refused at its start, by name.
func TestDamagedIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "desk.db")
	s := open(t, path)
	for i := range int64(50) {
		if err := queue(s, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole := momentOf(t, path)
	for name, db := range map[string][]byte{
		"another beginning": append([]byte("SQLite format 4"), whole.db[15:]...),
		"half of it":        whole.db[:len(whole.db)/2/4096*4096],
		"an inner page":     zeroed(whole.db, 10*4096, 4096),
	} {
		s, err := Open((moment{db, nil, whole.mark}).put(t), "se.spoc", MinReserve, nil)
		if err == nil {
			s.Close()
		}
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A database that is damaged while it is open is not well from the first read that meets the
// damage on, whatever else can still be read.
func TestDamagedWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "desk.db")
	s := open(t, path)
	for i := range int64(50) {
		if err := queue(s, i); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.Scrub(), s.Check()); err != nil {
		t.Fatal(err)
	}
	whole := momentOf(t, path).db
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, len(whole)-4*4096), 4*4096); err != nil {
		t.Fatal(err)
	}
	s.UpdateUnsynced(func(tx *Tx) error { return tx.PutCursor("inbox", "1") }) // connections read anew
	err = s.View(func(tx *Tx) error {
		_, err := tx.mail(`ORDER BY m.seq`)
		return err
	})
	if !errors.Is(err, ErrMalformed) || !errors.Is(s.Check(), ErrMalformed) {
		t.Errorf("a read says %v, and the check %v", err, s.Check())
	}

	path = filepath.Join(t.TempDir(), "desk.db")
	s = open(t, path)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), "was removed or replaced") {
		t.Errorf("its file is gone: %v", err)
	}
	if err := errors.Join(os.Rename(path+".away", path), s.Check()); err != nil {
		t.Errorf("its file is back: %v", err)
	}
}

// A lock by another program is told as that, at the first write that waits for it, and is
// no fault of the database once it has gone.
func TestCheckKnowsTheNextWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "desk.db")
	s := open(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(); err != nil {
		t.Errorf("just opened: %v", err)
	}
	s.state.written = s.state.written.Add(-lately - time.Second)
	if err := s.Check(); err == nil || !strings.Contains(err.Error(), "another program has the desk's database locked") {
		t.Errorf("locked, with no write of late: %v", err)
	}
	if err := s.Check(); err == nil {
		t.Error("asked again: no word")
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(queue(s, 1), s.Check()); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

// Another program that has the database open or locked at a start is waited out: a backup, a
// repair by hand, or a curious reader, who may stay.
func TestStartBesideAnother(t *testing.T) {
	for what, how := range map[string]string{
		"reads": "BEGIN; SELECT count(*) FROM texts", "writes": "BEGIN IMMEDIATE", "has it alone": "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE",
	} {
		path := moments(t, 2)[1].put(t) // with a log, as after a kill
		db, err := sql.Open("sqlite", "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		if _, err := db.Exec(how); err != nil {
			t.Fatal(err)
		}
		freed := make(chan error, 1)
		time.AfterFunc(200*time.Millisecond, func() {
			_, err := db.Exec("ROLLBACK")
			freed <- errors.Join(err, db.Close())
		})
		s, err := Open(path, "se.spoc", MinReserve, nil)
		if err != nil {
			t.Fatalf("another %s: %v", what, err)
		}
		if found := s.Found(); found != nil {
			t.Errorf("another %s: it found %+v", what, found)
		}
		if err := errors.Join(queue(s, 7), s.Close(), <-freed); err != nil {
			t.Errorf("another %s: %v", what, err)
		}
	}
}

// A scan of any bytes ends, counts no more frames than there are, and of a sound log finds
// nothing wrong.
func FuzzWriteAheadLog(f *testing.F) {
	whole := moments(f, 2)[1].log
	f.Add(whole, 4096)
	f.Add(zeroed(whole, walHeader+frameHeader+4096, 100), 4096)
	f.Add(zeroed(whole, 0, walHeader), 4096)
	f.Add(whole[:walHeader+7], 512)
	f.Fuzz(func(t *testing.T, log []byte, pageSize int) {
		if !durable.IsPageSize(pageSize) {
			return
		}
		s, err := durable.ScanLog(bytes.NewReader(log), pageSize)
		if err != nil {
			t.Fatal(err)
		}
		if most := len(log) / (512 + frameHeader); s.Frames+s.Behind > most || s.Commits > s.Behind || len(s.Pages) > s.Frames || (len(s.Pages) > 0) != (s.Length > 0) {
			t.Errorf("%d bytes: %+v", len(log), s)
		}
	})
}

// A high-water file is read strictly: what is taken is what would be written.
func FuzzHighWater(f *testing.F) {
	f.Add((&highWater{commits: 7, audit: 460, register: 12, mail: 91, log: 340}).text())
	f.Add([]byte("samband desk, high water, 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := parseHighWater(b); err == nil && !bytes.Equal(h.text(), b) {
			t.Errorf("%q is taken as %q", b, h.text())
		}
	})
}

// What the high-water file costs: a commit that waits for the disk, beside the write alone.
func BenchmarkHighWater(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "desk.db"))
	b.Run("commit", func(b *testing.B) {
		for b.Loop() {
			if err := s.Update(func(tx *Tx) error { return tx.Say(signed.HashOf(signed.NewID().String())) }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("file", func(b *testing.B) {
		h := s.mark.last
		for b.Loop() {
			h.commits++
			s.mark.put(h)
		}
	})
}
