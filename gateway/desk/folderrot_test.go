package desk_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/hit"
	"samband/gateway/hit/table"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// files are those of a folder, by their paths in it.
type files map[string][]byte

func readFiles(t *testing.T, dir string) files {
	t.Helper()
	all := files{}
	must(0, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			all[must(filepath.Rel(dir, path))] = must(os.ReadFile(path))
		}
		return err
	}))
	return all
}

func (f files) write(t *testing.T, dir string) {
	t.Helper()
	for path, b := range f {
		path = filepath.Join(dir, path)
		must(0, os.MkdirAll(filepath.Dir(path), 0o700))
		must(0, os.WriteFile(path, b, 0o600))
	}
}

// A rot is one damage to a folder at rest.
type rot struct{ file, kind string }

// kinds of damage, and what they make of a file; false: there is no such damage to it.
var kinds = map[string]func(r rot, whole, older, other files) ([]byte, bool){
	"deleted": nil,
	"emptied": func(r rot, whole, _, _ files) ([]byte, bool) { return []byte{}, len(whole[r.file]) > 0 },
	"halved": func(r rot, whole, _, _ files) ([]byte, bool) {
		b := whole[r.file]
		return b[:len(b)/2], len(b) > 1
	},
	"bit": func(r rot, whole, _, _ files) ([]byte, bool) {
		b := bytes.Clone(whole[r.file])
		if len(b) > 0 {
			b[rand.IntN(len(b))] ^= 1 << rand.IntN(8)
		}
		return b, len(b) > 0 && !isDatabase(r.file) // a bit of a cell: see the rows' own test
	},
	"zeroed": func(r rot, whole, _, _ files) ([]byte, bool) {
		b := bytes.Clone(whole[r.file])
		if len(b) > 0 {
			at := rand.IntN(len(b)) &^ 511
			clear(b[at:min(at+512, len(b))])
		}
		return b, len(b) > 0 && !isDatabase(r.file)
	},
	"all zeroed": func(r rot, whole, _, _ files) ([]byte, bool) {
		return make([]byte, len(whole[r.file])), len(whole[r.file]) > 0
	},
	"garbage behind": func(r rot, whole, _, _ files) ([]byte, bool) {
		return append(bytes.Clone(whole[r.file]), "garbage"...), !isDatabase(r.file)
	},
	"swapped": func(r rot, whole, _, _ files) ([]byte, bool) {
		for path, b := range whole { // any other of its folder
			if path != r.file && !bytes.Equal(b, whole[r.file]) && filepath.Dir(path) == filepath.Dir(r.file) {
				return b, true
			}
		}
		return nil, false
	},
	"another desk's": func(r rot, whole, _, other files) ([]byte, bool) {
		b, ok := other[r.file]
		return b, ok && !bytes.Equal(b, whole[r.file])
	},
	"rolled back": func(r rot, whole, older, _ files) ([]byte, bool) {
		b, ok := older[r.file]
		return b, ok && !bytes.Equal(b, whole[r.file])
	},
}

func isDatabase(file string) bool { return strings.HasPrefix(file, "desk.db") }

// harmless are files whose content means nothing, or is made anew from what else is there.
func harmless(file, kind string, content []byte) bool {
	switch {
	case file == "lock", file == "keys.lock", file == "hits.db.lock", file == "desk.db-shm", file == "hits.db-shm", file == "stays-locked", file == "request":
		return true
	case file == "hits.db-wal":
		return true // an import leaves it empty, and SQLite reads none that is no log of this database
	case file == "high-water":
		return kind == "rolled back" // it says less, until the next commit
	case strings.HasPrefix(file, "catalogue/"):
		// A bundle's hash is that of the files in it: a zip has bits beside them, such as dates.
		b, err := schema.ReadBundle(content)
		return err == nil && filepath.Base(file) == b.Hash.Hex()+".zip"
	case strings.HasPrefix(file, "reserve-"):
		return kind != "deleted" && kind != "emptied" && kind != "halved" && kind != "garbage behind"
	}
	return false
}

// A journal keeps what a desk says at its levels of warning and error.
type journal struct {
	slog.Handler
	mu   sync.Mutex
	said []string
}

func (*journal) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

func (j *journal) Handle(_ context.Context, r slog.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	j.said = append(j.said, line)
	return nil
}

// A desk's life of a moment, without its broker: what it says, and what it shows.
type life struct {
	refused error    // to start, to unlock, to read, to send, to prove
	said    []string // in journal, status and the desk's own log
	shows   any
	accuses int
}

// lives has a desk start in a folder, unlock, read a message, send one, and prove what it
// has.
func (s *stage) lives(dir string, id signed.ID) (m life) {
	j := &journal{Handler: slog.DiscardHandler}
	conf := s.conf(nil)
	conf.Dir, conf.Log = dir, slog.New(j)
	d, err := desk.New(conf)
	if err != nil {
		return life{refused: err}
	}
	defer d.Close()
	staysLocked := must(d.StaysLocked())
	before := len(must(d.Log(ctx, client.Query{})))
	if m.refused = d.Unlock(ctx, passphrase); m.refused != nil {
		return m
	}
	must(0, d.ShowAnyway(ctx, "a test"))
	read, err := d.Read(ctx, client.Ref{ID: id})
	if err != nil && problem.CodeOf(err) != problem.UnknownMessage {
		m.refused = err
		return m
	}
	if _, m.refused = d.Send(ctx, request(s.t)); m.refused != nil {
		return m
	}
	v := must(d.Verify(ctx, client.Ref{}))
	st := must(d.Status(ctx))
	m.accuses = len(v.Evidence) + st.Evidence
	var hits hit.Answer
	if st.Hits == "" {
		hits = s.searches(filepath.Join(dir, "hits.db"))
	}
	m.shows = []any{read, hits, staysLocked, v.Messages, v.Proven, st.Desk, st.Hash, st.Register, st.Audit, st.Keys}
	for _, f := range v.Faults {
		m.said = append(m.said, fmt.Sprint(f))
	}
	for _, l := range st.Losses {
		m.said = append(m.said, l.Kind+": "+l.Detail)
	}
	for _, l := range st.Lacks {
		m.said = append(m.said, fmt.Sprint("lacks ", l.Bundle))
	}
	if !st.Disk.Reserve {
		m.said = append(m.said, "no reserve")
	}
	log := must(d.Log(ctx, client.Query{}))
	for _, e := range log[:len(log)-before] {
		m.said = append(m.said, fmt.Sprint("log: ", e.Event, " ", e.Detail))
	}
	m.said = append(m.said, st.Trouble, st.Hits)
	j.mu.Lock()
	defer j.mu.Unlock()
	m.said = append(m.said, j.said...)
	return m
}

// searches has a machine search for a vehicle.
func (s *stage) searches(path string) hit.Answer {
	s.t.Helper()
	data := must(table.Open(path))
	defer data.Close()
	return must(data.Search(ctx, must(hit.Read(hit.Query{Dataset: hit.Vehicle, Keys: map[hit.Key]string{hit.Plate: "MLB84A", hit.PlateCountry: "SE"}}))))
}

// Whatever happens at rest to one file of a desk's folder: the desk says which and what to
// do, makes the file good again, or works as before. It accuses nobody of it.
func TestFolderRots(t *testing.T) {
	s := newStage(t)
	next := s.lends(given)
	fi := s.unlocked("fi.spoc")
	se, stop := s.start("se.spoc")
	s.unlock(se)
	s.whole(se)
	must(0, se.Import(ctx, next.Zip))
	stop()
	hits := func(reference string) {
		csv := strings.NewReader("reference,plate,plate_country\n" + reference + ",MLB 84A,SWE\n")
		must(table.Import(ctx, filepath.Join(s.desk("se.spoc"), "hits.db"), hit.Vehicle, csv, table.Options{}))
	}
	hits("SE-V-1")
	older := readFiles(t, s.desk("se.spoc"))
	must(desk.Rotate(s.desk("se.spoc"), passphrase))
	hits("SE-V-2")
	se, _ = s.start("se.spoc")
	s.unlock(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "handed-over")
	awaitIn(t, fi, id, "handed-over")
	must(0, se.Lock(ctx))
	whole, other := readFiles(t, s.desk("se.spoc")), readFiles(t, s.desk("fi.spoc")) // as after a kill
	must(0, s.Stop())

	base := s.lives(s.lay(whole), id)
	if base.refused != nil || base.accuses != 0 {
		t.Fatalf("undamaged: %+v", base)
	}
	t.Logf("undamaged it says %q", base.said)
	var all []rot
	for file := range whole {
		for kind := range kinds {
			all = append(all, rot{file, kind})
		}
	}
	slices.SortFunc(all, func(a, b rot) int { return strings.Compare(a.file+" "+a.kind, b.file+" "+b.kind) })
	table := map[string]map[string]int{}
	for _, r := range rotBudget(all) {
		damaged := files{}
		for path, b := range whole {
			damaged[path] = b
		}
		if change := kinds[r.kind]; change == nil {
			delete(damaged, r.file)
		} else if b, ok := change(r, whole, older, other); ok && !bytes.Equal(b, whole[r.file]) {
			damaged[r.file] = b
		} else {
			continue
		}
		dir := s.lay(damaged)
		is := s.lives(dir, id)
		var outcome string
		switch {
		case is.accuses > 0:
			outcome = "ACCUSES"
		case is.refused != nil:
			if outcome = "refused, named"; !names(is.refused, r.file) {
				outcome = "REFUSED, NOT NAMED"
				t.Errorf("%s, %s: %v", r.file, r.kind, is.refused)
			}
		case !slices.Equal(is.said, base.said):
			outcome = "named"
		case !reflect.DeepEqual(is.shows, base.shows):
			outcome = "SILENT"
		case bytes.Equal(readFiles(t, dir)[r.file], whole[r.file]):
			outcome = "repaired"
		case harmless(r.file, r.kind, damaged[r.file]):
			outcome = "no effect"
		default:
			outcome = "SILENT"
		}
		if outcome == "ACCUSES" || outcome == "SILENT" {
			t.Errorf("%s, %s: %s: %+v", r.file, r.kind, outcome, is)
		}
		if table[r.file] == nil {
			table[r.file] = map[string]int{}
		}
		table[r.file][outcome]++
	}
	for _, file := range slices.Sorted(maps.Keys(table)) {
		t.Logf("%-30s %v", file, table[file])
	}
}

func (s *stage) lay(f files) string {
	dir := s.t.TempDir()
	must(0, os.Chmod(dir, 0o700))
	f.write(s.t, dir)
	return dir
}

// names reports whether an error tells of which file it is.
func names(err error, file string) bool {
	if problem.CodeOf(err) == problem.LocalFault {
		return false
	}
	words := map[string]string{
		"desk.yaml": "settings", "federation": "federation file", "certificate.pem": "certificate", "broker-keys": "the broker's TLS keys",
		"keys/online": "online ring", "keys/locked.age": "ring", "desk.db": "database", "desk.db-wal": "database",
	}
	text := err.Error()
	return strings.Contains(text, filepath.Base(file)) || words[file] != "" && strings.Contains(text, words[file])
}
