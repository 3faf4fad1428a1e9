package broker_test

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Each test here makes one arm of the start switch and meets it.

func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir, "data"}, parts...)...)
}

// keep copies parts of the data folder, to be put back by the function it
// returns, as a disk that lost what came later.
func (w *world) keep(parts ...string) (putBack func()) {
	w.Helper()
	kept := w.TempDir()
	for _, p := range parts {
		check(w, os.CopyFS(filepath.Join(kept, p), os.DirFS(w.path(p))))
	}
	return func() {
		for _, p := range parts {
			check(w, os.RemoveAll(w.path(p)))
			check(w, os.CopyFS(w.path(p), os.DirFS(filepath.Join(kept, p))))
		}
	}
}

// files reads a folder whole.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[name] = string(b)
		return err
	}))
	return out
}

func (r *running) found(t testing.TB, want ...string) {
	t.Helper()
	got := r.Started()
	if !slices.Equal(got.Found, want) || got.Stopped != "" || !got.Accepting {
		t.Fatalf("the start found %v and stopped %q; want %v", got.Found, got.Stopped, want)
	}
}

func (r *running) stoppedFor(t testing.TB, kind string) {
	t.Helper()
	if got := r.Started(); !strings.HasPrefix(got.Stopped, kind+": ") || got.Accepting {
		t.Fatalf("the start found %v and stopped for %q; want %s", got.Found, got.Stopped, kind)
	}
}

// earlier makes some history: an ended message, a consigned one, an open one, a
// withdrawn id, a refused text.
type earlier struct {
	ended, consigned, open, withdrawn, refused *envelope.Envelope
}

func (w *world) earlier() earlier {
	w.Helper()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	p := earlier{se.envelope("fi.spoc"), se.envelope("fi.spoc"), se.envelope("fi.spoc"), se.envelope("fi.spoc"),
		se.envelope("fi.spoc", func(h *envelope.Header) { h.Agreement = signed.HashOf("none") })}
	for _, e := range []*envelope.Envelope{p.ended, p.consigned, p.open} {
		se.accepted(e)
	}
	fi.stated(fi.consignment(p.ended.TextHash()))
	fi.stated(fi.statement(envelope.HandedOver, p.ended))
	fi.stated(fi.consignment(p.consigned.TextHash()))
	se.stated(se.statement(envelope.Withdrawn, p.withdrawn))
	_, err := se.submit(p.refused)
	wants(w, err, problem.NoAgreement)
	return p
}

// answers are what the broker says of that history, proofs left out: they grow
// with the log.
func (w *world) answers(p earlier) []string {
	w.Helper()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	se.hears(envelope.Withdrawn, p.withdrawn)
	var out []string
	for _, e := range []*envelope.Envelope{p.ended, p.consigned, p.open} {
		a := se.accepted(e)
		out = append(out, w.prove(a.Acceptance).Text())
		for _, f := range []*api.LoggedEvent{a.Consigned, a.End} {
			if f != nil {
				out = append(out, w.prove(f.Proof).Text())
			}
		}
	}
	for e, code := range map[*envelope.Envelope]problem.Code{p.withdrawn: problem.AlreadyEnded, p.refused: problem.NoAgreement} {
		_, err := se.submit(e)
		out = append(out, w.prove(wants(w, err, code).Proof).Text())
	}
	for _, i := range fi.inbox(10 * time.Second).Items {
		if i.Consigned == nil { // the others may go at any time
			out = append(out, w.prove(i.Acceptance).Text(), string(i.Envelope))
		}
	}
	for _, i := range se.progress(0, 10*time.Second).Items {
		out = append(out, w.prove(i.Proof).Text(), string(i.Note))
	}
	slices.Sort(out)
	return out
}

// same compares answers from before and after.
func (w *world) same(before, after []string) {
	w.Helper()
	for what, lists := range map[string][2][]string{"no longer": {before, after}, "only now": {after, before}} {
		for _, a := range lists[0] {
			if !slices.Contains(lists[1], a) {
				w.Errorf("%s answered:\n%.400s", what, a)
			}
		}
	}
}

func TestStartAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	p := w.earlier()
	before := w.answers(p)
	b.stop()
	b = w.start()
	b.found(t)
	w.same(before, w.answers(p))
}

func TestIndexDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	p := w.earlier()
	before := w.answers(p)
	b.stop()
	for _, f := range []string{"index.db", "index.db-wal", "index.db-shm"} {
		check(t, os.RemoveAll(w.path(f)))
	}
	b = w.start()
	b.found(t, "index-behind")
	w.same(before, w.answers(p))
}

func TestIndexDamaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	p := w.earlier()
	before := w.answers(p)
	b.stop()
	check(t, os.WriteFile(w.path("index.db"), bytes.Repeat([]byte("x"), 4096), 0o600))
	b = w.start()
	b.found(t, "index-behind")
	w.same(before, w.answers(p))
}

// An index of another past doesn't fit: it is made anew.
func TestIndexOfAnotherPast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.earlier()
	b.stop()
	putBack := w.keep("nats", "records", "log")
	b = w.start()
	w.earlier()
	b.stop()
	putBack()
	for _, h := range w.desks {
		h.audit = (&auditlog.Range{}).Head(h.audit.Origin)
	}
	b = w.start()
	b.found(t, "index-lost", "index-behind")
}

func TestTilesDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.earlier()
	b.stop()
	before := files(t, w.path("log"))
	check(t, os.RemoveAll(w.path("log")))
	b = w.start()
	b.found(t, "tiles-gone")
	b.stop()
	after := files(t, w.path("log"))
	// Partial tiles that were outgrown before stay away.
	for name, content := range after {
		if before[name] != content {
			t.Errorf("%s is not what it was", name)
		}
	}
	if len(after) < 8 {
		t.Errorf("%d files are there again", len(after))
	}
	w.checkLogs()
}

func TestTileDamaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.earlier()
	b.stop()
	before := files(t, w.path("log"))
	audit, _ := w.checkLogs()
	damaged := w.path("log", "audit", "tile", "0", "000.p", signed.FormatInt(audit.Size))
	check(t, os.WriteFile(damaged, []byte("damaged"), 0o600))
	b = w.start()
	b.found(t, "tiles-gone")
	b.stop()
	for name, content := range files(t, w.path("log")) {
		if before[name] != content {
			t.Errorf("%s is not what it was", name)
		}
	}
	w.checkLogs()
}

// Killed between JOURNAL and records: what JOURNAL has is appended.
func TestJournalAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se := w.desks["se.spoc"]
	p := w.earlier()
	e := se.envelope("fi.spoc")
	leaf := w.prove(se.accepted(e).Acceptance).Index
	b.stop()
	tear(t, w.path("records"))
	b = w.start()
	b.found(t, "journal-ahead")
	if got := w.prove(se.accepted(e).Acceptance).Index; got != leaf {
		t.Errorf("the message is leaf %d, and was %d", got, leaf)
	}
	if got := strings.Join(w.answers(p), ""); !strings.Contains(got, string(e.Bytes())) || !strings.Contains(got, string(p.open.Bytes())) {
		t.Errorf("not all open messages are there")
	}
	b.stop()
	w.checkLogs()
}

// tear cuts into the last frame of the records, as a crash within a write does.
func tear(t testing.TB, dir string) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "*.records"))
	check(t, err)
	last := segments[len(segments)-1]
	info, err := os.Stat(last)
	check(t, err)
	check(t, os.Truncate(last, info.Size()-7))
}

// NATS lost what it had acknowledged: the records keep the leaves, the senders
// are asked, and nothing is accepted twice or ended twice.
func TestJournalLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	old := se.envelope("fi.spoc")
	se.accepted(old)
	b.stop()
	putBack := w.keep("nats")
	b = w.start()
	p := w.earlier()
	before := w.answers(p)
	b.stop()
	putBack()

	b = w.start()
	b.found(t, "journal-lost", "index-lost", "index-behind")
	again := se.progress(0, 0).Again
	if len(again) != 1 || again[0].Message != p.open.TextHash() || again[0].ID != p.open.ID {
		t.Fatalf("asked to send again: %+v", again)
	}
	inbox := fi.inbox(0)
	if len(inbox.Items) != 1 {
		t.Fatalf("%d messages", len(inbox.Items))
	}
	woken := make(chan *api.InboxAnswer, 1)
	go func() {
		a := fi.inbox(10*time.Second, old.TextHash())
		for len(a.Items) == 0 {
			a = fi.inbox(10*time.Second, old.TextHash())
		}
		woken <- a
	}()
	se.accepted(p.open)
	a := <-woken
	if len(a.Items) != 1 || !bytes.Equal(a.Items[0].Envelope, p.open.Bytes()) {
		t.Fatalf("the message that came again is not delivered")
	}
	if len(se.progress(0, 0).Again) != 0 {
		t.Error("asked once more for what is there")
	}
	// The receiver of the consigned message lost it too.
	check(t, fi.client.Want(context.Background(), fi.heads(), api.Want{Message: p.consigned.TextHash()}))
	if again := se.progress(0, 0).Again; len(again) != 1 || again[0].Message != p.consigned.TextHash() {
		t.Errorf("asked to send again: %+v", again)
	}
	se.accepted(p.consigned)
	a = fi.inbox(10 * time.Second) // with what is not held
	if !slices.ContainsFunc(a.Items, func(i api.InboxItem) bool { return bytes.Equal(i.Envelope, p.consigned.Bytes()) }) {
		t.Errorf("the wanted message is not delivered: %d items", len(a.Items))
	}
	if after := w.answers(p); len(after) < len(before) {
		t.Errorf("the broker says less than before")
	}
	b.stop()
	w.checkLogs()
}

// The tiles know leaves whose records are lost.
func TestRecordsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.earlier()
	b.stop()
	putBack := w.keep("nats", "records")
	b = w.start()
	w.earlier()
	b.stop()
	before := files(t, w.path("log"))
	putBack()
	b = w.start()
	b.stoppedFor(t, "records-lost")
	w.acceptsNothing()
	b.stop()
	after := files(t, w.path("log"))
	for name, content := range before {
		if after[name] != content {
			t.Errorf("%s was changed by a broker that may change nothing", name)
		}
	}
}

func (w *world) acceptsNothing() {
	w.Helper()
	se := w.desks["se.spoc"]
	e := se.envelope("fi.spoc")
	_, err := se.submit(e)
	wants(w, err, problem.BrokerStopped)
	_, err = se.state(se.statement(envelope.Withdrawn, e))
	wants(w, err, problem.BrokerStopped)
	_, err = se.client.Inbox(context.Background(), api.Heads{}, api.Ask{Limit: 1})
	wants(w, err, problem.BrokerStopped)
}

// Records and JOURNAL miss a group between them.
func TestHole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.earlier()
	b.stop()
	putBack := w.keep("records")
	b = w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	e := se.envelope("fi.spoc")
	se.accepted(e)
	fi.stated(fi.statement(envelope.HandedOver, e))
	w.untilRemoved(b)
	b.stop()
	putBack()
	b = w.start()
	b.stoppedFor(t, "journal-hole")
	w.acceptsNothing()
}

// Everything is set back together: only what desks have shows it.
func TestTailLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se := w.desks["se.spoc"]
	w.earlier()
	b.stop()
	putBack := w.keep("nats", "records", "log")
	b = w.start()
	a := se.accepted(se.envelope("fi.spoc"))
	shown := []byte(a.Catchup.Audit.Checkpoint)
	b.stop()
	putBack()
	check(t, os.RemoveAll(w.path("index.db")))

	b = w.start()
	if b.Started().Stopped != "" {
		t.Fatalf("stopped for %q before anyone showed a checkpoint", b.Started().Stopped)
	}
	_, err := se.submit(se.envelope("fi.spoc"))
	wants(t, err, problem.HeadAhead)
	check(t, se.client.Show(context.Background(), []byte(b.Checkpoint()))) // one that the log reaches
	wants(t, se.client.Show(context.Background(), shown), problem.BrokerStopped)
	b.stoppedFor(t, "tail-lost")
	w.acceptsNothing()
	b.stop()

	b = w.start() // nothing is forgotten
	b.stoppedFor(t, "tail-lost")
	w.acceptsNothing()
}

// The log outgrew the lost tail: the roots at the desk's own size still differ.
func TestTailLostAndOutgrown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	w.earlier()
	b.stop()
	putBack := w.keep("nats", "records", "log")
	b = w.start()
	shown := []byte(se.accepted(se.envelope("fi.spoc")).Catchup.Audit.Checkpoint)
	b.stop()
	putBack()
	w.start()
	from := fi.audit // has not seen what was lost
	fi.stated(fi.statement(envelope.Withdrawn, se.envelope("fi.spoc")))
	fi.stated(fi.statement(envelope.Withdrawn, se.envelope("fi.spoc")))
	if fi.audit.Size < from.Size+2 {
		t.Fatal("the log did not grow")
	}
	_, err := se.submit(se.envelope("fi.spoc"))
	wants(t, err, problem.HeadContradicts)
	wants(t, se.client.Show(context.Background(), shown), problem.BrokerStopped)
	w.acceptsNothing()
}

func TestDataDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.earlier()
	b.stop()
	check(t, os.RemoveAll(w.path()))
	for range 2 {
		if _, err := broker.New(broker.Config{Dir: w.dir}); err == nil || !strings.Contains(err.Error(), "never starts empty") {
			t.Fatalf("a broker without its data starts with %v", err)
		}
	}
	if err := broker.Install(w.dir, w.Federation()); err == nil {
		t.Fatal("data is made a second time")
	}
	check(t, os.MkdirAll(w.path("nats"), 0o700))
	check(t, os.MkdirAll(w.path("records"), 0o700))
	if _, err := broker.New(broker.Config{Dir: w.dir}); err == nil {
		t.Fatal("a broker starts with empty folders")
	}
}

func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	if _, err := broker.New(broker.Config{Dir: w.dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("a second broker on the folder: %v", err)
	}
	w.desks["se.spoc"].accepted(w.desks["se.spoc"].envelope("fi.spoc"))
}
