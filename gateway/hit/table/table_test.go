package table

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"samband/gateway/hit"
)

// opened imports the samples, and opens the file.
func opened(t testing.TB) (path string, table *Table) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "hits.db")
	for d, name := range map[hit.Dataset]string{hit.Document: "documents", hit.Vehicle: "vehicles", hit.Firearm: "firearms", hit.Nominal: "nominals"} {
		f, err := os.Open("testdata/" + name + ".csv")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := Import(t.Context(), path, d, f, Options{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return path, openTable(t, path)
}

func openTable(t testing.TB, path string) *Table {
	t.Helper()
	table, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { table.Close() })
	return table
}

func ask(t testing.TB, table *Table, d hit.Dataset, keys map[hit.Key]string) hit.Answer {
	t.Helper()
	asked, err := hit.Read(hit.Query{Dataset: d, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	a, err := table.Search(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// The samples answer as the rule says, whatever script they are asked in.
func TestSearch(t *testing.T) {
	_, table := opened(t)
	for _, c := range []struct {
		dataset    hit.Dataset
		keys       map[hit.Key]string
		outcome    hit.Outcome
		references string
	}{
		{hit.Vehicle, map[hit.Key]string{hit.Plate: "MLB 84A", hit.PlateCountry: "SWE"}, hit.Hit, "SE-V-0001"},
		{hit.Vehicle, map[hit.Key]string{hit.Plate: "а123вс77", hit.PlateCountry: "RU"}, hit.Hit, "RU-V-0001"},
		{hit.Vehicle, map[hit.Key]string{hit.VIN: "WVWZZZ1KZAW000123"}, hit.Hit, "DE-V-0001"},
		{hit.Vehicle, map[hit.Key]string{hit.Plate: "MLB84A"}, hit.Inconclusive, "SE-V-0001"},
		{hit.Vehicle, map[hit.Key]string{hit.Plate: "MLB85A", hit.PlateCountry: "SWE"}, hit.NoHit, ""},
		{hit.Document, map[hit.Key]string{hit.Number: "SPECI2014", hit.Country: "UTO"}, hit.Hit, "UT-D-0001"},
		{hit.Document, map[hit.Key]string{hit.Number: "SPEC12014", hit.Country: "UTO"}, hit.Inconclusive, "UT-D-0001"},
		{hit.Firearm, map[hit.Key]string{hit.Serial: "bkt 4711", hit.Make: "GLOCK", hit.Calibre: "9x19"}, hit.Hit, "AT-F-0001"},
		{hit.Nominal, map[hit.Key]string{hit.Full: "Mueller Juergen", hit.BirthDate: "1979-03-02"}, hit.Hit, "DE-N-0001"},
		{hit.Nominal, map[hit.Key]string{hit.Full: "Yusuf Hussain", hit.BirthDate: "1990"}, hit.Inconclusive, "EG-N-0001"},
		{hit.Nominal, map[hit.Key]string{hit.Family: "حسين", hit.Given: "يوسف", hit.BirthDate: "1990"}, hit.Hit, "EG-N-0001"},
		{hit.Nominal, map[hit.Key]string{hit.Family: "Shcherbakov", hit.Given: "Aleksei", hit.BirthDate: "1968-11-23"}, hit.Hit, "RU-N-0001"},
		{hit.Nominal, map[hit.Key]string{hit.Family: "Papadopulos", hit.Given: "Nikolaos", hit.BirthDate: "1955-07-09"}, hit.Inconclusive, "GR-N-0001"},
		{hit.Nominal, map[hit.Key]string{hit.Full: "Suharto"}, hit.Inconclusive, "ID-N-0001"},
		// One person of two identities, and two persons of one name.
		{hit.Nominal, map[hit.Key]string{hit.Family: "Berg", hit.Given: "Nils"}, hit.Inconclusive, "NO-N-0001 NO-N-0002"},
		{hit.Nominal, map[hit.Key]string{hit.Family: "Nobody", hit.Given: "At All"}, hit.NoHit, ""},
	} {
		a := ask(t, table, c.dataset, c.keys)
		if a.Outcome != c.outcome || strings.Join(a.References, " ") != c.references || a.Candidates != len(a.References) || a.Incomplete {
			t.Errorf("%v: %+v, want %s of %q", c.keys, a, c.outcome, c.references)
		}
		b, err := json.Marshal(a)
		if want := fmt.Sprintf(`{"outcome":%q}`, c.outcome); err != nil || string(b) != want {
			t.Errorf("what leaves the desk is %s, %v", b, err)
		}
	}
}

// A data set that isn't there has no answer, least of all NO_HIT, whether or not the file
// is; what others import meanwhile is there at once.
func TestNoDataset(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hits.db")
	table := openTable(t, path)
	asked, err := hit.Read(hit.Query{Dataset: hit.Vehicle, Keys: map[hit.Key]string{hit.Plate: "ABC123"}})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := table.Search(t.Context(), asked); !errors.Is(err, hit.ErrNoDataset) || a.Outcome != "" {
		t.Errorf("%+v, %v", a, err)
	}
	if s, err := table.Status(t.Context()); err != nil || len(s) != 0 {
		t.Errorf("%v, %v", s, err)
	}
	report, err := Import(t.Context(), path, hit.Vehicle, strings.NewReader("reference,plate,plate_country\n1,ABC123,SE\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := table.Search(t.Context(), asked); err != nil || a.Outcome != hit.Inconclusive {
		t.Errorf("%+v, %v", a, err)
	}
	if s, err := table.Status(t.Context()); err != nil || !slices.Equal(s, []Standing{report.Standing}) {
		t.Errorf("%v, %v; want %v", s, err, report.Standing)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A file whose making was interrupted is made; one that this program doesn't know, or that
// is no database, is refused and left as it is.
func TestOpenOddFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hits.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	openTable(t, path)
	later, none := filepath.Join(t.TempDir(), "later.db"), filepath.Join(t.TempDir(), "none.db")
	w, err := openToWrite(later)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.db.Exec("PRAGMA user_version = 2"); err != nil {
		t.Fatal(err)
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(none, []byte(strings.Repeat("reference,plate\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{later, none} {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); err == nil {
			t.Errorf("%s is opened", path)
		}
		if _, err := Import(t.Context(), path, hit.Vehicle, strings.NewReader("reference,plate\n1,ABC123\n"), Options{}); err == nil {
			t.Errorf("an import into %s", path)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
			t.Errorf("%s is another: %v", path, err)
		}
	}
}

// A search that was interrupted has no answer.
func TestInterrupted(t *testing.T) {
	_, table := opened(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	asked, err := hit.Read(hit.Query{Dataset: hit.Vehicle, Keys: map[hit.Key]string{hit.Plate: "ABC123"}})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := table.Search(ctx, asked); !errors.Is(err, context.Canceled) || a.Outcome != "" {
		t.Errorf("%+v, %v", a, err)
	}
}

// More rows of one name than a search compares: it stops, and says so.
func TestTooMany(t *testing.T) {
	var csv strings.Builder
	csv.WriteString("reference,family,given,birth_date\n")
	for i := range maxCompared + 100 {
		fmt.Fprintf(&csv, "N%05d,Svensson,Anna,%d\n", i, 1900+i%50)
	}
	path := filepath.Join(t.TempDir(), "hits.db")
	if _, err := Import(t.Context(), path, hit.Nominal, strings.NewReader(csv.String()), Options{}); err != nil {
		t.Fatal(err)
	}
	table := openTable(t, path)
	if a := ask(t, table, hit.Nominal, map[hit.Key]string{hit.Family: "Svensson", hit.Given: "Anna", hit.Sex: "F"}); a.Outcome != hit.Inconclusive || !a.Incomplete || a.Candidates != maxCompared {
		t.Errorf("%+v", a)
	}
	if a := ask(t, table, hit.Nominal, map[hit.Key]string{hit.Family: "Svensson", hit.Given: "A"}); a.Outcome != hit.NoHit || a.Incomplete {
		t.Errorf("%+v", a)
	}
	a := ask(t, table, hit.Nominal, map[hit.Key]string{hit.Family: "Svensson", hit.Given: "Anna", hit.BirthDate: "1949"})
	if a.Outcome != hit.Hit || a.Incomplete || a.Candidates != maxCompared/50+2 || len(a.References) != hit.MaxReferences {
		t.Errorf("%+v", a)
	}
}

// Whoever searches during imports sees the old rows or the new ones, never half.
func TestImportsAreAtomic(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hits.db")
	const each = 3000
	file := func(generation int) string {
		var csv strings.Builder
		csv.WriteString("reference,family,given,birth_date\n")
		for i := range each {
			fmt.Fprintf(&csv, "%d-%04d,Lund,Kari,1970-05-17\n", generation, i)
		}
		return csv.String()
	}
	importFile := func(generation int) {
		if _, err := Import(t.Context(), path, hit.Nominal, strings.NewReader(file(generation)), Options{}); err != nil {
			t.Error(err)
		}
	}
	importFile(0)
	table := openTable(t, path)
	done := make(chan struct{})
	var searchers sync.WaitGroup
	for range 2 {
		searchers.Go(func() {
			seen, last := 0, byte('0')
			for {
				a := ask(t, table, hit.Nominal, map[hit.Key]string{hit.Full: "Kari Lund", hit.BirthDate: "1970-05-17"})
				first := a.References[0][0]
				if a.Candidates != each || first < last || slices.ContainsFunc(a.References, func(r string) bool { return r[0] != first }) {
					t.Errorf("%d rows of %q, after those of %c", a.Candidates, a.References, last)
				}
				if first != last {
					seen, last = seen+1, first
				}
				select {
				case <-done:
					if last == '5' || t.Failed() {
						return
					}
				default:
				}
			}
		})
	}
	for generation := range 5 {
		importFile(generation + 1)
	}
	close(done)
	searchers.Wait()
}
