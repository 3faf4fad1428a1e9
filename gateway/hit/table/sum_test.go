package table

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"samband/gateway/hit"
)

// lies are the files of a database, by what stands behind its name.
type lies map[string][]byte

// liesAt reads what lies there, as a kill leaves it: SQLite makes the index of the log anew.
func liesAt(t testing.TB, path string) lies {
	t.Helper()
	all := lies{}
	for _, suffix := range []string{"", "-wal", "-sum"} {
		b, err := os.ReadFile(path + suffix)
		if err == nil && (len(b) > 0 || suffix != "-wal") {
			all[suffix] = b
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	return all
}

// put lays the files into a folder of their own.
func (l lies) put(t testing.TB) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "hits.db")
	for suffix, b := range l {
		if err := os.WriteFile(path+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func (l lies) with(suffix string, b []byte) lies {
	l = maps.Clone(l)
	if l[suffix] = b; b == nil {
		delete(l, suffix)
	}
	return l
}

func importRows(t testing.TB, path string, d hit.Dataset, rows ...string) *Report {
	t.Helper()
	report, err := Import(t.Context(), path, d, strings.NewReader(strings.Join(rows, "\n")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// of are the references that a plate finds.
func of(t testing.TB, table *Table, plate string) string {
	t.Helper()
	return strings.Join(ask(t, table, hit.Vehicle, map[hit.Key]string{hit.Plate: plate, hit.PlateCountry: "SE"}).References, " ")
}

// Whatever befell the files at rest, the database is opened as it was imported or not at all:
// no answer comes of it. To import again is the way out, and says that it began anew.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hits.db")
	importRows(t, path, hit.Vehicle, "reference,plate,plate_country", "OLD,ABC123,SE")
	older := liesAt(t, path)
	importRows(t, path, hit.Nominal, "reference,full", "N,Ann Lee")
	var rows []string
	for i := range 300 {
		rows = append(rows, fmt.Sprintf("V%d,ABC%03d,SE", i, i))
	}
	importRows(t, path, hit.Vehicle, append([]string{"reference,plate,plate_country"}, rows...)...)
	whole := liesAt(t, path)
	if len(whole) != 2 {
		t.Fatalf("%d files lie there", len(whole))
	}
	kinds := map[string]func() lies{
		"an older sum":         func() lies { return whole.with("-sum", older["-sum"]) },
		"an older database":    func() lies { return whole.with("", older[""]) },
		"the log of another":   func() lies { return whole.with("-wal", logOf(t, path)) },
		"a sum behind the sum": func() lies { return whole.with("-sum", append(bytes.Clone(whole["-sum"]), whole["-sum"]...)) },
		"a word behind it":     func() lies { return whole.with("-sum", append(bytes.Clone(whole["-sum"]), sumCommitting[:4]...)) },
	}
	for suffix, b := range whole {
		for name, damaged := range map[string][]byte{
			"gone": nil, "emptied": {}, "halved": b[:len(b)/2], "zeros": make([]byte, len(b)), "a byte more": append(bytes.Clone(b), 0), "a byte less": b[:len(b)-1],
		} {
			kinds[name+" "+suffix] = func() lies { return whole.with(suffix, damaged) }
		}
		for n := range 20 {
			kinds[fmt.Sprintf("bit %d %s", n, suffix)] = func() lies {
				b := bytes.Clone(b)
				b[rand.IntN(len(b))] ^= 1 << rand.IntN(8)
				return whole.with(suffix, b)
			}
		}
		kinds["a block of zeros "+suffix] = func() lies {
			b := bytes.Clone(b)
			at := rand.IntN(len(b)) &^ 511
			clear(b[at:min(at+512, len(b))])
			return whole.with(suffix, b)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		damaged := kinds[kind]()
		if maps.EqualFunc(damaged, whole, bytes.Equal) {
			continue
		}
		path := damaged.put(t)
		if table, err := Open(path); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "hits.db") || !strings.Contains(err.Error(), "import its data sets again") {
			t.Errorf("%s: opened %v, %v", kind, table != nil, err)
			continue
		}
		if !slices.Contains([]string{"gone -sum", "gone ", "halved ", "bit 0 ", "the log of another"}, kind) {
			continue // these go the whole way
		}
		if _, err := Import(t.Context(), path, hit.Vehicle, strings.NewReader("reference,plate,plate_country\n1,,SE\n"), Options{}); err == nil {
			t.Errorf("%s: a faulty file is imported", kind)
		}
		if after := liesAt(t, path); !maps.EqualFunc(after, damaged, bytes.Equal) {
			t.Errorf("%s: an import of nothing changed the files", kind)
		}
		report := importRows(t, path, hit.Vehicle, "reference,plate,plate_country", "NEW,ABC124,SE")
		if report.Damage == "" {
			t.Errorf("%s: the import doesn't say so", kind)
		}
		table := openTable(t, path)
		if new, old := of(t, table, "ABC124"), of(t, table, "ABC007"); new != "NEW" || old != "" {
			t.Errorf("%s: afterwards it has %q, and %q", kind, new, old)
		}
		asked, err := hit.Read(hit.Query{Dataset: hit.Nominal, Keys: map[hit.Key]string{hit.Full: "Ann Lee"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := table.Search(t.Context(), asked); !errors.Is(err, hit.ErrNoDataset) {
			t.Errorf("%s: of what must be imported too it says %v", kind, err)
		}
		if left, err := filepath.Glob(path + "-anew*"); err != nil || len(left) > 0 {
			t.Errorf("%s: it left %v, %v", kind, left, err)
		}
		if again := importRows(t, path, hit.Nominal, "reference,full", "N,Ann Lee"); again.Damage != "" {
			t.Errorf("%s: the next import says %q", kind, again.Damage)
		}
	}
	t.Logf("%d damages", len(kinds))
}

// logOf is the write-ahead log of another database.
func logOf(t *testing.T, path string) []byte {
	t.Helper()
	other := liesAt(t, path).put(t)
	w, err := openToWrite(other)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if _, err := w.db.Exec("UPDATE row_VEHICLE SET reference = 'OTHER'"); err != nil {
		t.Fatal(err)
	}
	return liesAt(t, other)["-wal"]
}

// An import is cut off at each of its steps: the file opens with the old rows or with the new
// ones, whole, and the next import finds nothing amiss.
func TestCutOffImport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hits.db")
	importRows(t, path, hit.Nominal, "reference,full", "N,Ann Lee")
	importRows(t, path, hit.Vehicle, "reference,plate,plate_country", "OLD,ABC123,SE")
	var rows strings.Builder
	rows.WriteString("reference,plate,plate_country\nNEW,ABC123,SE\n")
	for i := range 2000 {
		fmt.Fprintf(&rows, "V%d,XYZ%03d,SE\n", i, i)
	}
	before, err := readSum(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := openToWrite(path)
	if err != nil {
		t.Fatal(err)
	}
	moments := map[string]lies{"before": liesAt(t, path)}
	if _, err := replace(t.Context(), w.db, hit.Vehicle, strings.NewReader(rows.String()), Options{}, func() error {
		moments["before its sum says that it commits"] = liesAt(t, path)
		before.committing = true
		err := before.write(path)
		moments["before its commit"] = liesAt(t, path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	moments["committed"] = liesAt(t, path)

	// The sum can't be written: the log stays, though nobody else has the file open.
	full := moments["committed"].put(t)
	if err := errors.Join(os.Remove(SumFile(full)), os.Mkdir(SumFile(full), 0o700)); err != nil {
		t.Fatal(err)
	}
	if x, err := openToWrite(full); err != nil {
		t.Fatal(err)
	} else if err := x.keep(t.Context()); err == nil {
		t.Error("a sum is written over a folder")
	} else if err := x.close(); err != nil {
		t.Error(err)
	}
	if err := os.Remove(SumFile(full)); err != nil {
		t.Fatal(err)
	}
	moments["committed, and closed without a sum"] = liesAt(t, full).with("-sum", moments["committed"]["-sum"])
	if w.read, err = openFiles(path); err != nil {
		t.Fatal(err)
	}
	is, err := w.read.sum()
	if err != nil {
		t.Fatal(err)
	}
	if err := (sum{of: is}).write(path); err != nil {
		t.Fatal(err)
	}
	summed := liesAt(t, path)
	moments["with its sum"] = summed
	if err := w.keep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	moments["moved"] = liesAt(t, path)
	moved := moments["moved"][""]
	for _, part := range []int{1, 3, len(moved) / 4096 / 2} { // of what the log has, some pages are moved
		mixed := append(bytes.Clone(moved[:part*4096]), summed[""][min(part*4096, len(summed[""])):]...)
		moments[fmt.Sprintf("with %d pages moved", part)] = summed.with("", mixed)
	}
	for _, cut := range slices.Sorted(maps.Keys(moments)) {
		path := moments[cut].put(t)
		table := openTable(t, path)
		want := "OLD"
		if strings.HasPrefix(cut, "committed") || cut == "with its sum" || strings.Contains(cut, "moved") {
			want = "NEW"
		}
		if got, xyz := of(t, table, "ABC123"), of(t, table, "XYZ999"); got != want || (xyz != "") != (want == "NEW") {
			t.Errorf("cut off %s, it has %q and %q", cut, got, xyz)
		}
		if err := table.Close(); err != nil {
			t.Error(err)
		}
		if report := importRows(t, path, hit.Firearm, "reference,serial,make", "F,4711,GLOCK"); report.Damage != "" {
			t.Errorf("cut off %s, the next import says %q", cut, report.Damage)
		}
		if got := of(t, openTable(t, path), "ABC123"); got != want {
			t.Errorf("cut off %s, it has %q after the next import", cut, got)
		}
	}

	// The same commit where the sum does not expect one is another's.
	path = moments["committed"].with("-sum", moments["before"]["-sum"]).put(t)
	if _, err := Open(path); !errors.Is(err, ErrDamaged) {
		t.Errorf("a commit of nobody: %v", err)
	}
}

// While another program reads, what was replaced can't be overwritten: that is said, and passes.
func TestReadMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hits.db")
	importRows(t, path, hit.Vehicle, "reference,plate,plate_country", "OLD,ABC123,SE")
	table := openTable(t, path)
	reads, err := table.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reads.ExecContext(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	if err := reads.QueryRowContext(t.Context(), "SELECT count(*) FROM dataset").Scan(new(int)); err != nil {
		t.Fatal(err)
	}
	w, err := openToWrite(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.Exec("PRAGMA busy_timeout = 50"); err != nil { // nobody waits as long as it does
		t.Fatal(err)
	}
	csv := strings.NewReader("reference,plate,plate_country\nNEW,ABC123,SE\n")
	if _, err := replace(t.Context(), w.db, hit.Vehicle, csv, Options{}, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if err := w.keep(t.Context()); !errors.Is(err, errRead) {
		t.Errorf("beside a reader: %v", err)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	if got := of(t, openTable(t, path), "ABC123"); got != "NEW" {
		t.Errorf("it has %q", got)
	}
	if _, err := reads.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := reads.Close(); err != nil {
		t.Fatal(err)
	}
	importRows(t, path, hit.Vehicle, "reference,plate,plate_country", "NEWER,ABC123,SE")
	if got := of(t, table, "ABC123"); got != "NEWER" {
		t.Errorf("it has %q", got)
	}
}

// A file that another takes the place of is no longer the one that was opened.
func TestCurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hits.db")
	importRows(t, path, hit.Vehicle, "reference,plate,plate_country", "OLD,ABC123,SE")
	table := openTable(t, path)
	if !table.Current() {
		t.Error("it is another")
	}
	if err := os.Remove(SumFile(path)); err != nil { // so the next import begins anew
		t.Fatal(err)
	}
	importRows(t, path, hit.Vehicle, "reference,plate,plate_country", "NEW,ABC123,SE")
	if table.Current() {
		t.Error("it is the same")
	}
}

// A sum is read strictly: what is taken is what would be written.
func FuzzSum(f *testing.F) {
	f.Add(sum{}.text())
	f.Add(sum{of: [32]byte{1, 2}, committing: true}.text())
	f.Add([]byte(sumForm))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseSum(b); err == nil && !bytes.Equal(s.text(), b) {
			t.Errorf("%q is taken as %q", b, s.text())
		}
	})
}
