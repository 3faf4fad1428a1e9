package table

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/durable"
	"samband/gateway/hit"
)

// The forms in which spreadsheets write one table.
func TestForms(t *testing.T) {
	for name, csv := range map[string]string{
		"RFC 4180":      "reference,plate,plate_country\r\n1,\"ABC 123\",SE\r\n",
		"LF":            "reference,plate,plate_country\n1,ABC123,SE",
		"BOM":           "\ufeffreference,plate,plate_country\n1,ABC123,SE\n",
		"semicolons":    "reference;plate;plate_country\n1;ABC,123;SE\n",
		"tabs":          "reference\tplate\tplate_country\n1\tABC;123\tSE\n",
		"another order": "plate_country, vin ,reference,plate\nSE,,1,ABC123\n",
		"blank lines":   "reference,plate,plate_country\n\n1,ABC123,SE\n\n",
	} {
		path := filepath.Join(t.TempDir(), "hits.db")
		report, err := Import(t.Context(), path, hit.Vehicle, strings.NewReader(csv), Options{})
		if err != nil || report.Rows != 1 {
			t.Errorf("%s: %+v, %v", name, report, err)
			continue
		}
		if a := ask(t, openTable(t, path), hit.Vehicle, map[hit.Key]string{hit.Plate: "ABC123", hit.PlateCountry: "SE"}); a.Outcome != hit.Hit {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// Each file of testdata/bad is named after its fault; what is said of it begins with the
// line, and says what would be right. What was there before stays.
func TestBadFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hits.db")
	if _, err := Import(t.Context(), path, hit.Vehicle, strings.NewReader("reference,plate,plate_country\nOLD,ABC123,SE\n"), Options{}); err != nil {
		t.Fatal(err)
	}
	table := openTable(t, path)
	want := map[string]string{
		"empty":                   "line 1: the file is empty; it must begin with a header row",
		"no-rows":                 "the file has no rows to import: an empty data set would answer NO_HIT to everything",
		"no-reference":            `line 1: the column "reference" must be there: it names the row to your own officers`,
		"unknown-column":          `line 1: "colour" is no column of VEHICLE; its columns are reference, plate, plate_country, vin`,
		"column-twice":            `line 1: the column "plate" stands there twice`,
		"utf-16":                  "line 1: the file is UTF-16; save it as CSV UTF-8",
		"carriage-returns":        "line 1: lines must end with a line feed, or carriage return and line feed",
		"long-header":             "line 1: the header row must end within 1024 bytes, with a line feed",
		"quote-inside":            `line 3, column 5: a field with a quote in it must stand in quotes, and the quote twice ("") (RFC 4180)`,
		"quote-not-closed":        "after line 2: a row must have at most 8192 bytes; perhaps a quote is not closed",
		"field-missing":           "line 3: must have 3 fields, as the header row, and has 2; a field with the separator in it stands in quotes",
		"reference-empty":         "line 3: reference must have 1 to 100 bytes",
		"latin-1":                 "line 2: plate must be UTF-8",
		"neither-plate-nor-vin":   "line 2: one of plate and vin must be there",
		"plate-without-a-letter":  "line 3: plate must have 1 to 40 letters and digits",
		"country-name":            "line 2: plate_country must be a country code of two or three letters, such as SE or SWE",
		"quoted-line-end-counted": "line 4: plate must have 1 to 40 letters and digits",
	}
	files, err := filepath.Glob("testdata/bad/*.csv")
	if err != nil || len(files) != len(want) {
		t.Fatalf("%d files, %v; want %d", len(files), err, len(want))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".csv")
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		report, err := Import(t.Context(), path, hit.Vehicle, bytes.NewReader(b), Options{})
		if err == nil || report != nil {
			t.Errorf("%s is imported", name)
			continue
		}
		if got := strings.TrimPrefix(err.Error(), "1 faulty rows, nothing was imported\n"); got != want[name] {
			t.Errorf("%s: it says\n%s\nwant\n%s", name, got, want[name])
		}
		if a := ask(t, table, hit.Vehicle, map[hit.Key]string{hit.Plate: "ABC123", hit.PlateCountry: "SE"}); a.Outcome != hit.Hit {
			t.Errorf("after %s: %+v", name, a)
		}
	}
}

// All faulty rows are counted and the first are named; with SkipFaulty the others are
// imported.
func TestFaultyRows(t *testing.T) {
	var csv strings.Builder
	csv.WriteString("reference,family,birth_date\n")
	for i := range 100 {
		fmt.Fprintf(&csv, "N%d,Berg,1985-02-%02d\n", i, i%40+1) // 31 to 40 February, and 29, 30
	}
	path := filepath.Join(t.TempDir(), "hits.db")
	_, err := Import(t.Context(), path, hit.Nominal, strings.NewReader(csv.String()), Options{})
	var faulty *Faulty
	if !errors.As(err, &faulty) || faulty.Count != 24 || faulty.Faults[0] != (Fault{30, hit.BirthDate, faulty.Faults[0].Rule}) {
		t.Fatalf("%v", err)
	}
	report, err := Import(t.Context(), path, hit.Nominal, strings.NewReader(csv.String()), Options{SkipFaulty: true})
	if err != nil || report.Rows != 76 || report.Skipped != 24 || len(report.Faults) != 24 {
		t.Errorf("%+v, %v", report, err)
	}
	many := strings.Replace(csv.String(), "birth_date", "sex", 1)
	if _, err = Import(t.Context(), path, hit.Nominal, strings.NewReader(many), Options{}); !errors.As(err, &faulty) || faulty.Count != 100 || len(faulty.Faults) != maxFaults ||
		!strings.HasSuffix(err.Error(), "\nand 50 more") {
		t.Errorf("%v", err)
	}
	if _, err = Import(t.Context(), path, hit.Nominal, strings.NewReader(many), Options{SkipFaulty: true}); err == nil {
		t.Error("a file without one good row is imported")
	}
}

// An import that is interrupted changes nothing, and the next one finds no trace of it.
func TestInterruptedImport(t *testing.T) {
	path, table := opened(t)
	before, err := table.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	file := io.MultiReader(strings.NewReader("reference,plate\n"+strings.Repeat("1,ABC123\n", 1000)), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, nil
	}))
	if _, err := Import(ctx, path, hit.Vehicle, io.MultiReader(file, strings.NewReader("2,ABC124\n")), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	after, err := table.Status(t.Context())
	if err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("%v, %v; want %v", after, err, before)
	}
	if _, err := Import(t.Context(), path, hit.Vehicle, strings.NewReader("reference,plate\n1,ABC123\n"), Options{}); err != nil {
		t.Error(err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// Two imports at once: the second is refused, not mixed in.
func TestTwoImports(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hits.db")
	lock, err := durable.LockFile(path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if _, err := Import(t.Context(), path, hit.Vehicle, strings.NewReader("reference,plate\n1,ABC123\n"), Options{}); !errors.Is(err, ErrImporting) {
		t.Errorf("%v", err)
	}
}

// What a new import removes is not to be found in the file.
func TestRemovedRowsAreGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hits.db")
	for _, csv := range []string{"reference,full\nSECRETREF,Zebulon Quackenbush\n", "reference,full\n1,Ann Lee\n"} {
		if _, err := Import(t.Context(), path, hit.Nominal, strings.NewReader(csv), Options{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{path, path + "-wal"} {
		if b, err := os.ReadFile(name); err == nil && (bytes.Contains(b, []byte("SECRETREF")) || bytes.Contains(b, []byte("QUACKENBUSH"))) {
			t.Errorf("%s has a row that was removed", name)
		}
	}
}

// Any file is read to its end or refused, and each row is found again.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{
		"reference,plate\n1,ABC123\n", "\ufeffreference;vin\r\n1;YV1LW5502T2012345\r\n", "reference,plate\n\"1\n2\",\"A\"\"1\"\n",
		"reference,plate\n1\n", "reference,plate\n1,\"A\n", "reference\n1\n", "\xff\xfer", "reference,plate\rx", strings.Repeat("x", 3000),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, d := range hit.Datasets() {
			r, err := newReader(bytes.NewReader(b), d)
			if err != nil {
				continue
			}
			for rows := 0; ; rows++ {
				row, fault, err := r.next()
				if err != nil {
					break
				}
				if (row == nil) == (fault == nil) || rows > len(b) {
					t.Fatalf("row %v, fault %v, after %d rows", row, fault, rows)
				}
				if fault != nil && fault.Line < 2 {
					t.Fatalf("a fault in line %d: %v", fault.Line, fault)
				}
				if row != nil && len(row.subject.Entries()) == 0 {
					t.Fatalf("a row that nothing finds: %q", row.subject.Text())
				}
			}
		}
	})
}
