package table

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"samband/gateway/hit"
)

// The bounds of a CSV file.
const (
	maxHeader    = 1 << 10 // bytes of the header row
	maxRecord    = 8 << 10 // bytes of a row
	maxRows      = 10_000_000
	maxReference = 100 // bytes
	maxFaults    = 50  // that are named
)

// referenceColumn is the column that names the row to the desk's own officers.
const referenceColumn = "reference"

// A Fault is what is wrong with a row.
type Fault struct {
	Line int     `json:"line"`
	Key  hit.Key `json:"key,omitempty"`
	Rule string  `json:"rule"`
}

func (f Fault) String() string {
	if f.Key == "" {
		return fmt.Sprintf("line %d: %s", f.Line, f.Rule)
	}
	return fmt.Sprintf("line %d: %s %s", f.Line, f.Key, f.Rule)
}

// A row is one row of a file, read.
type row struct {
	reference string
	subject   *hit.Subject
}

// A reader reads the rows of a file one after the other.
type reader struct {
	dataset   hit.Dataset
	csv       *csv.Reader
	meter     *meter
	separator rune
	columns   []string
	rows      int
	line      int // that the last row began in
}

// newReader reads the header row.
func newReader(file io.Reader, d hit.Dataset) (*reader, error) {
	b := bufio.NewReaderSize(file, 2*maxHeader)
	start, err := b.Peek(2 * maxHeader)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.HasPrefix(start, []byte("\xff\xfe")) || bytes.HasPrefix(start, []byte("\xfe\xff")) {
		return nil, errors.New("line 1: the file is UTF-16; save it as CSV UTF-8")
	}
	if rest, marked := bytes.CutPrefix(start, []byte("\ufeff")); marked {
		start = rest
		if _, err := b.Discard(len("\ufeff")); err != nil {
			return nil, err
		}
	}
	header, _, found := bytes.Cut(start, []byte("\n"))
	if !found && len(header) > maxHeader {
		return nil, fmt.Errorf("line 1: the header row must end within %d bytes, with a line feed", maxHeader)
	}
	if bytes.ContainsRune(bytes.TrimSuffix(header, []byte("\r")), '\r') {
		return nil, errors.New("line 1: lines must end with a line feed, or carriage return and line feed")
	}
	r := &reader{dataset: d, meter: &meter{file: b, left: enough}, separator: separatorOf(header)}
	r.csv = csv.NewReader(r.meter)
	r.csv.Comma = r.separator
	r.csv.ReuseRecord = true
	names, err := r.csv.Read()
	if err != nil {
		return nil, r.explain(err)
	}
	for _, name := range names {
		r.columns = append(r.columns, strings.TrimSpace(name))
	}
	return r, r.checkColumns()
}

// separatorOf is the separator that a header row has most of.
func separatorOf(header []byte) rune {
	best := ','
	for _, c := range ";\t" {
		if bytes.Count(header, []byte(string(c))) > bytes.Count(header, []byte(string(best))) {
			best = c
		}
	}
	return best
}

func (r *reader) checkColumns() error {
	known := []string{referenceColumn}
	for _, k := range r.dataset.Keys() {
		known = append(known, string(k))
	}
	for i, c := range r.columns {
		if !slices.Contains(known, c) {
			return fmt.Errorf("line 1: %.40q is no column of %s; its columns are %s", c, r.dataset, strings.Join(known, ", "))
		}
		if slices.Contains(r.columns[:i], c) {
			return fmt.Errorf("line 1: the column %q stands there twice", c)
		}
	}
	if !slices.Contains(r.columns, referenceColumn) {
		return fmt.Errorf("line 1: the column %q must be there: it names the row to your own officers", referenceColumn)
	}
	return nil
}

// next reads a row: the row, or its fault; or an error after which no more can be read,
// io.EOF at the end.
func (r *reader) next() (*row, *Fault, error) {
	r.meter.left = enough
	fields, err := r.csv.Read()
	if err != nil && !errors.Is(err, csv.ErrFieldCount) {
		return nil, nil, r.explain(err)
	}
	if r.rows++; r.rows > maxRows {
		return nil, nil, fmt.Errorf("the file has more than %d rows", maxRows)
	}
	line, _ := r.csv.FieldPos(0)
	r.line = line
	if err != nil {
		return nil, &Fault{line, "", fmt.Sprintf("must have %d fields, as the header row, and has %d; a field with the separator in it stands in quotes", len(r.columns), len(fields))}, nil
	}
	q, reference := hit.Query{Dataset: r.dataset, Keys: make(map[hit.Key]string, len(fields))}, ""
	for i, value := range fields {
		if r.columns[i] == referenceColumn {
			reference = strings.TrimSpace(value)
		} else {
			q.Keys[hit.Key(r.columns[i])] = value
		}
	}
	if rule := referenceRule(reference); rule != "" {
		return nil, &Fault{line, referenceColumn, rule}, nil
	}
	subject, err := hit.Read(q)
	if err != nil {
		var fault *hit.Fault
		if errors.As(err, &fault) {
			return nil, &Fault{line, fault.Key, fault.Rule}, nil
		}
		return nil, nil, err
	}
	return &row{reference, subject}, nil, nil
}

// referenceRule is the rule that a reference breaks, or "".
func referenceRule(reference string) string {
	switch {
	case reference == "" || len(reference) > maxReference:
		return fmt.Sprintf("must have 1 to %d bytes", maxReference)
	case !utf8.ValidString(reference):
		return "must be UTF-8; save the file as CSV UTF-8"
	case strings.ContainsFunc(reference, unicode.IsControl):
		return "must have no control characters"
	}
	return ""
}

// explain says of an error of package csv what would be right.
func (r *reader) explain(err error) error {
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF) && r.columns == nil:
		return errors.New("line 1: the file is empty; it must begin with a header row")
	case errors.As(err, &parse) && errors.Is(err, csv.ErrQuote), errors.As(err, &parse) && errors.Is(err, csv.ErrBareQuote):
		return fmt.Errorf(`line %d, column %d: a field with a quote in it must stand in quotes, and the quote twice ("") (RFC 4180)`, parse.Line, parse.Column)
	case errors.Is(err, errLong):
		return fmt.Errorf("after line %d: a row must have at most %d bytes; perhaps a quote is not closed", r.line, maxRecord)
	}
	return err
}

// enough is what a row of maxRecord bytes needs at most to be read: package csv reads ahead.
const enough = 2 * maxRecord

var errLong = errors.New("row too long")

// A meter lets a file be read only so far at a time, so that a quote that is not closed
// does not swallow it whole.
type meter struct {
	file io.Reader
	left int // before the next row must have begun
}

func (m *meter) Read(b []byte) (int, error) {
	if m.left <= 0 {
		return 0, errLong
	}
	n, err := m.file.Read(b)
	m.left -= n
	return n, err
}
