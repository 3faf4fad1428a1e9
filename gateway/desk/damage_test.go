package desk_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// damages is how many damages at rest the gate tries, of all kinds and columns in turn.
const damages = 12

// Whatever bends in a desk's database at rest, bit by bit, cell by cell or row by row, is
// found and named, or mended, or has no effect: nothing is silent, nothing false is called
// proven, and nobody is accused.
func TestDamageAtRest(t *testing.T) { damagedAtRest(t, damages, 1) }

func damagedAtRest(t *testing.T, n int, seed uint64) {
	s, ids := lived(t)
	random := rand.New(rand.NewPCG(seed, 17))
	table := map[string]map[string]int{}
	desks := []signed.Address{"se.spoc", "fi.spoc"}
	whole := map[signed.Address]*rested{}
	var cells []cell
	for _, addr := range desks {
		whole[addr] = s.rested(addr, s.desk(addr), ids)
		if whole[addr].damaged || len(whole[addr].evidence) > 0 {
			t.Fatalf("%s is damaged before: %v", addr, whole[addr].faults)
		}
		for _, c := range cellsOf(t, s.desk(addr)) {
			c.desk = addr
			cells = append(cells, c)
		}
	}
	random.Shuffle(len(cells), func(i, j int) { cells[i], cells[j] = cells[j], cells[i] })
	kinds := slices.Sorted(maps.Keys(bends))
	for i, done := 0, 0; done < n && i < 20*n; i++ {
		c, kind := cells[i%len(cells)], kinds[i%len(kinds)]
		dir := filepath.Join(t.TempDir(), "desk")
		must(0, copyDesk(dir, s.desk(c.desk)))
		what, ok := c.bend(t, dir, kind, random)
		if !ok {
			continue
		}
		done++
		got := s.rested(c.desk, dir, ids)
		if table[kind] == nil {
			table[kind] = map[string]int{}
		}
		table[kind][got.against(whole[c.desk])]++
		if got.against(whole[c.desk]) == "no effect" {
			t.Logf("no effect: %s of %s.%s at %s (%.100s)", kind, c.table, c.column, c.desk, what)
		}
		if wrong := got.wrong(whole[c.desk]); wrong != "" {
			t.Errorf("%s of %s.%s at %s (%s): %s", kind, c.table, c.column, c.desk, what, wrong)
		}
		must(0, os.RemoveAll(dir))
	}
	for _, kind := range slices.Sorted(maps.Keys(table)) {
		t.Logf("%-8s %v", kind, table[kind])
	}
}

// lived is a stage whose desks have what desks have: messages in every state, answers,
// conversations, erasures, a queue and a log; and both have stopped.
func lived(t *testing.T) (s *stage, ids []signed.ID) {
	s = newStage(t)
	se, stopSe := s.start("se.spoc")
	s.unlock(se)
	fi, stopFi := s.start("fi.spoc")
	s.unlock(fi)
	s.ready(se)
	s.ready(fi)
	for range 3 {
		ids = append(ids, send(t, se, request(t)))
	}
	for _, id := range ids {
		awaitIn(t, fi, id, client.HandedOver)
		awaitOut(t, se, id, client.HandedOver)
	}
	must(fi.Read(ctx, client.Ref{ID: ids[0]}))
	reply := must(fi.Answer(ctx, client.Ref{ID: ids[0]}, client.Draft{Type: "ANSWER", Body: body(t, "04-answer.json")})).Messages[0].ID
	awaitIn(t, se, reply, client.HandedOver)
	awaitOut(t, fi, reply, client.HandedOver)
	must(0, se.Erase(ctx, client.Ref{ID: ids[1]}))
	must(0, fi.Erase(ctx, client.Ref{ID: ids[1]}))
	must(0, fi.Lock(ctx))
	kept := send(t, se, request(t))
	awaitOut(t, se, kept, client.Consigned)
	s.cut("se.spoc")
	queued := send(t, se, request(t))
	ids = append(ids, reply, kept, queued)
	stopSe()
	stopFi()
	return s, ids
}

// copyDesk copies a desk's folder, but for what only a running desk has.
func copyDesk(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return os.Chmod(to, 0o700)
}

// A rested desk is what a desk shows that was opened and does not run.
type rested struct {
	shown    map[string]string // by what it is of
	facts    map[string]string // that are called proven
	evidence []client.Evidence
	faults   []client.Fault
	refused  error // why it does not open
	damaged  bool  // it says that its database was damaged
}

// rested opens a desk and has it show all.
func (s *stage) rested(addr signed.Address, dir string, ids []signed.ID) *rested {
	s.t.Helper()
	r := &rested{shown: map[string]string{}, facts: map[string]string{}}
	at := s.clock.Wall()
	d, err := desk.New(desk.Config{Dir: dir, Broker: s.broker(addr), Now: func() time.Time { return at }})
	if err != nil {
		r.refused = err
		return r
	}
	defer func() { must(0, d.Close()) }()
	s.unlock(d)
	show := func(name string, v any, err error) {
		b, _ := json.Marshal(v)
		r.shown[name] = fmt.Sprintf("%s %v", b, err)
	}
	v, err := d.Verify(ctx, client.Ref{})
	if err != nil {
		r.refused = err
		return r
	}
	r.evidence, r.faults = v.Evidence, v.Faults
	show("proven", []any{v.Proven, v.Messages, v.Entries, v.Audit.Root, v.Register.Root}, nil)
	out, err := d.Outbox(ctx, client.Query{})
	show("outbox", len(out), err)
	for _, o := range out {
		show("sent "+o.ID.String(), o, nil)
	}
	in, err := d.Inbox(ctx, client.Query{})
	show("inbox", len(in), err)
	for _, i := range in {
		show("received "+i.ID.String(), i, nil)
	}
	talks, err := d.Conversations(ctx, client.Query{})
	show("conversations", talks, err)
	hidden, err := d.Erased(ctx, client.Query{})
	show("hidden", hidden, err)
	status, err := d.Status(ctx)
	status.Disk, status.Damages = client.Disk{}, client.Damages{}
	show("status", status, err)
	for _, id := range ids {
		of, err := d.Verify(ctx, client.Ref{ID: id})
		if problem.CodeOf(err) == problem.UnknownMessage {
			continue
		}
		if err != nil {
			show("verified "+id.String(), nil, err)
			continue
		}
		r.faults = append(r.faults, of.Faults...)
		for _, f := range of.Facts {
			r.facts[id.String()+" "+f.Event] = fmt.Sprintf("%s %d %d %s", f.Time, f.Index, f.Register, f.Code)
		}
	}
	lines := must(d.Log(ctx, client.Query{Limit: 1000}))
	lines = slices.DeleteFunc(lines, func(e client.LogEntry) bool {
		damaged := e.Event == "database damaged" || strings.HasPrefix(e.Event, "database found ")
		r.damaged = r.damaged || damaged
		return damaged || e.Event == "unlocked"
	})
	show("log", lines, nil)
	return r
}

// against says in a word what became of a damage.
func (r *rested) against(whole *rested) string {
	same := r.refused == nil && maps.Equal(r.shown, whole.shown) && maps.Equal(r.facts, whole.facts)
	switch {
	case r.refused != nil:
		return "refused"
	case same && len(r.faults) > 0:
		return "named"
	case same && r.damaged:
		return "mended"
	case same:
		return "no effect"
	case len(r.faults) > 0:
		return "named"
	case r.damaged:
		return "mended, or comes again"
	}
	return "silent"
}

// wrong is what no damage may do.
func (r *rested) wrong(whole *rested) string {
	if r.refused != nil {
		if !strings.Contains(r.refused.Error(), "damaged") {
			return "it is refused by " + r.refused.Error()
		}
		return ""
	}
	if len(r.evidence) > 0 {
		return fmt.Sprintf("somebody is accused: %+v", r.evidence[0].Problem)
	}
	for _, f := range r.faults {
		if f.Problem.Code != problem.DeskDamaged {
			return fmt.Sprintf("a fault of its own disk is %s of %s: %s", f.Problem.Code, f.Subject, f.Problem.Detail)
		}
	}
	for name, fact := range r.facts {
		if fact != whole.facts[name] {
			return fmt.Sprintf("%s is called proven as %s, and was %s", name, fact, whole.facts[name])
		}
	}
	if r.against(whole) == "silent" {
		var differs []string
		for name, shown := range whole.shown {
			if r.shown[name] != shown {
				differs = append(differs, fmt.Sprintf("%s: %s, and was %s", name, r.shown[name], shown))
			}
		}
		return "nothing says it, and it shows otherwise: " + strings.Join(differs, "; ")
	}
	return ""
}

// A cell is a column of a table that has rows.
type cell struct {
	desk          signed.Address
	table, column string
}

func cellsOf(t *testing.T, dir string) (cells []cell) {
	db := must(sql.Open("sqlite", filepath.Join(dir, "desk.db?mode=ro")))
	defer db.Close()
	rs := must(db.Query(`SELECT m.name, c.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`))
	defer rs.Close()
	var all []cell
	for rs.Next() {
		var c cell
		must(0, rs.Scan(&c.table, &c.column))
		all = append(all, c)
	}
	for _, c := range all {
		var n int
		must(0, db.QueryRow(`SELECT count(*) FROM `+c.table).Scan(&n))
		if n > 0 {
			cells = append(cells, c)
		}
	}
	return cells
}

// bends are the kinds of damage.
var bends = map[string]func(v any, random *rand.Rand) any{
	"bit":    bendBit,
	"garble": garble,
	"zero": func(v any, _ *rand.Rand) any {
		switch v := v.(type) {
		case []byte:
			return make([]byte, len(v))
		case string:
			return strings.Repeat("\x00", len(v))
		}
		return int64(0)
	},
	"swap":   nil,
	"delete": nil,
}

func bendBit(v any, random *rand.Rand) any {
	switch v := v.(type) {
	case int64:
		return v ^ 1<<random.IntN(40)
	case []byte:
		b := slices.Clone(v)
		if len(b) > 0 {
			b[random.IntN(len(b))] ^= 1 << random.IntN(8)
		}
		return b
	case string:
		b := []byte(v)
		if len(b) > 0 {
			b[random.IntN(len(b))] ^= 1 << random.IntN(7)
		}
		return string(b)
	}
	return v
}

func garble(v any, random *rand.Rand) any {
	for range 8 {
		v = bendBit(v, random)
	}
	return v
}

// bend damages one row of a desk's database; false: it can't be damaged so.
func (c cell) bend(t *testing.T, dir, kind string, random *rand.Rand) (what string, ok bool) {
	db := must(sql.Open("sqlite", filepath.Join(dir, "desk.db")))
	defer db.Close()
	db.SetMaxOpenConns(1)
	type row struct {
		id    string // a condition
		value any
	}
	key := "rowid"
	if !hasRowID(db, c.table) {
		key = ""
	}
	var all []row
	if key != "" {
		rs := must(db.Query(`SELECT rowid, ` + c.column + ` FROM ` + c.table))
		for rs.Next() {
			var n int64
			var r row
			must(0, rs.Scan(&n, &r.value))
			r.id = fmt.Sprintf("rowid = %d", n)
			all = append(all, r)
		}
		must(0, rs.Close())
	} else {
		keys := keyOf(db, c.table)
		rs := must(db.Query(`SELECT ` + strings.Join(keys, ", ") + `, ` + c.column + ` FROM ` + c.table))
		for rs.Next() {
			values := make([]any, len(keys)+1)
			into := make([]any, len(values))
			for n := range values {
				into[n] = &values[n]
			}
			must(0, rs.Scan(into...))
			var conditions []string
			for n, k := range keys {
				conditions = append(conditions, k+" = "+literal(values[n]))
			}
			all = append(all, row{strings.Join(conditions, " AND "), values[len(keys)]})
		}
		must(0, rs.Close())
	}
	r := all[random.IntN(len(all))]
	var err error
	switch kind {
	case "delete":
		_, err = db.Exec(`DELETE FROM ` + c.table + ` WHERE ` + r.id)
		return r.id, err == nil
	case "swap":
		other := all[random.IntN(len(all))]
		if fmt.Sprint(other.value) == fmt.Sprint(r.value) {
			return "", false
		}
		if _, err = db.Exec(`UPDATE `+c.table+` SET `+c.column+` = ? WHERE `+r.id, other.value); err == nil {
			_, err = db.Exec(`UPDATE `+c.table+` SET `+c.column+` = ? WHERE `+other.id, r.value)
		}
		return r.id + " with " + other.id, err == nil
	}
	bent := bends[kind](r.value, random)
	if fmt.Sprint(bent) == fmt.Sprint(r.value) {
		return "", false
	}
	_, err = db.Exec(`UPDATE `+c.table+` SET `+c.column+` = ? WHERE `+r.id, bent)
	return fmt.Sprintf("%s: %.80v for %.80v", r.id, bent, r.value), err == nil
}

func literal(v any) string {
	switch v := v.(type) {
	case []byte:
		return fmt.Sprintf("x'%x'", v)
	case string:
		return "'" + strings.ReplaceAll(v, "'", "''") + "'"
	}
	return fmt.Sprint(v)
}

func hasRowID(db *sql.DB, table string) bool {
	var text string
	return db.QueryRow(`SELECT sql FROM sqlite_schema WHERE name = ?`, table).Scan(&text) == nil && !strings.Contains(text, "WITHOUT ROWID")
}

func keyOf(db *sql.DB, table string) (keys []string) {
	rs := must(db.QueryContext(context.Background(), `SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk`, table))
	defer rs.Close()
	for rs.Next() {
		var k string
		must(0, rs.Scan(&k))
		keys = append(keys, k)
	}
	return keys
}

// What the broker or the proofs can give again comes again: a desk whose database was
// damaged goes on, shows in the end what it showed before, and accuses nobody.
func TestDamageComesAgain(t *testing.T) {
	s, ids := lived(t)
	for name, c := range map[string]struct {
		desk signed.Address
		do   string
	}{
		"the audit log's head":      {"se.spoc", `UPDATE heads SET root = zeroblob(32), size = size - 3 WHERE log = 'audit'`},
		"its checkpoint":            {"fi.spoc", `UPDATE heads SET checkpoint = zeroblob(length(checkpoint)), size = size + 4096`},
		"both heads are gone":       {"se.spoc", `DELETE FROM heads`},
		"a sighting":                {"se.spoc", `UPDATE sightings SET register = register + 4096`},
		"the sightings are gone":    {"fi.spoc", `DELETE FROM sightings`},
		"the register's end":        {"fi.spoc", `DELETE FROM register WHERE idx >= (SELECT max(idx) - 1 FROM register)`},
		"an entry of the register":  {"se.spoc", `UPDATE register SET note = zeroblob(length(note)) WHERE idx = 2`},
		"the federation's entry":    {"se.spoc", `DELETE FROM register WHERE idx = 0`},
		"the cursor":                {"se.spoc", `UPDATE cursors SET cursor = 'nowhere'`},
		"the cursor, far ahead":     {"se.spoc", `UPDATE cursors SET cursor = '9999999999'`},
		"whose text it is":          {"se.spoc", `DELETE FROM attempts`},
		"whose text it is, bent":    {"se.spoc", `UPDATE attempts SET text = randomblob(32)`},
		"all proofs of the sender":  {"se.spoc", `DELETE FROM proven WHERE text IN (SELECT text FROM mail WHERE received = 0)`},
		"a proof of the sender":     {"se.spoc", `UPDATE proven SET proof = zeroblob(length(proof)) WHERE rowid = 2`},
		"times beside proofs":       {"fi.spoc", `UPDATE proven SET time = time + 86400, idx = idx + 7, register = 9, code = 'NO'`},
		"the notes of statements":   {"se.spoc", `UPDATE proven SET note = zeroblob(length(note)) WHERE note IS NOT NULL`},
		"what this desk said":       {"fi.spoc", `DELETE FROM said`},
		"a state":                   {"se.spoc", `UPDATE mail SET state = 'withdrawn', stands = 0`},
		"conversations":             {"fi.spoc", `UPDATE conversations SET last = 99; DELETE FROM links`},
		"answers":                   {"se.spoc", `UPDATE mail SET answered = 0, answer = x'', effective = 0, recipient = 'no.spoc'`},
		"the opening keys, as seen": {"fi.spoc", `DELETE FROM opening_keys`},
	} {
		t.Run(name, func(t *testing.T) {
			of := *s
			s := &of
			s.t = t
			dir := filepath.Join(t.TempDir(), "desk")
			must(0, copyDesk(dir, s.desk(c.desk)))
			db := must(sql.Open("sqlite", filepath.Join(dir, "desk.db")))
			must(db.Exec(c.do))
			must(0, db.Close())
			s.mend("se.spoc")
			d := must(desk.New(desk.Config{Dir: dir, Broker: s.broker(c.desk), Now: s.clock.Wall, Retry: time.Millisecond}))
			ctx, cancel := context.WithCancel(ctx)
			ended := make(chan error, 1)
			go func() { ended <- d.Run(ctx) }()
			defer func() {
				cancel()
				must(0, <-ended)
				must(0, d.Close())
			}()
			s.unlock(d)
			whole := func(n int) bool {
				v, err := d.Verify(ctx, client.Ref{ID: ids[n]})
				if err != nil || len(v.Evidence) > 0 {
					return false
				}
				var events []string
				for _, f := range v.Facts {
					events = append(events, f.Event)
				}
				all := strings.Join(events, " ")
				again := n == 0 || n == 2 // the others were erased here, or received, and have ended: then it is named
				return all == "accepted consigned handed-over" || all == "accepted handed-over" || !again && len(v.Faults) > 0
			}
			await(t, d, "as it was before", func() bool { return whole(0) && whole(1) && whole(2) && whole(3) })
			if v := must(d.Verify(ctx, client.Ref{})); len(v.Evidence) > 0 {
				t.Errorf("somebody is accused: %+v", v.Evidence)
			}
		})
	}
}

// A bit that is bent in the file itself, in a table or in an index, wherever an id stands:
// the message is found under its id again.
func TestBentIndex(t *testing.T) {
	s, ids := lived(t)
	whole := s.rested("se.spoc", s.desk("se.spoc"), ids)
	file := must(os.ReadFile(filepath.Join(s.desk("se.spoc"), "desk.db")))
	id := ids[0]
	found := 0
	for at := 0; ; found++ {
		n := bytes.Index(file[at:], id[:])
		if n < 0 {
			break
		}
		at += n
		dir := filepath.Join(t.TempDir(), "desk")
		must(0, copyDesk(dir, s.desk("se.spoc")))
		bent := bytes.Clone(file)
		bent[at+3] ^= 4
		must(0, os.WriteFile(filepath.Join(dir, "desk.db"), bent, 0o600))
		got := s.rested("se.spoc", dir, ids)
		if word := got.against(whole); word != "mended" {
			t.Errorf("bent at byte %d, it is %s: %v %v %s", at, word, got.refused, got.faults, got.wrong(whole))
		}
		at += len(id)
	}
	if found < 3 {
		t.Errorf("the id stands in %d places; of a table and two indexes at least 3 are expected", found)
	}
}
