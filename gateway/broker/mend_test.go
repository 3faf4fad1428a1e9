package broker_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// sends submits many messages at once.
func (h *keyedDesk) sends(to *keyedDesk, n int) (all []*envelope.Envelope) {
	h.world.Helper()
	var wg sync.WaitGroup
	next := make(chan *envelope.Envelope)
	for range 16 {
		wg.Go(func() {
			for e := range next {
				_, err := h.submit(e)
				if err != nil {
					h.world.Error(err)
				}
			}
		})
	}
	for range n {
		all = append(all, h.envelope(to.Address))
		next <- all[len(all)-1]
	}
	close(next)
	wg.Wait()
	return all
}

func flip(t testing.TB, path string, at int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	check(t, err)
	b[at] ^= 1
	check(t, os.WriteFile(path, b, 0o600))
}

func (r *running) alarm(kind string) *broker.Alarm {
	alarms := r.Started().Alarms
	if i := slices.IndexFunc(alarms, func(a broker.Alarm) bool { return a.Kind == kind }); i >= 0 {
		return &alarms[i]
	}
	return nil
}

// soon waits until something is so that the broker does by its clock.
func soon(t testing.TB, what string, so func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !so() {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after 20 seconds", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A bit flipped in a whole tile keeps no mail from a desk (F7): the tile is made anew from the
// records when a proof needs it, and an alarm names the file. So it is when nobody asks, by
// the scrub; for an auditor would take it for fraud.
func TestDamagedTiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	se.sealed = 64
	se.sends(fi, 260)
	b.stop()
	w.checkLogs()
	tile := w.path("log", "audit", "tile", "0", "000")
	before, err := os.ReadFile(tile)
	check(t, err)

	flip(t, tile, 100)
	b = w.start()
	if a := fi.inbox(0); len(a.Items) != 100 {
		t.Fatalf("the inbox has %d messages", len(a.Items))
	} else {
		for _, i := range a.Items {
			w.prove(i.Acceptance)
		}
	}
	if a := b.alarm("tile-damaged"); a == nil || !strings.Contains(a.Detail, "tile/0/000") {
		t.Errorf("the alarm is %+v", a)
	}
	if got, err := os.ReadFile(tile); err != nil || !bytes.Equal(got, before) {
		t.Errorf("the tile is not as it was: %v", err)
	}
	for _, name := range []string{"tile/0/000", "tile/entries/000", "checkpoint", "vkey"} {
		path := w.path("log", "audit", filepath.FromSlash(name))
		check(t, os.Truncate(path, 7))
		soon(t, name+" is made anew", func() bool {
			info, err := os.Stat(path)
			return err == nil && info.Size() > 7
		})
	}
	b.stop()
	w.checkLogs()
}

// frame finds a group's frame in the records.
func (w *world) frame(group uint64) (path string, at int64, length int64) {
	w.Helper()
	all, err := filepath.Glob(w.path("records", "*.records"))
	check(w, err)
	for _, path := range all {
		b, err := os.ReadFile(path)
		check(w, err)
		for at := 0; at < len(b); {
			length := int(binary.BigEndian.Uint32(b[at+4:]))
			if binary.BigEndian.Uint64(b[at+8:]) == group {
				return path, int64(at), int64(24 + length)
			}
			at += 24 + length
		}
	}
	w.Fatalf("no group %d in the records", group)
	return "", 0, 0
}

// backUp copies parts of the data folder, and returns where.
func (w *world) backUp(parts ...string) string {
	w.Helper()
	dir := w.TempDir()
	for _, p := range parts {
		check(w, os.CopyFS(filepath.Join(dir, "data", p), os.DirFS(w.path(p))))
	}
	return dir
}

// An entry whose record is damaged can't be shown while the broker runs: all else is, and an
// alarm says to whom it was not. The next start stops and names the file (F9), mend joins what is whole
// of it and of a backup, and the desk is told what it was not, though its cursor has passed it.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	var ends []uint64
	var all []*envelope.Envelope
	for range 3 {
		e := se.envelope("fi.spoc")
		se.accepted(e)
		fi.stated(fi.statement(envelope.HandedOver, e))
		ends, all = append(ends, b.LastGroup()), append(all, e)
	}
	w.untilRemoved(b)
	b.stop()
	backup := w.backUp("records")
	b = w.start() // nothing is in memory
	path, at, _ := w.frame(ends[1])
	flip(t, path, at+24+300)
	flip(t, path, at+24+310) // one bit alone would be put right

	told := func(a *api.ProgressAnswer) (ids []string) {
		for _, i := range a.Items {
			w.prove(i.Proof)
			ids = append(ids, i.ID.String())
		}
		return ids
	}
	a := se.progress(0, 0)
	if got, want := told(a), []string{all[0].ID.String(), all[2].ID.String()}; !slices.Equal(got, want) {
		t.Fatalf("the sender is told of %v, want %v", got, want)
	}
	if x := b.alarm("unproven"); x == nil || x.Desk != "se.spoc" || !strings.Contains(x.Detail, filepath.Base(path)) {
		t.Errorf("the alarm is %+v", x)
	}
	se.accepted(se.envelope("fi.spoc")) // it goes on
	b.stop()

	b = w.start()
	b.stoppedFor(t, "records-damaged")
	if st := b.Started(); !strings.Contains(st.Stopped, filepath.Base(path)) {
		t.Errorf("it stopped for %q, which names no file", st.Stopped)
	}
	w.acceptsNothing()
	if _, err := broker.Mend(context.Background(), w.dir, backup); err == nil {
		t.Error("records were mended under a broker that runs")
	}
	b.stop()
	m, err := broker.Mend(context.Background(), w.dir, backup)
	check(t, err)
	if m.Backup != 1 || m.Journal != 0 || len(m.Changed) != 1 {
		t.Errorf("mended: %+v", m)
	}

	b = w.start()
	b.found(t)
	again := se.progress(a.Next, 0)
	if got := told(again); !slices.Contains(got, all[1].ID.String()) {
		t.Errorf("the sender is told of %v, not of what it was not told", got)
	}
	if got := told(se.progress(a.Next, time.Second)); len(got) > 0 {
		t.Errorf("it is told again: %v", got)
	}
	operator, err := broker.NewClient(w.dir)
	check(t, err)
	check(t, operator.Settle(t.Context(), "unproven", "se.spoc"))
	if got := told(se.progress(a.Next, 0)); len(got) > 0 {
		t.Errorf("once settled it is told again: %v", got)
	}
	b.stop()
	w.checkLogs()
}

// A message waits, and both that JOURNAL and the records have of it are damaged: it alone is not
// shown to its recipient, who gets those behind it; an alarm says so. Once the records are mended,
// and its sender was asked for it again, it comes.
func TestDamagedRecordOfAMessageThatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	w.untilRemoved(b)            // the index is at rest
	damaged := b.LastGroup() + 2 // behind the rival's opening
	rival, err := b.Rival(func(j sequencer.Journal) sequencer.Journal { return &damagingJournal{Journal: j} })
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { rival.Run(ctx) })
	e := se.envelope("fi.spoc")
	_, err = rival.Do(ctx, sequencer.Submission{Envelope: e, Raw: e.Bytes(), DecidedAt: w.register.Size()})
	check(t, err)
	_, err = rival.Do(ctx, sequencer.Tally{Caller: "se.spoc", Count: 1}) // the last group must be whole
	check(t, err)
	cancel()
	running.Wait()
	b.stop()
	backup := w.backUp("records")

	b = w.start()
	one, other := se.envelope("fi.spoc"), se.envelope("fi.spoc")
	se.accepted(one)
	se.accepted(other)
	path, at, length := w.frame(damaged)
	flip(t, path, at+24+length/2)
	flip(t, path, at+24+length/2+10) // one bit alone would be put right
	got := texts(t, fi.inbox(0))
	if want := []signed.Hash{one.TextHash(), other.TextHash()}; !slices.Equal(got, want) {
		t.Fatalf("the recipient gets %v, want %v", got, want)
	}
	if x := b.alarm("unproven"); x == nil || x.Desk != "fi.spoc" || !strings.Contains(x.Detail, filepath.Base(path)) {
		t.Errorf("the alarm is %+v", x)
	}
	if b.alarm("journal-bent") == nil {
		t.Error("of JOURNAL it says nothing")
	}
	fi.stated(fi.statement(envelope.HandedOver, one)) // it goes on
	b.stop()
	_, err = broker.Mend(context.Background(), w.dir, backup)
	check(t, err)

	b = w.start()
	fi.inbox(0) // finds that JOURNAL's is bent
	if again := se.progress(0, 0).Again; len(again) != 1 || again[0].Message != e.TextHash() {
		t.Errorf("asked to send again: %+v", again)
	}
	se.accepted(e)
	soon(t, "the message that came again", func() bool { return slices.Contains(texts(t, fi.inbox(time.Second)), e.TextHash()) })
	fi.stated(fi.statement(envelope.HandedOver, e))
	b.stop()
	w.checkLogs()
}

// Whatever befell the records of a stopped broker, its start says so and destroys nothing, and mend
// makes them whole of a copy, and of JOURNAL; then all is as it was. Where a copy is too old it
// says which groups are nowhere, and changes nothing.
func TestMend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.earlier()
	b.stop()
	night := w.backUp("records")
	b = w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	p := w.earlier()
	open := se.envelope("fi.spoc")
	se.accepted(open)
	inJournal := b.LastGroup()
	ended := se.envelope("fi.spoc")
	se.accepted(ended)
	fi.stated(fi.statement(envelope.HandedOver, ended))
	w.untilRemoved(b)
	before := w.answers(p)
	b.stop()
	const name = "00000000000000000001.records"
	path := w.path("records", name)
	edit := func(do func(b []byte) []byte) func() {
		return func() {
			b, err := os.ReadFile(path)
			check(t, err)
			check(t, os.WriteFile(path, do(b), 0o600))
		}
	}
	for _, c := range []struct {
		kind   string
		damage func()
		stop   string
		old    bool // last night's copy does
	}{
		{"a bit in the first frame", edit(func(b []byte) []byte { b[100] ^= 1; return b }), "records-damaged", true},
		{"a bit in the first header", edit(func(b []byte) []byte { b[10] ^= 1; return b }), "records-damaged", true},
		{"a block of zeros", edit(func(b []byte) []byte { clear(b[512:1024]); return b }), "records-damaged", true},
		{"a bit in a group that lies in JOURNAL", func() { path, at, _ := w.frame(inJournal); flip(t, path, at+90) }, "records-damaged", true},
		{"a frame of another's", func() {
			path, at, length := w.frame(3)
			b, err := os.ReadFile(path)
			check(t, err)
			payload := b[at+24 : at+length]
			payload[60] ^= 1
			sum := crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli))
			binary.BigEndian.PutUint32(b[at+20:], sum)
			check(t, os.WriteFile(path, b, 0o600))
		}, "group-bent", true},
		{"a bit in the last frame", edit(func(b []byte) []byte { b[len(b)-50] ^= 1; return b }), "", false},
		{"deleted", func() { check(t, os.Remove(path)) }, "journal-hole", false},
		{"empty", func() { check(t, os.Truncate(path, 0)) }, "journal-hole", false},
		{"cut in half", edit(func(b []byte) []byte { return b[:len(b)/2] }), "journal-hole", false},
		{"last night's", func() {
			check(t, os.RemoveAll(w.path("records")))
			check(t, os.CopyFS(w.path("records"), os.DirFS(filepath.Join(night, "data", "records"))))
		}, "journal-hole", false},
	} {
		newest := w.backUp("records")
		check(t, os.RemoveAll(w.path("records-damaged")))
		c.damage()
		b = w.start()
		if c.stop == "" {
			b.found(t)
			w.same(before, w.answers(p))
			b.stop()
			continue
		}
		b.stoppedFor(t, c.stop)
		b.stop()
		damaged := files(t, w.path("records"))
		m, err := broker.Mend(context.Background(), w.dir, night)
		if !c.old {
			if err == nil || !strings.Contains(err.Error(), "nothing was changed") {
				t.Fatalf("%s: of a copy that is too old it made %+v, %v", c.kind, m, err)
			}
			if after := files(t, w.path("records")); !maps.Equal(after, damaged) {
				t.Errorf("%s: it changed %d files", c.kind, len(after))
			}
			m, err = broker.Mend(context.Background(), w.dir, newest)
		}
		if err != nil {
			t.Fatalf("%s: %v", c.kind, err)
		}
		if len(m.Changed) == 0 || m.Backup+m.Journal+m.Bits == 0 {
			t.Errorf("%s: it made %+v", c.kind, m)
		}
		b = w.start()
		b.found(t)
		w.same(before, w.answers(p))
		b.stop()
		w.checkLogs()
	}
}

// A JOURNAL that is lost alone is made anew by an express command, which says whose envelopes
// come again; their senders are asked, and nothing that was acknowledged is lost.
func TestMendJournal(t *testing.T) {
	t.Parallel()
	for kind, damage := range map[string]func(w *world){
		"deleted":            func(w *world) { check(w, os.RemoveAll(w.path("nats"))) },
		"its groups deleted": func(w *world) { check(w, os.RemoveAll(w.path("nats", "jetstream"))) },
		"a block can't be read": func(w *world) {
			check(w, os.Mkdir(w.path("nats", "jetstream", "$G", "streams", "JOURNAL", "msgs", "99.blk"), 0o700))
		},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := w.start()
			p := w.earlier()
			se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
			before := w.answers(p)
			b.stop()
			if _, err := broker.MendJournal(context.Background(), w.dir); err == nil {
				t.Fatal("a JOURNAL that is whole was made anew")
			}
			damage(w)
			if refused, err := broker.New(broker.Config{Dir: w.dir}); err == nil {
				refused.Close()
				t.Fatal("it started without JOURNAL")
			}
			j, err := broker.MendJournal(context.Background(), w.dir)
			check(t, err)
			want := []broker.AgainFrom{{From: "se.spoc", To: "fi.spoc", ID: p.open.ID}}
			if !slices.Equal(j.Again, want) {
				t.Errorf("to come again: %v, want %v", j.Again, want)
			}
			b = w.start()
			if st := b.Started(); st.Stopped != "" || !st.Accepting {
				t.Fatalf("it is %+v", st)
			}
			if again := se.progress(0, 0).Again; len(again) != 1 || again[0].Message != p.open.TextHash() {
				t.Errorf("asked to send again: %+v", again)
			}
			se.accepted(p.open)
			soon(t, "the message that came again is there", func() bool {
				return slices.ContainsFunc(fi.inbox(0).Items, func(i api.InboxItem) bool { return bytes.Equal(i.Envelope, p.open.Bytes()) })
			})
			if after := w.answers(p); len(after) < len(before) {
				t.Error("the broker says less than before")
			}
			b.stop()
			b = w.start() // and once more
			b.found(t)
			b.stop()
			w.checkLogs()
		})
	}
}
