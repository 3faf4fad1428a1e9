package desk_test

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// A disk is a desk's database as it stood at a moment: the file, and the log that
// is written ahead of it. A power cut keeps the log up to the last synced commit for
// certain, and of what follows as much as the disk likes.
type disk struct{ db, wal []byte }

func (s *stage) disk(addr signed.Address) disk {
	s.t.Helper()
	path := filepath.Join(s.desk(addr), "desk.db")
	return disk{must(os.ReadFile(path)), must(os.ReadFile(path + "-wal"))}
}

// put lays the disk into a folder, its log cut at a length.
func (d disk) put(dir string, length int) {
	path := filepath.Join(dir, "desk.db")
	if err := os.Remove(path + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		panic(err)
	}
	must(0, os.WriteFile(path, d.db, 0o600))
	must(0, os.WriteFile(path+"-wal", d.wal[:length], 0o600))
}

// commits are the lengths at which the log ends with a commit, from a length on.
// Its form is SQLite's: a header of 32 bytes, then pages, each behind 24 bytes that
// say in the second number whether it is the last of a commit.
func (d disk) commits(from int) (ends []int) {
	page, salt := int(binary.BigEndian.Uint32(d.wal[8:])), d.wal[16:24]
	for at := 32; at+24+page <= len(d.wal) && bytes.Equal(d.wal[at+8:at+16], salt); {
		last := binary.BigEndian.Uint32(d.wal[at+4:]) != 0
		if at += 24 + page; last && at >= from {
			ends = append(ends, at)
		}
	}
	return ends
}

// tells what a disk whose log is cut has of a received message: where it stands,
// and the word that waits for its proof. Both are "" if it has none of it.
func (d disk) tells(t *testing.T, length int, id signed.ID) (state, word string) {
	t.Helper()
	dir := t.TempDir()
	d.put(dir, length)
	db := must(sql.Open("sqlite", filepath.Join(dir, "desk.db")))
	defer db.Close()
	err := db.QueryRow(`SELECT state, unproven FROM mail WHERE received = 1 AND id = ?`, id[:]).Scan(&state, &word)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatal(err)
	}
	return state, word
}

// The power is cut at each step of a message's one word, and at each commit that
// the disk may have kept then, complete or with a torn one behind it. The desk starts
// again: the message is there once and handed over once, and if its word was
// written the same note is said again.
func TestPowerCut(t *testing.T) {
	for name, step := range map[string]struct {
		reach func(s *stage, g *gate, fi *desk.Desk, id signed.ID, w *words)
		may   func(state, word string) bool // the disk may have kept no more than this
	}{
		"before the word is said": {
			func(*stage, *gate, *desk.Desk, signed.ID, *words) {},
			func(string, string) bool { return true },
		},
		"the word is logged, and the answer lost": {
			func(s *stage, g *gate, _ *desk.Desk, id signed.ID, w *words) {
				w.fate <- unheard
				s.call(g)
				awaitOut(s.t, s.Desks["se.spoc"], id, "handed-over")
			},
			func(_, word string) bool { return word == "handed-over" },
		},
		"the word is proven": {
			func(s *stage, _ *gate, fi *desk.Desk, id signed.ID, w *words) {
				w.fate <- passes
				awaitIn(s.t, fi, id, "handed-over")
				awaitOut(s.t, s.Desks["se.spoc"], id, "handed-over")
			},
			func(state, _ string) bool { return state == "handed-over" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			se := s.unlocked("se.spoc")
			s.ready(se)
			cuts := 0
			for n, more := 0, true; more; n++ {
				g := newGate(must(desk.Dial(s.desk("fi.spoc"))))
				fi, stop := s.startTo("fi.spoc", g)
				s.unlock(fi)
				s.ready(fi)
				before := len(s.disk("fi.spoc").wal)
				id := send(t, se, request(t))
				w := s.call(g)
				step.reach(s, g, fi, id, w)
				d := s.disk("fi.spoc")
				stop()
				var kept []int
				for _, length := range d.commits(before) {
					if step.may(d.tells(t, length, id)) {
						kept = append(kept, length)
					}
				}
				if more = n < len(kept)-1; n >= len(kept) {
					break // fewer commits than the last time
				}
				cuts++
				state, word := d.tells(t, kept[n], id)
				torn := min(n%2*1000, len(d.wal)-kept[n])
				d.put(s.desk("fi.spoc"), kept[n]+torn)

				next := newGate(must(desk.Dial(s.desk("fi.spoc"))))
				close(next.open)
				fi, stop = s.startTo("fi.spoc", next)
				s.unlock(fi)
				awaitIn(t, fi, id, "handed-over")
				awaitOut(t, se, id, "handed-over")
				for _, note := range next.notes() {
					if state == "handed-over" || word != "" && !bytes.Equal(note, w.notes[0]) {
						t.Errorf("cut at %q with the word %q, it says:\n%s\nhaving said:\n%s", state, word, note, w.notes[0])
					}
				}
				if in, out := must(fi.Inbox(ctx, client.Query{})), must(se.Outbox(ctx, client.Query{})); len(in) != n+1 || len(out) != n+1 {
					t.Errorf("of %d messages se has %d and fi %d", n+1, len(out), len(in))
				}
				for _, d := range []*desk.Desk{se, fi} {
					v := must(d.Verify(ctx, client.Ref{}))
					if v.Messages != n+1 || len(v.Faults)+len(v.Evidence) != 0 {
						t.Errorf("%s proves %+v", d.Address(), v)
					}
				}
				if events := must(fi.Verify(ctx, client.Ref{ID: id})).Facts; events[len(events)-1].Event != string(envelope.HandedOver) {
					t.Errorf("the log ends with %s", events[len(events)-1].Event)
				}
				stop()
			}
			if cuts == 0 {
				t.Error("no cut was made")
			}
		})
	}
}
