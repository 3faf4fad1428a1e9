package store

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"samband/gateway/signed"
)

// A Damaged is a row that is not as it was written, as it is found.
type Damaged struct {
	Table  string
	Values map[string]driver.Value // its columns

	table *table
	rowid int64
	seal  []byte
}

// A Finding is what is amiss with one table.
type Finding struct {
	Table      string
	Rows       []Damaged // that are not as they were written; at most maxDamaged
	Missing    bool      // rows are missing, or are old ones
	Miscounted bool      // the tally itself is damaged
	Unindexed  bool      // an index has not what its table has
}

// Amiss reports whether there is anything to mend.
func (f *Finding) Amiss() bool { return len(f.Rows) > 0 || f.Missing || f.Miscounted || f.Unindexed }

// maxDamaged bounds the damaged rows of a table that are read at once.
const maxDamaged = 1000

// Inspect reads each row of the tables, of all if none is named, and returns what is amiss.
func (s *Store) Inspect(names ...string) (all []Finding, err error) {
	for _, t := range sealedTables {
		if len(names) > 0 && !slices.Contains(names, t.name) {
			continue
		}
		var f Finding
		for gaveWay, yields := true, 0; gaveWay; yields++ {
			gaveWay, err = s.inspection.run(yields < maxYields, func(ctx context.Context) error {
				return s.viewIn(ctx, func(tx *Tx) (err error) {
					f, err = tx.Inspect(t.name)
					return err
				})
			})
		}
		if err != nil {
			return nil, err
		}
		if f.Amiss() {
			all = append(all, f)
		}
	}
	return all, nil
}

// maxYields is how often the inspection of one table gives way to whoever empties the
// write-ahead log: while somebody reads, that can't be done.
const maxYields = 10

// An inspection is one that gives way.
type inspection struct {
	mu     sync.Mutex
	cancel context.CancelFunc
}

// run runs f, and reports whether it gave way.
func (i *inspection) run(yields bool, f func(context.Context) error) (gaveWay bool, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	set := func(c context.CancelFunc) {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.cancel = c
	}
	if yields {
		set(cancel)
		defer set(nil)
	}
	err = f(ctx)
	return ctx.Err() != nil, err
}

// giveWay ends a reading that is under way; it is begun again.
func (i *inspection) giveWay() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.cancel != nil {
		i.cancel()
	}
}

// Inspect reads each row of a table.
func (t *Tx) Inspect(name string) (f Finding, err error) {
	tab := tableNamed(name)
	var bent int64
	var has, is []byte
	err = t.row("read tally", []any{&has}, `SELECT coalesce((SELECT tally FROM tallies WHERE place = ?), x'')`, name)
	if err == nil {
		err = t.row("inspect "+name, []any{&is, &bent}, `SELECT all_seals(seal), count(*) FILTER (WHERE `+tab.seal("")+` IS NOT seal) FROM `+name)
	}
	_, _, whole := readTally(has)
	f.Table, f.Miscounted, f.Missing = name, !whole, whole && string(has) != string(is)
	if err == nil && bent > 0 {
		f.Rows, err = t.damaged(tab)
	}
	if err == nil {
		f.Unindexed, err = t.unindexed(name)
	}
	return f, err
}

// unindexed reports whether SQLite finds anything amiss with a table's indexes. What it finds
// amiss with the file itself is for who opens it.
func (t *Tx) unindexed(name string) (bool, error) {
	all, err := rows(t, "compare the indexes of "+name, func(scan func(...any) error) (s string, err error) {
		return s, scan(&s)
	}, `PRAGMA integrity_check(`+name+`)`)
	return slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, "index") }), err
}

func (t *Tx) damaged(tab *table) ([]Damaged, error) {
	rowid := "rowid"
	if tab.noRowID {
		rowid = "0"
	}
	columns := append([]string{rowid, "seal"}, tab.columns...)
	if c := covered[tab.name]; c != "" {
		columns = append(columns, c)
	}
	return rows(t, "read damaged rows of "+tab.name, func(scan func(...any) error) (Damaged, error) {
		d := Damaged{Table: tab.name, Values: map[string]driver.Value{}, table: tab}
		values := make([]any, len(columns)-2)
		into := []any{&d.rowid, &d.seal}
		for n := range values {
			into = append(into, &values[n])
		}
		err := scan(into...)
		for n, v := range values {
			if b, ok := v.([]byte); ok && b == nil {
				v = []byte{} // an empty one, which is not NULL
			}
			d.Values[columns[n+2]] = v
		}
		return d, err
	}, `SELECT `+strings.Join(columns, ", ")+` FROM `+tab.name+` WHERE `+tab.seal("")+` IS NOT seal LIMIT ?`, maxDamaged)
}

// Bytes is a column of bytes; nil if it is none.
func (d *Damaged) Bytes(column string) []byte { return blob(d.Values[column]) }

// Int is a column of a number; 0 if it is none.
func (d *Damaged) Int(column string) int64 {
	n, _ := d.Values[column].(int64)
	return n
}

// Text is a column of text; "" if it is none.
func (d *Damaged) Text(column string) string {
	s, _ := d.Values[column].(string)
	return s
}

// Fits reports whether values are those that the row was sealed with: a guess is proven
// by it.
func (d *Damaged) Fits(values map[string]driver.Value) bool {
	return string(rowSeal(d.row(values))) == string(d.seal)
}

func (d *Damaged) row(values map[string]driver.Value) []driver.Value {
	row := []driver.Value{d.Table}
	for _, c := range d.table.columns {
		row = append(row, values[c])
	}
	return row
}

// maxTried bounds the bytes of a row in which one bent bit is looked for.
const maxTried = 4096

// OneBit returns the values that the row was sealed with, if one bit of it was bent.
func (d *Damaged) OneBit() (map[string]driver.Value, bool) {
	is := rowSeal(d.row(d.Values))
	if bits := distance(is, d.seal); bits == 1 {
		return d.Values, true // of its seal
	}
	size := 0
	for _, v := range d.row(d.Values) {
		size += len(appendColumn(nil, v))
	}
	if size > maxTried || len(d.seal) != sealSize {
		return nil, false
	}
	for column, v := range d.Values {
		if covered[d.Table] == column {
			continue
		}
		try := func(other driver.Value) bool {
			d.Values[column] = other
			return d.Fits(d.Values)
		}
		if bendEach(v, try) {
			return d.Values, true
		}
		d.Values[column] = v
	}
	return nil, false
}

// bendEach tries a value with each of its bits bent, until one is right.
func bendEach(v driver.Value, try func(driver.Value) bool) bool {
	switch v := v.(type) {
	case int64:
		for bit := range 64 {
			if try(v ^ 1<<bit) {
				return true
			}
		}
	case string:
		return bendBytes([]byte(v), func(b []byte) bool { return try(string(b)) })
	case []byte:
		return bendBytes(slices.Clone(v), func(b []byte) bool { return try(b) })
	}
	return false
}

func bendBytes(b []byte, try func([]byte) bool) bool {
	for n := range b {
		for bit := range 8 {
			b[n] ^= 1 << bit
			if try(b) {
				return true
			}
			b[n] ^= 1 << bit
		}
	}
	return false
}

func distance(a, b []byte) (bits int) {
	if len(a) != len(b) {
		return -1
	}
	for n := range a {
		for x := a[n] ^ b[n]; x != 0; x &= x - 1 {
			bits++
		}
	}
	return bits
}

// Mend runs f, which mends what is amiss with one table, and makes its tally anew. f
// must Restore or Remove each damaged row. The indexes are made anew first: what a bent
// column would give is not in them.
func (t *Tx) Mend(found Finding, f func() error) error {
	tab := tableNamed(found.Table)
	if err := t.put("make indexes anew", `REINDEX `+tab.name); err != nil {
		return err
	}
	if tab.noRowID && len(found.Rows) > 0 {
		if err := t.leaveWhole(tab); err != nil {
			return err
		}
	}
	if err := f(); err != nil {
		return err
	}
	return t.put("make tally anew", `INSERT INTO tallies (place, tally) SELECT ?1, all_seals(seal) FROM `+tab.name+` WHERE true
		ON CONFLICT (place) DO UPDATE SET tally = excluded.tally`, tab.name)
}

// leaveWhole leaves the whole rows alone in a table that is ordered by its key: one whose
// key is bent is not where its key says.
func (t *Tx) leaveWhole(tab *table) error {
	columns := "seal, " + strings.Join(tab.columns, ", ")
	for _, statement := range []string{
		tab.dropTriggers(),
		`CREATE TEMP TABLE rest AS SELECT ` + columns + ` FROM main.` + tab.name + ` WHERE ` + tab.whole(""),
		`DELETE FROM main.` + tab.name,
		`INSERT OR IGNORE INTO main.` + tab.name + ` (` + columns + `) SELECT ` + columns + ` FROM rest`,
		`DROP TABLE temp.rest`,
		tab.triggers(),
	} {
		if err := t.script(statement); err != nil {
			return fmt.Errorf("leave the whole rows of %s: %w", tab.name, err)
		}
	}
	return nil
}

// Restore writes a damaged row as it is to be.
func (t *Tx) Restore(d *Damaged, values map[string]driver.Value) error {
	if d.table.noRowID {
		return t.insert(d, values)
	}
	var args []any
	for _, c := range d.table.columns {
		args = append(args, values[c])
	}
	err := t.exec("restore", `UPDATE `+d.Table+` SET `+strings.Join(d.table.columns, " = ?, ")+` = ? WHERE rowid = ?`, append(args, d.rowid)...)
	if err != nil {
		return err
	}
	at := d.rowid
	if n, ok := values[d.table.rowid].(int64); ok {
		at = n
	}
	return t.exec("restore", `UPDATE `+d.Table+` SET seal = ? WHERE rowid = ?`, rowSeal(d.row(values)), at)
}

// maxSwapped bounds the damaged rows of a table that are compared with one another.
const maxSwapped = 16

// Unswap restores rows of which two have a column of each other, and returns the rest.
func (t *Tx) Unswap(all []Damaged) (rest []Damaged, swapped int, err error) {
	if len(all) > maxSwapped {
		return all, 0, nil
	}
	done := make([]bool, len(all))
	for a := range all {
		for b := a + 1; b < len(all); b++ {
			if !done[a] && !done[b] && all[a].swap(&all[b]) {
				done[a], done[b] = true, true
				if err := t.restoreBoth(&all[a], &all[b]); err != nil {
					return nil, 0, err
				}
				swapped++
			}
		}
	}
	for n := range all {
		if !done[n] {
			rest = append(rest, all[n])
		}
	}
	return rest, swapped, nil
}

// swap gives two rows a column of each other, if that makes both whole.
func (d *Damaged) swap(o *Damaged) bool {
	for _, c := range d.table.columns {
		d.Values[c], o.Values[c] = o.Values[c], d.Values[c]
		if d.Fits(d.Values) && o.Fits(o.Values) {
			return true
		}
		d.Values[c], o.Values[c] = o.Values[c], d.Values[c]
	}
	return false
}

// restoreBoth writes two rows that may each have the other's key.
func (t *Tx) restoreBoth(both ...*Damaged) error {
	if !both[0].table.noRowID {
		if err := t.script(`PRAGMA defer_foreign_keys = ON`); err != nil { // they come back at once
			return err
		}
		for _, d := range both {
			if err := t.Remove(d); err != nil {
				return err
			}
		}
	}
	for _, d := range both {
		if err := t.insert(d, d.Values); err != nil {
			return err
		}
	}
	return nil
}

// insert puts a row in its place.
func (t *Tx) insert(d *Damaged, values map[string]driver.Value) error {
	columns := slices.Clone(d.table.columns)
	if c := covered[d.Table]; c != "" {
		columns = append(columns, c)
	}
	var args []any
	for _, c := range columns {
		args = append(args, values[c])
	}
	if !d.table.noRowID && d.table.rowid == "" {
		columns, args = append(columns, "rowid"), append(args, d.rowid)
	}
	return t.put("restore", `INSERT OR REPLACE INTO `+d.Table+` (`+strings.Join(columns, ", ")+`) VALUES (?`+strings.Repeat(",?", len(args)-1)+`)`, args...)
}

// Remove removes a damaged row.
func (t *Tx) Remove(d *Damaged) error {
	if d.table.noRowID {
		return nil // Mend left it away
	}
	return t.exec("remove", `DELETE FROM `+d.Table+` WHERE rowid = ?`, d.rowid)
}

// maxShown bounds what of a column is shown: ids and hashes, and no key or text that an
// erasure of its message would have to find there.
const maxShown = 32

// Content is the row in words, without what is long.
func (d *Damaged) Content() string {
	shown := map[string]any{}
	for c, v := range d.Values {
		switch v := v.(type) {
		case []byte:
			if shown[c] = fmt.Sprintf("%x", v); len(v) > maxShown {
				shown[c] = fmt.Sprintf("%d bytes", len(v))
			}
		case string:
			shown[c] = strings.ToValidUTF8(v[:min(len(v), 256)], "?")
		default:
			shown[c] = v
		}
	}
	b, _ := json.Marshal(shown) // words and numbers always encode
	return string(b)
}

// A Damage is what this desk found damaged in its own database, and what became of it.
type Damage struct {
	Found   signed.Time
	Place   string // the table
	Subject string // the message and its other desk, as far as that is known
	Mended  bool   // it is again as it was written, or as the log says
	Detail  string
	Content string // the row as it was found
}

// AddDamage keeps it.
func (t *Tx) AddDamage(d Damage) error {
	return t.put("note damage", `INSERT INTO damages (found, place, subject, mended, detail, content) VALUES (?,?,?,?,?,?)`,
		d.Found.Unix(), d.Place, d.Subject, d.Mended, d.Detail, d.Content)
}

// Damages returns what was found, the newest first; without content.
func (t *Tx) Damages(mended bool, limit int) ([]Damage, error) {
	return rows(t, "read damages", func(scan func(...any) error) (d Damage, err error) {
		return d, scan(sealed("damages"), unix{&d.Found}, &d.Place, &d.Subject, &d.Mended, &d.Detail)
	}, `SELECT `+wholeOf("damages", "")+`, found, place, subject, mended, detail FROM damages WHERE mended = ? ORDER BY seq DESC LIMIT ?`, mended, limit)
}

// CountDamages says how many there are.
func (t *Tx) CountDamages() (mended, lost int, err error) {
	err = t.row("count damages", []any{&mended, &lost}, `SELECT count(*) FILTER (WHERE mended), count(*) FILTER (WHERE NOT mended) FROM damages`)
	return mended, lost, err
}

// mending returns the error of a write, and has what it found damaged mended: the next that
// reads finds it whole, or does not find it.
func (s *Store) mending(err error) error {
	if errors.Is(err, ErrDamaged) {
		err = errors.Join(err, s.mended())
	}
	return err
}

func (s *Store) mended() error {
	if mend := s.mend.Load(); mend != nil {
		return (*mend)()
	}
	return nil
}

// Again does once more what met a damaged row, which is mended meanwhile. What it did the
// first time must count for nothing.
func Again(do func() error) error {
	err := do()
	if errors.Is(err, ErrDamaged) {
		err = do()
	}
	return err
}

// OnDamage sets what mends the database when a read has met a damaged row.
func (s *Store) OnDamage(mend func() error) { s.mend.Store(&mend) }

// UpdateMending is Update for whoever mends: what it reads damaged is its own to mend.
func (s *Store) UpdateMending(f func(*Tx) error) error {
	return s.vital(func() *write { return &write{do: f, synced: true} })
}
