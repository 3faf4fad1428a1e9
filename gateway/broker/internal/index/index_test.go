package index

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// must takes a value or ends the test: must(f())(t).
func must[T any](v T, err error) func(fataler) T {
	return func(t fataler) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// answers are all that an index has to say about a history.
type answers struct {
	Position journal.Position
	Known    []*journal.Message
	Events   []*journal.Event
	Inbox    [][]*Turn
	Progress [][]Change
	Lacking  [][]*journal.Message
	Expire   []signed.Hash
	Lapse    []signed.Hash
	Rejected []*journal.Event
	Queues   []Queue
	Free     []uint64
}

func ask(t fataler, x *Index, h *history) answers {
	t.Helper()
	a := answers{Position: x.Position()}
	for _, m := range slices.Concat(h.sent, h.early) {
		known, err := x.Known(m.from, m.id)
		if err != nil || known == nil {
			t.Fatalf("id %s of %s is not known: %v", m.id, m.from, err)
		}
		a.Known = append(a.Known, known)
		if m.hash == (signed.Hash{}) {
			continue
		}
		again, err := x.Message(m.to, m.hash)
		if err != nil || !reflect.DeepEqual(again, known) {
			t.Fatalf("message %s by hash differs from itself by id: %v", m.hash, err)
		}
	}
	for leaf := range h.size {
		e, err := x.event(leaf)
		if err != nil || (e != nil) == h.accepts(leaf) {
			t.Fatalf("leaf %d is an event: %+v, %v", leaf, e, err)
		}
		a.Events = append(a.Events, e)
	}
	for _, d := range desks {
		for _, from := range []int64{0, h.size / 2} {
			a.Progress = append(a.Progress, must(x.Progress(d, from, 1000))(t))
		}
		a.Inbox = append(a.Inbox, page(t, must(x.Inbox(d, nil, "", ""))(t), 1000))
		a.Lacking = append(a.Lacking, must(x.LackingFrom(d, 1000))(t))
		for _, text := range h.texts {
			if e, err := x.Rejected(d, text, signed.Hash{}, h.now); err != nil {
				t.Fatal(err)
			} else if e != nil {
				a.Rejected = append(a.Rejected, e)
			}
		}
	}
	a.Expire = must(x.Expirable(h.now, 1000))(t)
	a.Lapse = must(x.Lapsable(h.now, 1000))(t)
	a.Queues = must(x.Queues())(t)
	a.Free = must(x.Removable(1000))(t)
	return a
}

// rebuild applies a whole history at once, as after a loss of the index.
func rebuild(t fataler, path string, h *history) *Index {
	t.Helper()
	x := must(Create(path))(t)
	groups := slices.Clone(h.groups)
	for i, g := range groups {
		copied := *g
		copied.Bare = slices.Contains(h.gone, g.Number)
		groups[i] = &copied
	}
	if err := x.Apply(groups); err != nil {
		t.Fatal(err)
	}
	return x
}

func TestRebuildAnswersAsBefore(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		h := makeHistory(rapid.SliceOfN(rapid.Byte(), 40, 250).Draw(t, "choices"))
		x := must(Create(filepath.Join(dir, "grown.db")))(t)
		defer x.Close()
		for rest := h.groups; len(rest) > 0; {
			n := min(len(rest), rapid.IntRange(1, 3).Draw(t, "batch"))
			if err := x.Apply(rest[:n]); err != nil {
				t.Fatal(err)
			}
			for _, g := range rest[:n] {
				if err := x.Gone(h.lost[g.Number]...); err != nil {
					t.Fatal(err)
				}
			}
			rest = rest[n:]
		}
		y := rebuild(t, filepath.Join(dir, "rebuilt.db"), h)
		defer y.Close()

		grown, rebuilt := ask(t, x, h), ask(t, y, h)
		if !reflect.DeepEqual(grown, rebuilt) {
			t.Fatalf("grown and rebuilt index differ:\n%+v\n%+v", grown, rebuilt)
		}
		h.checkAnswers(t, grown)
	})
}

// checkAnswers compares the index with the history as a list tells it.
func (h *history) checkAnswers(t fataler, a answers) {
	t.Helper()
	if free := h.removable(); !slices.Equal(a.Free, free) {
		t.Fatalf("removable: %v, expected %v", a.Free, free)
	}
	for i, m := range h.sent {
		k := a.Known[i]
		switch {
		case k.Text != m.hash || k.To != m.to || k.Expires != m.expires || k.Accepted == nil:
			t.Fatalf("message %d: %+v, expected %+v", i, k, m)
		case (k.Consigned != nil) != m.consigned || (k.End != nil) != m.ended:
			t.Fatalf("state of message %d: %+v, expected %+v", i, k, m)
		case (k.Accepted.Blob == nil) != m.gone:
			t.Fatalf("bytes of message %d: %+v, expected gone %t", i, k.Accepted.Blob, m.gone)
		case slices.Contains(a.Expire, m.hash) != (!m.consigned && !m.ended && !h.now.Before(m.expires)):
			t.Fatalf("expiry of message %d: %+v at %s", i, m, h.now)
		case slices.Contains(a.Lapse, m.hash) != (m.consigned && !m.ended && !h.now.Before(envelope.LapsesAt(m.expires))):
			t.Fatalf("lapse of message %d: %+v at %s", i, m, h.now)
		}
		for d, desk := range desks {
			listed := slices.ContainsFunc(a.Inbox[d], func(turn *Turn) bool { return turn.Message.Text == m.hash })
			if listed != (m.to == desk && !m.ended && !m.gone && !m.consigned) {
				t.Fatalf("message %d in the inbox of %s: %t, %+v", i, desk, listed, m)
			}
			for half, from := range []int64{0, h.size / 2} {
				n := 0
				for _, c := range a.Progress[2*d+half] {
					if c.Message == m.hash && c.Leaf >= from {
						n++
					}
				}
				if want := len(slices.DeleteFunc(slices.Clone(h.events(m, desk)), func(leaf int64) bool { return leaf < from })); n != want {
					t.Fatalf("%d events of message %d in the progress of %s from %d, not %d: %+v", n, i, desk, from, want, m)
				}
			}
		}
	}
}

func TestConsignedBytesStayWhenWanted(t *testing.T) {
	// accept; group; consign; group. Choices are read by history.step.
	h := makeHistory([]byte{0, 0, 0, 0, 9, 0, 11, 1, 0, 3, 0, 0, 11, 1})
	x := rebuild(t, filepath.Join(t.TempDir(), "index.db"), h)
	defer x.Close()
	m := h.sent[0]
	if !m.consigned {
		t.Fatal("the history does not consign its message")
	}
	if ok := must(x.Want(m.from, m.hash, start))(t); ok {
		t.Error("the sender may want bytes that are addressed to another")
	}
	if free := must(x.Removable(10))(t); !slices.Contains(free, 1) {
		t.Fatalf("a consigned envelope keeps its group: only %v are free", free)
	}
	if ok := must(x.Want(m.to, m.hash, start))(t); !ok {
		t.Fatal("the recipient may not want its own message")
	}
	if free := must(x.Removable(10))(t); slices.Contains(free, 1) {
		t.Error("a wanted envelope does not keep its group")
	}
	if err := x.Gone(1); err != nil {
		t.Fatal(err)
	}
	if lacking := must(x.LackingFrom(m.from, 10))(t); len(lacking) != 1 || lacking[0].Text != m.hash {
		t.Errorf("the sender is asked for %v, not for the wanted message", lacking)
	}
}

func TestApplyRefusesWhatDoesNotFollow(t *testing.T) {
	accept := func(index int64) auditlog.Entry {
		return auditlog.Entry{Record: auditlog.Record{
			Kind: envelope.Accepted, Index: index, Time: start, Message: signed.HashOf("m"), From: "se.spoc", To: "fi.spoc",
		}}
	}
	consign := auditlog.Entry{Record: auditlog.Record{Kind: envelope.Consigned, Time: start, Message: signed.HashOf("unknown")}}
	size := func(n int64) journal.Sizes { return journal.Sizes{Audit: journal.Size{Entries: n}} }
	for name, g := range map[string]*journal.Group{
		"index skipped":      {Entries: []auditlog.Entry{accept(1)}, After: size(1)},
		"size wrong":         {Entries: []auditlog.Entry{accept(0)}, After: size(2)},
		"accepted twice":     {Entries: []auditlog.Entry{accept(0), accept(1)}, After: size(2)},
		"unknown message":    {Entries: []auditlog.Entry{consign}, After: size(1)},
		"unknown, come back": {Blobs: []journal.Blob{{Of: signed.HashOf("unknown")}}},
	} {
		t.Run(name, func(t *testing.T) {
			x := must(Open(filepath.Join(t.TempDir(), "index.db")))(t)
			defer x.Close()
			if err := x.Apply([]*journal.Group{g}); err == nil {
				t.Fatal("it was taken in")
			}
			if m, err := x.Message("fi.spoc", signed.HashOf("m")); m != nil || err != nil || x.Position() != (journal.Position{}) {
				t.Errorf("it left something behind: %v", err)
			}
		})
	}
}

func TestARejectionBindsItsCallerAlone(t *testing.T) {
	x := must(Open(filepath.Join(t.TempDir(), "index.db")))(t)
	defer x.Close()
	text := signed.HashOf("a header that another desk signed")
	r := auditlog.Record{Kind: envelope.Rejected, Time: start, Caller: "no.liaison-ankara", TextHash: text, Until: start.Add(time.Hour)}
	err := x.Apply([]*journal.Group{{
		Number: 1, Entries: []auditlog.Entry{{Record: r}}, After: journal.Sizes{Audit: journal.Size{Entries: 1}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	bytes, other := signed.HashOf("what came"), signed.HashOf("another name")
	for _, c := range []struct {
		caller      signed.Address
		text, bytes signed.Hash
		now         signed.Time
		binds       bool
	}{
		{"no.liaison-ankara", text, bytes, start, true},
		{"no.liaison-ankara", other, text, start, true},
		{"no.liaison-ankara", other, bytes, start, false},
		{"no.liaison-ankara", text, bytes, start.Add(time.Hour), false},
		{"se.spoc", text, bytes, start, false},
	} {
		if e, err := x.Rejected(c.caller, c.text, c.bytes, c.now); (e != nil) != c.binds || err != nil {
			t.Errorf("for %s at %s: %t, %v", c.caller, c.now, e != nil, err)
		}
	}
}

func TestUnsoundFilesAreNamedAndReset(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"other bytes": func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("this is not a database, though it has a few bytes"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"other version": func(t *testing.T, path string) {
			db := must(sql.Open("sqlite", dsn(path)))(t)
			defer db.Close()
			if _, err := db.Exec("PRAGMA user_version = 77"); err != nil {
				t.Fatal(err)
			}
		},
		"torn page": func(t *testing.T, path string) {
			b := must(os.ReadFile(path))(t)
			for i := len(b) / 2; i < len(b)/2+8192; i++ {
				b[i] ^= 0x55
			}
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "index.db")
			h := makeHistory(randomChoices(1, 3000))
			if err := rebuild(t, path, h).Close(); err != nil {
				t.Fatal(err)
			}
			spoil(t, path)
			if _, err := Open(path); !errors.Is(err, ErrUnsound) {
				t.Fatalf("open: %v, expected ErrUnsound", err)
			}
			x := must(Create(path))(t)
			defer x.Close()
			if x.Position() != (journal.Position{}) {
				t.Error("a reset index is not empty")
			}
		})
	}
}

func TestPositionSurvivesClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	h := makeHistory(randomChoices(2, 2000))
	x := rebuild(t, path, h)
	before := ask(t, x, h)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = must(Open(path))(t)
	defer x.Close()
	if after := ask(t, x, h); !reflect.DeepEqual(before, after) {
		t.Error("an index answers otherwise after it was closed and opened")
	}
}

func BenchmarkApply(b *testing.B) {
	h := makeHistory(randomChoices(3, 60000))
	for b.Loop() {
		x := must(Create(filepath.Join(b.TempDir(), "index.db")))(b)
		for rest := h.groups; len(rest) > 0; {
			n := min(len(rest), 1000)
			if err := x.Apply(rest[:n]); err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
		x.Close()
	}
	b.ReportMetric(float64(h.size)*float64(b.N)/b.Elapsed().Seconds(), "leaves/s")
}
