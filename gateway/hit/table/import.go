package table

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"samband/gateway/hit"
)

// Options of an import.
type Options struct {
	SkipFaulty bool // leave faulty rows out, instead of importing nothing
}

// A Report is what an import did.
type Report struct {
	Standing
	Separator string  `json:"separator"`        // that the file parts its fields with: , or ; or a tab
	Faults    []Fault `json:"faults"`           // the first of those skipped
	Damage    string  `json:"damage,omitempty"` // of the database: it was begun anew, and each other data set must be imported again
}

// Faulty says that a file has faulty rows. Nothing was imported.
type Faulty struct {
	Faults []Fault // the first of them
	Count  int     // of all
}

func (f *Faulty) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d faulty rows, nothing was imported", f.Count)
	for _, fault := range f.Faults {
		fmt.Fprintf(&b, "\n%s", fault)
	}
	if more := f.Count - len(f.Faults); more > 0 {
		fmt.Fprintf(&b, "\nand %d more", more)
	}
	return b.String()
}

// ErrImporting says that another import is at work.
var ErrImporting = errors.New("another import into this file is at work")

// Import replaces a data set of the file at path with the rows of a CSV file, as a whole or
// not at all. A desk may be served with the file meanwhile. Where the file is damaged, it is
// begun anew once the rows are good.
//
// The CSV file follows RFC 4180, in UTF-8, with a header row: "reference" and keys of the
// data set, in any order. A byte order mark and line ends of either kind are taken, and
// semicolons or tabs instead of commas if the header has them. A subject with several names,
// plates or documents has a row for each, with the same reference.
func Import(ctx context.Context, path string, d hit.Dataset, csv io.Reader, o Options) (*Report, error) {
	if d.Keys() == nil {
		return nil, fmt.Errorf("%q is no data set: the codes are %v", d, hit.Datasets())
	}
	lock, err := again(time.Second, func() (*os.File, error) { return lockFile(path) }, isImporting) // who opens the file may have it for a moment
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	switch err := settle(ctx, path); {
	case errors.Is(err, ErrDamaged):
		return anew(ctx, path, err, d, csv, o)
	case err != nil:
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	return into(ctx, path, d, csv, o)
}

// into imports into a database that is as its sum says.
func into(ctx context.Context, path string, d hit.Dataset, csv io.Reader, o Options) (report *Report, err error) {
	before, err := readSum(path)
	if err != nil {
		return nil, err
	}
	before.committing = true
	w, err := openToWrite(path)
	if err != nil {
		return nil, err
	}
	report, err = replace(ctx, w.db, d, csv, o, func() error { return before.write(path) })
	if err == nil {
		err = w.keep(ctx)
	}
	if err = errors.Join(err, w.close()); err != nil {
		return nil, err
	}
	return report, nil
}

// anew imports into a new database, and puts it in the place of one that is damaged.
func anew(ctx context.Context, path string, damage error, d hit.Dataset, csv io.Reader, o Options) (*Report, error) {
	next := path + "-anew"
	clear := func(path string) (err error) {
		for _, suffix := range []string{"-wal", "-shm", "-sum", ""} {
			if fault := os.Remove(path + suffix); !errors.Is(fault, fs.ErrNotExist) {
				err = errors.Join(err, fault)
			}
		}
		return err
	}
	if err := clear(next); err != nil { // of an import that was killed
		return nil, err
	}
	defer func() { _ = clear(next) }()
	if err := makeNew(ctx, next); err != nil {
		return nil, err
	}
	report, err := into(ctx, next, d, csv, o)
	if err != nil {
		return nil, err
	}
	of, err := readSum(next)
	if err != nil {
		return nil, err
	}
	if err := clear(path); err != nil { // the log of the old one must not meet the new one
		return nil, err
	}
	err = os.Rename(next, path)
	if err == nil {
		err = of.write(path) // and makes both names durable
	}
	if err != nil {
		return nil, err
	}
	report.Damage = damage.Error()
	return report, nil
}

// replace is one transaction. It calls commits just before it commits.
func replace(ctx context.Context, db *sql.DB, d hit.Dataset, csv io.Reader, o Options, commits func() error) (*Report, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	for _, query := range []string{"DROP TABLE row_%s", "DROP TABLE entry_%s"} {
		if err := exec(tx, fmt.Sprintf(query, d)); err != nil {
			return nil, err
		}
	}
	if err := makeDataset(tx, d); err != nil {
		return nil, err
	}
	w, err := newWriter(tx, d)
	if err != nil {
		return nil, err
	}
	hash := sha256.New()
	r, err := newReader(io.TeeReader(csv, hash), d)
	if err != nil {
		return nil, err
	}
	report := &Report{Separator: string(r.separator)}
	var faults Faulty
	for {
		row, fault, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err = errors.Join(err, ctx.Err()); err != nil {
			return nil, err
		}
		if fault != nil {
			if faults.Count++; len(faults.Faults) < maxFaults {
				faults.Faults = append(faults.Faults, *fault)
			}
			continue
		}
		if faults.Count > 0 && !o.SkipFaulty {
			continue // only the faults matter now
		}
		if err := w.add(row); err != nil {
			return nil, err
		}
	}
	switch {
	case faults.Count > 0 && !o.SkipFaulty:
		return nil, &faults
	case w.rows == 0:
		return nil, errors.New("the file has no rows to import: an empty data set would answer NO_HIT to everything")
	}
	if err := w.finish(); err != nil {
		return nil, err
	}
	report.Standing = Standing{d, w.rows, faults.Count, hex.EncodeToString(hash.Sum(nil)), time.Now().UTC().Truncate(time.Second)}
	report.Faults = faults.Faults
	if err := exec(tx, "INSERT OR REPLACE INTO dataset (code, rows, skipped, hash, imported) VALUES (?, ?, ?, ?, ?)",
		d, report.Rows, report.Skipped, report.Hash, report.Imported.Unix()); err != nil {
		return nil, err
	}
	if err := commits(); err != nil {
		return nil, err
	}
	return report, tx.Commit()
}

// A writer adds rows to a data set that is empty. Entries are gathered in a table of their
// own, and put into the index in its order at the end: that is many times faster than in
// the order of rows.
type writer struct {
	tx                  *sql.Tx
	dataset             hit.Dataset
	row, entry, entries *sql.Stmt
	rows                int
	waiting             []any // key, part and row of entries
}

// batch is how many entries one statement adds.
const batch = 100

func newWriter(tx *sql.Tx, d hit.Dataset) (*writer, error) {
	w := &writer{tx: tx, dataset: d}
	if err := exec(tx, "CREATE TEMP TABLE gathered (key TEXT, part INTEGER, row INTEGER) STRICT"); err != nil {
		return nil, err
	}
	const insert = "INSERT INTO gathered VALUES (?, ?, ?)"
	var err error
	prepare := func(query string) (stmt *sql.Stmt) {
		if err == nil {
			stmt, err = tx.Prepare(query)
		}
		return stmt
	}
	w.row = prepare(fmt.Sprintf("INSERT INTO row_%s VALUES (?, ?, ?)", d))
	w.entry = prepare(insert)
	w.entries = prepare(insert + strings.Repeat(", (?, ?, ?)", batch-1))
	return w, err
}

func (w *writer) add(r *row) error {
	w.rows++
	if _, err := w.row.Exec(w.rows, r.reference, r.subject.Text()); err != nil {
		return err
	}
	for _, e := range r.subject.Entries() {
		w.waiting = append(w.waiting, e.Key, e.Part, w.rows)
		if len(w.waiting) == 3*batch {
			if _, err := w.entries.Exec(w.waiting...); err != nil {
				return err
			}
			w.waiting = w.waiting[:0]
		}
	}
	return nil
}

func (w *writer) finish() error {
	for i := 0; i < len(w.waiting); i += 3 {
		if _, err := w.entry.Exec(w.waiting[i : i+3]...); err != nil {
			return err
		}
	}
	if err := exec(w.tx, fmt.Sprintf("INSERT INTO entry_%s SELECT DISTINCT key, part, row FROM gathered ORDER BY key, part, row", w.dataset)); err != nil {
		return err
	}
	return exec(w.tx, "DROP TABLE gathered")
}
