package store

import (
	"bytes"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"sync"

	"modernc.org/sqlite"
)

// A disk that bends a bit tells nobody. So each row has a seal, a digest of all its
// columns; it is compared whenever the row is read, and a row that does not fit is
// [ErrDamaged]. Each table has a tally: how many rows it has, and what their seals give
// together, so that a row that is missing, or is an old one, is found too: see
// [Tx.Damaged].
//
//	row_seal(table, column, …)  the seal of a row
//	tally(tally, old, new)      a tally after the seal old gave way to new; NULL: there is none
//	all_seals(seal)             the tally of all rows
//
// Triggers of the writer's own connection seal what it writes, so no statement of this
// package needs to. A row that was damaged before it was changed stays so.
//
// The seal is against a disk, not against a person: who can write this file can also
// read the ring beside it. What this desk proves, it proves by signatures.

// ErrDamaged says that a row is not as this desk wrote it.
var ErrDamaged = errors.New("this desk's database is damaged")

const (
	sealSize  = 16
	tallySize = 8 + sealSize + 8 // the number of rows, their seals, and a check of both
)

// A table as its seals need to know it.
type table struct {
	name    string
	columns []string // that its seal covers: all but the seal, and what another hash covers
	key     []string
	noRowID bool
	rowid   string // the column that is the row's number, if one is
}

// covered are columns that a hash elsewhere covers: a header names the hash of its sealed
// part, which is up to a MiB.
var covered = map[string]string{"texts": "sealed"}

var (
	tableText  = regexp.MustCompile(`(?s)CREATE TABLE (\w+) \(\n(.*?)\n\)( WITHOUT ROWID,)? STRICT;`)
	columnText = regexp.MustCompile(`(?m)^\t(\w+) +(TEXT|BLOB|INTEGER)( PRIMARY KEY)?`)
	keyText    = regexp.MustCompile(`(?m)^\tPRIMARY KEY \((.*)\)`)
)

// sealedTables are those whose rows have seals.
var sealedTables = func() (all []table) {
	for _, m := range tableText.FindAllStringSubmatch(tables, -1) {
		if !strings.Contains(m[2], "\tseal ") {
			continue
		}
		t := table{name: m[1], noRowID: m[3] != ""}
		for _, c := range columnText.FindAllStringSubmatch(m[2], -1) {
			if c[1] != "seal" && covered[t.name] != c[1] {
				t.columns = append(t.columns, c[1])
			}
			if c[3] != "" {
				t.key = []string{c[1]}
			}
			if c[3] != "" && c[2] == "INTEGER" && !t.noRowID {
				t.rowid = c[1]
			}
		}
		if k := keyText.FindStringSubmatch(m[2]); k != nil {
			t.key = strings.Split(k[1], ", ")
		}
		all = append(all, t)
	}
	return all
}()

// Tables are the names of those whose rows have seals.
func Tables() (names []string) {
	for _, t := range sealedTables {
		names = append(names, t.name)
	}
	return names
}

func tableNamed(name string) *table {
	i := slices.IndexFunc(sealedTables, func(t table) bool { return t.name == name })
	return &sealedTables[i]
}

// seal is the expression that gives the seal of a row, which of names.
func (t *table) seal(of string) string {
	return "row_seal('" + t.name + "', " + of + strings.Join(t.columns, ", "+of) + ")"
}

// at is the condition that a row is the one that of names.
func (t *table) at(of string) string {
	var all []string
	for _, k := range t.key {
		all = append(all, k+" = "+of+k)
	}
	return strings.Join(all, " AND ")
}

// wholeOf is an expression that is 1 if a row is whole, to be scanned by a [sealed]. Its alias
// is "" if the query needs none.
func wholeOf(name, alias string) string {
	if alias == "" {
		return wholes[name]
	}
	return tableNamed(name).whole(alias + ".")
}

func (t *table) whole(of string) string { return t.seal(of) + " IS " + of + "seal" }

// wholes are what wholeOf says without an alias.
var wholes = func() map[string]string {
	all := map[string]string{}
	for _, t := range sealedTables {
		all[t.name] = t.whole("")
	}
	return all
}()

// A sealed scans what wholeOf says.
type sealed string

func (s sealed) Scan(column any) error {
	if column != int64(1) {
		return fmt.Errorf("%w: a row of its table %s is not as it was written", ErrDamaged, string(s))
	}
	return nil
}

// sealingTriggers are the triggers that seal what the writer writes.
func sealingTriggers() string {
	var b strings.Builder
	for _, t := range sealedTables {
		b.WriteString(t.triggers())
	}
	return b.String()
}

func (t *table) triggers() string {
	r := strings.NewReplacer("TABLE", t.name, "COLUMNS", strings.Join(t.columns, ", "),
		"SEAL(new)", t.seal("NEW."), "SEAL(old)", t.seal("OLD."), "AT(new)", t.at("NEW."),
		"TALLY(", "UPDATE tallies SET tally = tally(tally, ", "AT;", " WHERE place = '"+t.name+"';")
	return r.Replace(`
CREATE TEMP TRIGGER TABLE_added AFTER INSERT ON main.TABLE BEGIN
	UPDATE TABLE SET seal = SEAL(new) WHERE AT(new);
	TALLY(NULL, (SELECT seal FROM TABLE WHERE AT(new)))AT;
END;
CREATE TEMP TRIGGER TABLE_changed AFTER UPDATE OF COLUMNS ON main.TABLE BEGIN
	UPDATE TABLE SET seal = iif(OLD.seal IS SEAL(old), SEAL(new), x'00') WHERE AT(new);
	TALLY(OLD.seal, (SELECT seal FROM TABLE WHERE AT(new)))AT;
END;
CREATE TEMP TRIGGER TABLE_dropped AFTER DELETE ON main.TABLE BEGIN
	TALLY(OLD.seal, NULL)AT;
END;
`)
}

// dropTriggers takes the triggers of a table away.
func (t *table) dropTriggers() string {
	return strings.ReplaceAll(`DROP TRIGGER TABLE_added; DROP TRIGGER TABLE_changed; DROP TRIGGER TABLE_dropped;`, "TABLE", t.name)
}

// firstTallies are those of new tables.
func firstTallies() string {
	var b strings.Builder
	for _, t := range sealedTables {
		fmt.Fprintf(&b, "INSERT INTO tallies (place, tally) VALUES ('%s', x'%x');\n", t.name, tallyOf(0, make([]byte, sealSize)))
	}
	return b.String()
}

func tallyOf(rows int64, seals []byte) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, tallySize), uint64(rows))
	b = append(b, seals...)
	check := sha256.Sum256(b)
	return append(b, check[:8]...)
}

// readTally is what a tally says; false: it is damaged itself.
func readTally(b []byte) (rows int64, seals []byte, ok bool) {
	if len(b) != tallySize {
		return 0, nil, false
	}
	rows, seals = int64(binary.BigEndian.Uint64(b)), bytes.Clone(b[8:8+sealSize])
	return rows, seals, bytes.Equal(tallyOf(rows, seals), b)
}

// nextTally is a tally after a seal gave way to another. A damaged one stays damaged.
func nextTally(tally, before, after []byte) []byte {
	rows, seals, ok := readTally(tally)
	if !ok {
		return bytes.Clone(tally)
	}
	for _, s := range [][]byte{before, after} {
		addSeal(seals, s)
	}
	switch {
	case before == nil && after != nil:
		rows++
	case before != nil && after == nil:
		rows--
	}
	return tallyOf(rows, seals)
}

func addSeal(sum, seal []byte) {
	for n := range min(len(seal), sealSize) {
		sum[n] ^= seal[n]
	}
}

// registerFunctions teaches SQLite the functions, once for all connections.
var registerFunctions = sync.OnceFunc(func() {
	sqlite.MustRegisterFunction("row_seal", &sqlite.FunctionImpl{NArgs: -1, Deterministic: true, VolatileArgs: true,
		Scalar: func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) { return rowSeal(args), nil }})
	sqlite.MustRegisterFunction("tally", &sqlite.FunctionImpl{NArgs: 3, Deterministic: true, VolatileArgs: true,
		Scalar: func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			return nextTally(blob(args[0]), blob(args[1]), blob(args[2])), nil
		}})
	sqlite.MustRegisterFunction("all_seals", &sqlite.FunctionImpl{NArgs: 1, Deterministic: true, VolatileArgs: true,
		MakeAggregate: func(sqlite.FunctionContext) (sqlite.AggregateFunction, error) {
			return &allSeals{seals: make([]byte, sealSize)}, nil
		}})
})

func blob(v driver.Value) []byte {
	b, _ := v.([]byte)
	return b
}

type allSeals struct {
	rows  int64
	seals []byte
}

func (a *allSeals) Step(_ *sqlite.FunctionContext, args []driver.Value) error {
	a.rows++
	addSeal(a.seals, blob(args[0]))
	return nil
}

func (a *allSeals) WindowInverse(*sqlite.FunctionContext, []driver.Value) error {
	return errors.New("all_seals is no window function")
}

func (a *allSeals) WindowValue(*sqlite.FunctionContext) (driver.Value, error) {
	return tallyOf(a.rows, a.seals), nil
}

func (a *allSeals) Final(*sqlite.FunctionContext) {}

var rowBuffers = sync.Pool{New: func() any { return new([]byte) }}

// rowSeal is the seal of a row: of the table's name and each column, with its kind and
// length.
func rowSeal(row []driver.Value) []byte {
	buffer := rowBuffers.Get().(*[]byte)
	defer rowBuffers.Put(buffer)
	b := (*buffer)[:0]
	for _, v := range row {
		b = appendColumn(b, v)
	}
	*buffer = b
	hash := sha256.Sum256(b)
	return hash[:sealSize]
}

func appendColumn(b []byte, v driver.Value) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 0)
	case int64:
		return binary.BigEndian.AppendUint64(append(b, 1), uint64(v))
	case float64:
		return binary.BigEndian.AppendUint64(append(b, 2), math.Float64bits(v))
	case string:
		return append(binary.BigEndian.AppendUint64(append(b, 3), uint64(len(v))), v...)
	case []byte:
		return append(binary.BigEndian.AppendUint64(append(b, 4), uint64(len(v))), v...)
	}
	panic(fmt.Sprintf("SQLite gave a %T", v))
}
