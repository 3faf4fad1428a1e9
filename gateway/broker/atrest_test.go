package broker_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// Damage at rest: each file of a stopped broker's folder is damaged in each way, one at a time.
// Then the broker is started and an exchange is made. Whatever was damaged is repaired, or
// found and named, or has no effect: nothing that was acknowledged is missing unsaid, and no proof is
// false. SAMBAND_SEED repeats the same damages.

// A damageKind is one way in which a file is damaged; it reports false where that changes nothing.
type damageKind struct {
	name string
	do   func(c *damageCase) bool
}

type damageCase struct {
	*rand.Rand
	dir, other string // the broker's folder, and the same one some acts earlier
	file       string // in the folder
	content    []byte
}

func (c *damageCase) path() string { return filepath.Join(c.dir, c.file) }

func (c *damageCase) write(b []byte) bool {
	if bytes.Equal(b, c.content) {
		return false
	}
	return os.WriteFile(c.path(), b, 0o600) == nil
}

// at is a place within the file's content, the end of which may be room that nothing uses.
func (c *damageCase) at() int {
	n := len(bytes.TrimRight(c.content, "\x00"))
	return c.IntN(max(1, n))
}

var damageKinds = []damageKind{
	{"a bit", func(c *damageCase) bool {
		if len(c.content) == 0 {
			return false
		}
		b := bytes.Clone(c.content)
		b[c.at()] ^= 1 << c.IntN(8)
		return c.write(b)
	}},
	{"eight bytes", func(c *damageCase) bool {
		if len(c.content) < 8 {
			return false
		}
		b := bytes.Clone(c.content)
		at := min(c.at(), len(b)-8)
		for i := range 8 {
			b[at+i] = byte(c.Uint32())
		}
		return c.write(b)
	}},
	{"truncated", func(c *damageCase) bool { return len(c.content) > 0 && c.write(c.content[:c.at()]) }},
	{"empty", func(c *damageCase) bool { return c.write(nil) }},
	{"deleted", func(c *damageCase) bool { return os.Remove(c.path()) == nil }},
	{"a zeroed block", func(c *damageCase) bool {
		b := bytes.Clone(c.content)
		at := c.at() &^ 511
		clear(b[at:min(at+512, len(b))])
		return c.write(b)
	}},
	{"garbage at its end", func(c *damageCase) bool {
		more := make([]byte, 1+c.IntN(600))
		for i := range more {
			more[i] = byte(c.Uint32())
		}
		return c.write(append(bytes.Clone(c.content), more...))
	}},
	{"a block copied", func(c *damageCase) bool {
		if len(c.content) < 1024 {
			return false
		}
		b := bytes.Clone(c.content)
		from, to := c.at()&^511, c.at()&^511
		copy(b[to:min(to+512, len(b))], c.content[from:min(from+512, len(b))])
		return c.write(b)
	}},
	{"rolled back", func(c *damageCase) bool {
		b, err := os.ReadFile(filepath.Join(c.other, c.file))
		return err == nil && c.write(b)
	}},
	{"swapped with its neighbour", func(c *damageCase) bool {
		entries, err := os.ReadDir(filepath.Dir(c.path()))
		if err != nil {
			return false
		}
		for _, e := range entries {
			other := filepath.Join(filepath.Dir(c.path()), e.Name())
			if b, err := os.ReadFile(other); err == nil && other != c.path() && !bytes.Equal(b, c.content) {
				return errors.Join(os.WriteFile(c.path(), b, 0o600), os.WriteFile(other, c.content, 0o600)) == nil
			}
		}
		return false
	}},
}

// kindOfFile names the rows of the table.
func kindOfFile(name string) string {
	for _, k := range []struct{ part, kind string }{
		{"data/nats/", "JOURNAL"}, {"data/records/", "records"}, {"tile/entries", "bundles of entries"}, {"/tile/", "tiles"},
		{"/checkpoint", "checkpoints"}, {"/vkey", "vkey"}, {"data/index", "index"}, {"data/alarms", "alarms"},
		{"data/catalogue", "catalogue bundles"}, {"keys/federation", "federation"}, {"keys/card", "card, mark"}, {"keys/initialised", "card, mark"},
		{"keys/", "keys"}, {"broker.yaml", "settings"},
	} {
		if strings.Contains(name, k.part) {
			return k.kind
		}
	}
	return "others"
}

// An atRest is the history that all cases begin with.
type atRest struct {
	*world
	earlier
	dir, before string            // the folder as it was stopped, and an earlier one
	proofs      map[string]string // the record of each acceptance, by message
	events      []string          // what the sender's progress says
	bundle      *schema.Bundle    // that the register names and desks fetch
}

func newAtRest(t testing.TB) *atRest {
	w := newWorld(t)
	b := w.start()
	bundle := w.names(b)
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	se.sealed = 64
	for _, e := range se.sends(fi, 30) {
		fi.stated(fi.consignment(e.TextHash()))
		fi.stated(fi.statement(envelope.HandedOver, e))
	}
	b.stop()
	before := w.TempDir()
	check(t, os.CopyFS(before, os.DirFS(w.dir)))
	b = w.start()
	for _, e := range se.sends(fi, 60) {
		fi.stated(fi.consignment(e.TextHash()))
		fi.stated(fi.statement(envelope.HandedOver, e))
	}
	// An alarm that stands: the desk says that it knows more than there is.
	se.mu.Lock()
	honest := se.audit
	se.audit.Size += 1000
	se.mu.Unlock()
	_, _ = se.submit(se.envelope("fi.spoc"))
	se.mu.Lock()
	se.audit = honest
	se.mu.Unlock()
	a := &atRest{world: w, earlier: w.earlier(), dir: w.dir, before: before, proofs: map[string]string{}, bundle: bundle}
	for _, e := range []*envelope.Envelope{a.ended, a.consigned, a.open} {
		a.proofs[e.ID.String()] = w.prove(se.accepted(e).Acceptance).Text()
	}
	se.hears(envelope.Withdrawn, a.withdrawn)
	for after := api.Cursor(0); ; {
		p := se.progress(after, 0)
		for _, i := range p.Items {
			a.events = append(a.events, w.prove(i.Proof).Text())
		}
		if after = p.Next; len(p.Items) == 0 {
			break
		}
	}
	b.stop()
	for _, h := range w.desks {
		h.client.Close()
	}
	return a
}

// names gives the broker a bundle, and enters it.
func (w *world) names(r *running) *schema.Bundle {
	w.Helper()
	next, err := schema.NewBundle(fstest.MapFS{"types/NEXT-1.0.json": {Data: []byte("{}")}})
	check(w, err)
	text, err := w.Founders[0].DraftCatalogue(next.Hash, gatewaytest.Types())
	check(w, err)
	draft, err := w.Founders[0].Sign(text)
	check(w, err)
	_, err = r.Enter(context.Background(), w.enter(draft.Note))
	check(w, err)
	check(w, broker.AddBundle(w.dir, next))
	return next
}

func (a *atRest) files() (names []string) {
	check(a, filepath.WalkDir(a.dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(a.dir, path)
		if err == nil && d.Type().IsRegular() && !strings.HasPrefix(filepath.Base(name), ".") {
			names = append(names, filepath.ToSlash(name))
		}
		return err
	}))
	return names
}

// What became of a damage.
const (
	noEffect = "without effect"
	repaired = "repaired, said"
	named    = "named, stopped"
	refuses  = "named, no start"
	silent   = "SILENT"
)

// run starts a broker on a damaged folder, and makes an exchange.
func (a *atRest) run(dir string) (verdict, detail string) {
	var said lockedBuffer
	b, err := broker.New(broker.Config{Dir: dir, Log: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelInfo}))})
	if err != nil {
		return refuses, err.Error()
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	b.Vouch(signed.At(time.Now())) // it lay still for as long as the other cases took
	st := b.Started()
	var faults []string
	if stands := func(x broker.Alarm) bool { return x.Kind == "head-ahead" && x.Desk == "se.spoc" }; !slices.ContainsFunc(st.Alarms, stands) {
		faults = append(faults, "the alarm that stood is gone")
	}
	if st.Stopped == "" {
		faults = a.exchange(b)
	}
	if st.Stopped == "" {
		a.scrubbed(dir)
	}
	after := b.Started()
	cancel()
	if err := errors.Join(<-ended, b.Close()); err != nil {
		faults = append(faults, "it ended with "+err.Error())
	}
	if st.Stopped != "" {
		return named, st.Stopped
	}
	if err := a.verifies(dir); err != nil {
		faults = append(faults, "samband-audit says: "+err.Error())
	}
	if len(faults) > 0 {
		return silent, strings.Join(faults, "; ")
	}
	var words string // but for those of our own word on the clock
	for line := range strings.Lines(said.String()) {
		if !strings.Contains(line, "the operator tells the time") {
			words += line
		}
	}
	if len(after.Found) > 0 || len(after.Alarms) > 1 || len(after.Lacks) > 0 || strings.Contains(words, "level=ERROR") || strings.Contains(words, "level=WARN") || strings.Contains(words, "cut off") {
		return repaired, words
	}
	return noEffect, ""
}

// verifies is what an auditor finds in the public folders.
func (a *atRest) verifies(dir string) error {
	var errs []error
	f := a.register.Federation()
	for log, key := range map[string]*signed.PublicKey{"audit": f.Audit, "register": f.Register} {
		files := os.DirFS(filepath.Join(dir, "data", "log", log))
		_, err := auditlog.VerifyFolder(files, key)
		if vkey, fault := fs.ReadFile(files, auditlog.KeyFile); fault != nil || string(vkey) != key.VerifierKey()+"\n" {
			err = errors.Join(err, fmt.Errorf("vkey of %s: %q, %v", log, vkey, fault))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// scrubbed waits until the scrub has passed what is damaged in the public folders.
func (a *atRest) scrubbed(dir string) {
	for deadline := time.Now().Add(20 * time.Second); a.verifies(dir) != nil && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.String()
}

// exchange asks for all that was acknowledged, and acknowledges more; it returns what is missing,
// or proven falsely.
func (a *atRest) exchange(b *broker.Broker) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	clients := map[string]*api.Client{}
	for _, name := range []string{"se.spoc", "fi.spoc"} {
		c, err := a.desks[signed.Address(name)].Client("https://"+b.Address(), a.register.Federation())
		if err != nil {
			return []string{err.Error()}
		}
		defer c.Close()
		clients[name] = c
	}
	se, fi := clients["se.spoc"], clients["fi.spoc"]
	proven := func(proof string) string {
		p, err := auditlog.ParseProof([]byte(proof))
		if err == nil {
			var r *auditlog.Record
			if r, _, err = p.Verify(a.register.Federation().Audit); err == nil {
				return r.Text()
			}
		}
		fault("a proof is false: %v", err)
		return ""
	}
	heads := api.Heads{}
	for _, e := range []*envelope.Envelope{a.ended, a.consigned, a.open} {
		s, err := gatewaytest.SubmitOne(ctx, se, heads, e.Bytes())
		if err != nil {
			fault("what was accepted is refused: %v", err)
			continue
		}
		if got := proven(s.Acceptance); got != a.proofs[e.ID.String()] {
			fault("what was accepted is accepted anew")
		}
	}
	_, err := gatewaytest.SubmitOne(ctx, se, heads, a.withdrawn.Bytes())
	if r, is := errors.AsType[*api.Refusal](err); !is || r.Problem.Code != problem.AlreadyEnded {
		fault("what was withdrawn is answered %v", err)
	}
	got, err := se.Catalogue(ctx, a.bundle.Hash)
	r, refused := errors.AsType[*api.Refusal](err)
	switch {
	case err == nil && got.Is(a.bundle.Hash) != nil: // the hash is of the files in it
		fault("another bundle is given")
	case err != nil && (!refused || r.Problem.Code != problem.BundleMissing || len(b.Started().Lacks) != 1):
		fault("the bundle is refused, and the broker says that it lacks %v: %v", b.Started().Lacks, err)
	}
	fresh := a.desks["se.spoc"].envelope("fi.spoc")
	if s, err := gatewaytest.SubmitOne(ctx, se, heads, fresh.Bytes()); err != nil {
		fault("a new message is refused: %v", err)
	} else {
		proven(s.Acceptance)
	}
	wanted := map[string][]byte{a.open.ID.String(): a.open.Bytes(), fresh.ID.String(): fresh.Bytes()}
	for range 20 {
		in, err := fi.Inbox(ctx, heads, api.Ask{Limit: 100, Wait: time.Second})
		if err != nil {
			fault("the inbox is refused: %v", err)
			break
		}
		for _, i := range in.Items {
			proven(i.Acceptance)
			for id, raw := range wanted {
				if bytes.Equal(i.Envelope, raw) {
					delete(wanted, id)
				}
			}
		}
		if len(wanted) == 0 || ctx.Err() != nil {
			break
		}
		if p, err := se.Progress(ctx, heads, api.Page{Limit: 100}); err == nil {
			for _, lost := range p.Again { // as a sender does
				for _, e := range []*envelope.Envelope{a.ended, a.consigned, a.open, fresh} {
					if e.TextHash() == lost.Message {
						_, _ = gatewaytest.SubmitOne(ctx, se, heads, e.Bytes())
					}
				}
			}
		}
	}
	if len(wanted) > 0 {
		fault("%d messages are not delivered", len(wanted))
	}
	var events []string
	for after := api.Cursor(0); ; {
		p, err := se.Progress(ctx, heads, api.Page{After: after, Limit: 100})
		if err != nil {
			fault("progress is refused: %v", err)
			break
		}
		for _, i := range p.Items {
			events = append(events, proven(i.Proof))
		}
		if after = p.Next; len(p.Items) == 0 {
			break
		}
	}
	for _, e := range a.events {
		if !slices.Contains(events, e) {
			fault("an event is missing:\n%.200s", e)
		}
	}
	return faults
}

// says reports whether words name a damaged file: itself, its folder, or what it belongs to.
func says(file, words string) bool {
	parts := []string{file, filepath.Base(file)}
	switch kindOfFile(file) {
	case "JOURNAL":
		parts = append(parts, "JOURNAL", "journal", "nats")
	case "records":
		parts = append(parts, "record", "group", "archive")
	case "keys", "federation":
		parts = append(parts, "key", "CA", "federation")
	case "card, mark":
		parts = append(parts, "no data was made yet", "key") // it may be a key that has another's content
	case "settings":
		parts = append(parts, "settings", " is missing", "listen")
	case "checkpoints", "vkey", "tiles", "bundles of entries":
		parts = append(parts, "checkpoint", "log")
	}
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(words, p) })
}

// An atRestCase is one file, and one damage of it.
type atRestCase struct {
	file, how string
	do        func(*damageCase) bool
}

// try makes one damage in a copy of the folder; "" where it changes nothing.
func (a *atRest) try(c atRestCase, r *rand.Rand, dir string) (verdict string) {
	check(a, os.RemoveAll(dir))
	check(a, os.CopyFS(dir, os.DirFS(a.dir)))
	content, err := os.ReadFile(filepath.Join(dir, c.file))
	check(a, err)
	if !c.do(&damageCase{Rand: r, dir: dir, other: a.before, file: c.file, content: content}) {
		return ""
	}
	verdict, detail := a.run(dir)
	if verdict == silent || (verdict == named || verdict == refuses) && !says(c.file, detail) {
		a.Errorf("%s: %s: %s: %.600s", c.file, c.how, verdict, detail)
	}
	return verdict
}

func TestDamageAtRest(t *testing.T) {
	t.Parallel()
	a := newAtRest(t)
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SAMBAND_SEED"); s != "" {
		_, err := fmt.Sscan(s, &seed)
		check(t, err)
	}
	r := rand.New(rand.NewPCG(seed, 17))
	var all []atRestCase
	byKind := map[string][]atRestCase{}
	for _, f := range a.files() {
		for _, k := range damageKinds {
			byKind[kindOfFile(f)] = append(byKind[kindOfFile(f)], atRestCase{file: f, how: k.name, do: k.do})
		}
	}
	rows := slices.Sorted(maps.Keys(byKind))
	for _, row := range rows {
		r.Shuffle(len(byKind[row]), func(i, j int) { byKind[row][i], byKind[row][j] = byKind[row][j], byKind[row][i] })
	}
	for i := range 1000 { // some of each kind of file in turn
		for _, row := range rows {
			if of := byKind[row]; i < len(of)*restRounds {
				all = append(all, of[i%len(of)])
			}
		}
	}
	all = all[:min(len(all), restDamages)]
	columns := columnsOf(t, filepath.Join(a.dir, "data", "index.db"))
	r.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
	for _, c := range columns[:min(len(columns), restColumns)] {
		all = append(all, atRestCase{"data/index.db", "column " + c.table + "." + c.column, func(d *damageCase) bool { return c.bend(t, d.path()) }})
	}

	table, n := map[string]map[string]int{}, 0
	var mu sync.Mutex
	var workers sync.WaitGroup
	next := make(chan int)
	for range 6 { // most of the time is the disk's
		work := t.TempDir()
		workers.Go(func() {
			for i := range next {
				verdict := a.try(all[i], rand.New(rand.NewPCG(seed, uint64(i))), filepath.Join(work, "broker"))
				mu.Lock()
				if verdict != "" {
					kind := kindOfFile(all[i].file)
					if table[kind] == nil {
						table[kind] = map[string]int{}
					}
					table[kind][verdict]++
					table[kind]["n"]++
					n++
				}
				mu.Unlock()
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	workers.Wait()
	verdicts := []string{noEffect, repaired, named, refuses, silent}
	t.Logf("%-20s %5s %s", "file", "n", strings.Join(verdicts, " | "))
	for _, kind := range slices.Sorted(maps.Keys(table)) {
		line := fmt.Sprintf("%-20s %5d", kind, table[kind]["n"])
		for _, v := range verdicts {
			line += fmt.Sprintf(" %5d", table[kind][v])
		}
		t.Log(line)
	}
	t.Logf("%d damages, seed %d", n, seed)
}

// A column is one of the index, to be bent.
type column struct{ table, column string }

func columnsOf(t *testing.T, path string) (all []column) {
	db, err := sql.Open("sqlite", "file:"+path+"?immutable=1")
	check(t, err)
	defer db.Close()
	rows, err := db.Query("SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'")
	check(t, err)
	defer rows.Close()
	for rows.Next() {
		var c column
		check(t, rows.Scan(&c.table, &c.column))
		all = append(all, c)
	}
	check(t, rows.Err())
	return all
}

// bend makes one value of a column another, in a file that no broker closed since.
func (c column) bend(t *testing.T, path string) bool {
	db, err := sql.Open("sqlite", "file:"+path)
	check(t, err)
	defer db.Close()
	db.SetMaxOpenConns(1)
	other := fmt.Sprintf("CASE typeof(%[1]s) WHEN 'integer' THEN %[1]s + 1 WHEN 'text' THEN %[1]s || 'x' WHEN 'blob' THEN zeroblob(length(%[1]s)) ELSE 1 END", c.column)
	key := "rowid"
	if c.table == "withdrawals" || c.table == "rejections" {
		key = c.column
	}
	res, err := db.Exec(fmt.Sprintf("UPDATE OR IGNORE %[1]s SET %[2]s = %[3]s WHERE %[4]s = (SELECT max(%[4]s) FROM %[1]s)", c.table, c.column, other, key))
	if err != nil {
		return false // the table itself refuses it
	}
	n, err := res.RowsAffected()
	check(t, err)
	_, err = db.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	check(t, err)
	return n > 0
}
