package table

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"samband/gateway/durable"
)

// A bent bit of the database would be a wrong answer, and a lost one no hit where there is one:
// SQLite notices hardly any. So the file hits.db-sum has the SHA-256 of the database as the last
// import left it, with what SQLite reads from the write-ahead log. Whoever opens the database
// compares first, and opens none that differs.
//
// The sum is that of the database before the import until its commit, and that of the database
// after it before the log is moved: so it fits wherever an import was cut off. Between the two
// a commit stands in the log of which nobody knows the sum. That is expected where the sum says
// that an import was committing, and there alone: SQLite's own checksums say that it is whole.

// SumFile is the path of the sum of the database at path.
func SumFile(path string) string { return path + "-sum" }

// None reports whether nothing was ever imported into the database at path.
func None(path string) bool {
	for _, p := range []string{path, SumFile(path)} {
		if _, err := os.Stat(p); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// ErrDamaged says that the database is not as the last import left it. The way out is to import
// its data sets again.
var ErrDamaged = errors.New("the data to search is damaged")

func damagef(format string, args ...any) error {
	return fmt.Errorf("%w: %s: import its data sets again", ErrDamaged, fmt.Sprintf(format, args...))
}

// errNone says that there is no database yet.
var errNone = errors.New("there is no data to search yet")

// A sum is what the file has.
type sum struct {
	of         [sha256.Size]byte
	committing bool // an import was
}

const (
	sumForm       = "samband hits, sum, 1\n"
	sumCommitting = "an import commits\n"
)

func (s sum) text() []byte {
	text := sumForm + hex.EncodeToString(s.of[:]) + "\n"
	if s.committing {
		text += sumCommitting
	}
	return []byte(text)
}

func parseSum(b []byte) (s sum, err error) {
	rest, ok := strings.CutPrefix(string(b), sumForm)
	line, rest, _ := strings.Cut(rest, "\n")
	if n, err := hex.Decode(s.of[:], []byte(line[:min(len(line), 2*len(s.of))])); err != nil || n != len(s.of) {
		ok = false
	}
	s.committing = rest == sumCommitting
	if !ok || !bytes.Equal(s.text(), b) {
		return sum{}, errors.New("it is no sum of a database")
	}
	return s, nil
}

func (s sum) write(path string) error {
	return durable.Replace(SumFile(path), s.text(), 0o600)
}

// readSum reads the sum of a database; the error is fs.ErrNotExist where there is none.
func readSum(path string) (s sum, err error) {
	b, err := durable.ReadFile(SumFile(path), 1<<10)
	if errors.Is(err, durable.ErrTooLong) || errors.Is(err, durable.ErrNotRegular) {
		return s, damagef("%s: %v", SumFile(path), err)
	}
	if err != nil {
		return s, err
	}
	if s, err = parseSum(b); err != nil {
		return s, damagef("%s: %v", SumFile(path), err)
	}
	return s, nil
}

// check compares the database at path with its sum: ErrDamaged where it differs, errNone where
// neither is there. While an import is at work it may see a part of a change: see checked.
func check(path string) error {
	want, err := readSum(path)
	bare := errors.Is(err, fs.ErrNotExist)
	if err != nil && !bare {
		return err
	}
	f, err := openFiles(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && bare:
		return errNone
	case errors.Is(err, fs.ErrNotExist):
		return damagef("%s is missing", path)
	case errors.Is(err, durable.ErrNotRegular):
		return damagef("%v", err)
	case err != nil:
		return err
	}
	defer f.close()
	if bare {
		if f.length == 0 {
			return errNone
		}
		return damagef("%s is missing", SumFile(path))
	}
	switch read, err := f.sum(); {
	case err != nil:
		return err
	case read == want.of:
		return nil
	case !want.committing:
		return damagef("%s is not as the last import left it", path)
	}
	f.log = durable.LogScan{}
	if alone, err := f.sum(); err != nil || alone != want.of {
		return errors.Join(err, damagef("%s is not as the last import left it", path))
	}
	return nil
}

// files are a database and its write-ahead log. Who closes the first loses all locks that his
// process has on it, SQLite's too: so it is closed after the database, or before that is opened.
type files struct {
	path    string
	db, wal *os.File // wal is nil where there is none
	length  int64    // of db
	page    int
	log     durable.LogScan
}

func openFiles(path string) (f *files, err error) {
	f = &files{path: path}
	if f.db, err = durable.Open(path); err != nil {
		return nil, err
	}
	f.wal, err = durable.Open(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		f.wal, err = nil, nil
	}
	if err == nil {
		err = f.scan()
	}
	if err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// scan reads what is not a page.
func (f *files) scan() error {
	info, err := f.db.Stat()
	if err != nil {
		return err
	}
	f.length = info.Size()
	head := make([]byte, 18)
	if _, err := f.db.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if f.page = int(binary.BigEndian.Uint16(head[16:])); !durable.IsPageSize(f.page) {
		f.page = 4096
	}
	f.log = durable.LogScan{}
	if f.wal != nil {
		f.log, err = durable.ScanLog(f.wal, f.page)
	}
	return err
}

func (f *files) close() {
	_ = f.db.Close()
	if f.wal != nil {
		_ = f.wal.Close()
	}
}

// sum is that of the database as SQLite reads it: its pages, and for those that the log has
// anew, these.
func (f *files) sum() (of [sha256.Size]byte, err error) {
	h := sha256.New()
	if f.log.Length == 0 {
		_, err = io.Copy(h, io.NewSectionReader(f.db, 0, f.length))
		return [sha256.Size]byte(h.Sum(nil)), err
	}
	if f.log.PageSize != f.page { // SQLite would not read it either
		return of, damagef("%s-wal is of another database", f.path)
	}
	buf := make([]byte, f.page)
	for page := uint32(1); page <= f.log.Length; page++ {
		from, at := f.wal, f.log.Pages[page]
		if at == 0 {
			from, at = f.db, int64(page-1)*int64(f.page)
		}
		if _, err := from.ReadAt(buf, at); errors.Is(err, io.EOF) {
			return of, damagef("%s ends before page %d", f.path, page)
		} else if err != nil {
			return of, err
		}
		h.Write(buf)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}
