//go:build linux

package broker_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/durable"
	"samband/gateway/envelope"
	"samband/gateway/internal/smalldisk"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

const mega = 1 << 20

// onSmallDisk moves the broker's data to a disk of its own.
func onSmallDisk(t *testing.T, options string) (w *world, data string) {
	t.Helper()
	w, data = newWorld(t), smalldisk.Mount(t, options)
	check(t, os.CopyFS(data, os.DirFS(filepath.Join(w.dir, "data"))))
	check(t, os.RemoveAll(filepath.Join(w.dir, "data")))
	check(t, os.Symlink(data, filepath.Join(w.dir, "data"))) // for what reads the log from files
	s, err := broker.ReadSettings(w.dir)
	check(t, err)
	s.Data, s.ReserveBytes = data, 32*mega
	check(t, broker.WriteSettings(w.dir, s))
	return w, data
}

func freeOf(t *testing.T, dir string) int64 {
	t.Helper()
	d, err := durable.DiskOf(dir)
	check(t, err)
	return d.Free
}

// flood withdraws ids that never were, as many a call as a call takes, until the broker
// takes no more.
func flood(t *testing.T, h *keyedDesk) (last error) {
	t.Helper()
	for call := range 2000 {
		notes := make([][]byte, api.MaxItems)
		for n := range notes {
			note, err := h.State(envelope.Statement{Event: envelope.Withdrawn, ID: signed.NewID()}, h.audit, h.world.register.Head(), time.Now())
			check(t, err)
			notes[n] = note
		}
		a, err := h.client.State(context.Background(), h.heads(), notes)
		if err != nil {
			return err
		}
		if err := a.Items[len(notes)-1].Refusal(); err != nil {
			return err
		}
		if call == 1999 {
			t.Fatal("the disk does not fill")
		}
	}
	return nil
}

// until does something until it succeeds; it may fail with one code meanwhile.
func until(t testing.TB, code problem.Code, do func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := do()
		if err == nil {
			return
		}
		if !time.Now().Before(deadline) {
			t.Fatalf("still %v", err)
		}
		wants(t, err, code)
		time.Sleep(100 * time.Millisecond)
	}
}

// One desk floods the log with withdrawals that succeed, until the disk is at its reserve.
// The ends of others still pass, to the floor. What another program fills makes even ends
// wait, and nobody is told that a person must come. With room again all goes on.
func TestFullDisk(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	w, data := onSmallDisk(t, "size=140m")
	b := w.start()
	se, fi, no := w.desks["se.spoc"], w.desks["fi.spoc"], w.desks["no.spoc"]
	var open []*envelope.Envelope
	for range 40 {
		e := se.envelope("fi.spoc")
		se.accepted(e)
		open = append(open, e)
	}
	hog := smalldisk.Fill(t, data, 45*mega) // the attack took minutes for the rest
	refusal := wants(t, flood(t, no), problem.StoreFull)
	if !strings.Contains(refusal.Problem.Detail, "disk") {
		t.Errorf("refused with %q", refusal.Problem.Detail)
	}
	free := freeOf(t, data)
	if free > 32*mega || free < 24*mega {
		t.Errorf("stopped with %d bytes free", free)
	}
	_, err := se.submit(se.envelope("fi.spoc"))
	wants(t, err, problem.StoreFull)
	code, lines := b.get(t, "/readyz")
	if code != http.StatusServiceUnavailable || !strings.Contains(lines, "disk: NOT READY: the disk of "+data) || !strings.Contains(lines, "accepting: NOT READY") {
		t.Errorf("readyz says %d %s", code, lines)
	}
	if _, metrics := b.get(t, "/metrics"); !strings.Contains(metrics, "samband_accepting 0") {
		t.Error("the metrics say that the broker accepts")
	}
	for n, e := range open[:30] {
		switch n % 3 {
		case 0:
			se.stated(se.statement(envelope.Withdrawn, e))
		case 1:
			fi.stated(fi.statement(envelope.HandedOver, e))
		default:
			fi.stated(fi.consignment(e.TextHash()))
		}
	}

	fill := smalldisk.Fill(t, data, 4*mega)
	for deadline := time.Now().Add(20 * time.Second); ; { // the broker looks each second
		if _, lines := b.get(t, "/readyz"); strings.Contains(lines, "even ends wait") {
			break
		} else if time.Now().After(deadline) {
			t.Fatal(lines)
		}
	}
	_, err = fi.state(fi.consignment(open[30].TextHash()))
	if r := wants(t, err, problem.StoreFull); !strings.Contains(r.Problem.Detail, "even ends wait") {
		t.Errorf("refused with %q", r.Problem.Detail)
	}
	if s := b.Started(); s.Stopped != "" || !strings.Contains(s.Waits, data) {
		t.Errorf("it says that it stopped for %q, and waits for %q", s.Stopped, s.Waits)
	}
	se.progress(0, 0) // reading goes on
	fill()
	until(t, problem.StoreFull, func() error { _, err := fi.state(fi.consignment(open[30].TextHash())); return err })
	hog()
	e := se.envelope("fi.spoc")
	until(t, problem.StoreFull, func() error { _, err := se.submit(e); return err })
	if code, lines := b.get(t, "/readyz"); code != http.StatusOK {
		t.Errorf("readyz says %d %s", code, lines)
	}
	b.stop()
	w.checkLogs()
}

// The same by settings alone, which no mount needs: a reserve that the disk does not have.
func TestReserve(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	one, other := se.envelope("fi.spoc"), se.envelope("fi.spoc")
	se.accepted(one)
	se.accepted(other)
	b.stop()
	s, err := broker.ReadSettings(w.dir)
	check(t, err)
	usual := s.ReserveBytes
	set := func(bytes int64) *running {
		s.ReserveBytes = bytes
		check(t, broker.WriteSettings(w.dir, s))
		return w.start()
	}
	free := freeOf(t, w.dir)

	b = set(2 * free)
	_, err = se.submit(se.envelope("fi.spoc"))
	if r := wants(t, err, problem.StoreFull); !strings.Contains(r.Problem.Detail, "disk") {
		t.Errorf("refused with %q", r.Problem.Detail)
	}
	_, err = se.state(se.statement(envelope.Withdrawn, se.envelope("fi.spoc"))) // of what never was
	wants(t, err, problem.StoreFull)
	fi.stated(fi.consignment(one.TextHash()))
	if _, metrics := b.get(t, "/metrics"); !strings.Contains(metrics, "samband_accepting 0") {
		t.Error("the metrics say that the broker accepts")
	}
	b.stop()

	b = set(8 * free)
	_, err = fi.state(fi.consignment(other.TextHash()))
	wants(t, err, problem.StoreFull)
	if s := b.Started(); s.Stopped != "" || !strings.Contains(s.Waits, "even ends wait") {
		t.Errorf("it says that it stopped for %q, and waits for %q", s.Stopped, s.Waits)
	}
	if a := se.progress(0, 0); len(a.Items) == 0 {
		t.Error("nobody can read meanwhile")
	}
	b.stop()

	b = set(usual)
	fi.stated(fi.consignment(other.TextHash()))
	b.stop()
	w.checkLogs()
}

// A disk that has no more files is as full.
func TestDiskWithoutFiles(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	w, data := onSmallDisk(t, "size=200m,nr_inodes=1500")
	b := w.start()
	se := w.desks["se.spoc"]
	se.accepted(se.envelope("fi.spoc"))
	for n := range 1000 {
		check(t, os.WriteFile(filepath.Join(data, fmt.Sprintf("of-another-%d", n)), nil, 0o600))
	}
	_, err := se.submit(se.envelope("fi.spoc"))
	wants(t, err, problem.StoreFull)
	if _, lines := b.get(t, "/readyz"); !strings.Contains(lines, "more files") {
		t.Errorf("readyz says %s", lines)
	}
	others, err := filepath.Glob(filepath.Join(data, "of-another-*"))
	check(t, err)
	for _, o := range others {
		check(t, os.Remove(o))
	}
	e := se.envelope("fi.spoc")
	until(t, problem.StoreFull, func() error { _, err := se.submit(e); return err })
}

// Another program takes all that is left, again and again, while desks send: writes fail in
// the middle. Killed there, and killed while it heals, the broker loses nothing.
func TestKilledOnAFullDisk(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	w, data := onSmallDisk(t, "size=96m")
	w.start().stop()
	se := w.desks["se.spoc"]
	se.sealed = 200 << 10
	var accepted []*envelope.Envelope
	for round := range fullDiskKills {
		p := w.spawn()
		se.connect(p.address)
		var hogs sync.WaitGroup
		var free func()
		hogs.Go(func() { free = smalldisk.Fill(t, data, 0) })
		var late *envelope.Envelope
		for range 200 {
			e := se.envelope("fi.spoc")
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			_, err := submitWithin(ctx, se, e)
			cancel()
			if err != nil {
				late = e
				break
			}
			accepted = append(accepted, e)
		}
		hogs.Wait()
		if round%2 == 0 { // in the full state: and it must come up there
			p.end(syscall.SIGKILL)
			p = w.spawn()
			se.connect(p.address)
			_, err := se.submit(late)
			wants(t, err, problem.StoreFull)
		}
		free()
		if round%3 == 1 { // while it heals
			time.Sleep(time.Duration(round) * 60 * time.Millisecond)
			p.end(syscall.SIGKILL)
			p = w.spawn()
			se.connect(p.address)
		}
		until(t, problem.StoreFull, func() error { _, err := se.submit(late); return err })
		accepted = append(accepted, late)
		fi := w.desks["fi.spoc"]
		fi.connect(p.address)
		for _, e := range accepted {
			se.accepted(e) // the first acceptance, again
			fi.stated(fi.statement(envelope.HandedOver, e))
		}
		t.Logf("round %d: %d messages", round, len(accepted))
		accepted = nil
		p.end(syscall.SIGTERM)
		w.checkLogs()
	}
}

func submitWithin(ctx context.Context, h *keyedDesk, e *envelope.Envelope) (*api.SubmitAnswer, error) {
	a, err := h.client.Submit(ctx, h.heads(), [][]byte{e.Bytes()})
	if err == nil {
		err = a.Items[0].Refusal()
	}
	return a, err
}

// A filling journal makes the disk take no more, before or after a write of its own.
type filling struct {
	sequencer.Journal
	t      *testing.T
	before bool
	armed  bool
}

func (f *filling) Append(ctx context.Context, data []byte, expectLast uint64) (uint64, error) {
	armed := f.armed
	f.armed = false
	if armed && f.before {
		smalldisk.Bound(f.t, 0)
	}
	n, err := f.Journal.Append(ctx, data, expectLast)
	if armed && !f.before {
		smalldisk.Bound(f.t, 0)
	}
	return n, err
}

// JOURNAL, or the records behind it, take no more in the middle of a group, by a bound that
// no measure shows. The writer waits, says so, and heals by itself; what it had refused
// meanwhile has one acceptance.
func TestWriteThatFailsForWantOfRoom(t *testing.T) {
	if !smalldisk.Alone(t) {
		return
	}
	for name, f := range map[string]*filling{"JOURNAL": {before: true}, "records": {}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var said bytes.Buffer
			b := w.start(func(c *broker.Config) { c.Log = slog.New(slog.NewTextHandler(&said, nil)) })
			se := w.desks["se.spoc"]
			f.t = t
			rival, err := b.Rival(func(j sequencer.Journal) sequencer.Journal { f.Journal = j; return f })
			check(t, err)
			ctx, cancel := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() { rival.Run(ctx) })
			do := func(e *envelope.Envelope) (int64, error) {
				done, err := rival.Do(ctx, sequencer.Submission{Envelope: e, Raw: e.Bytes(), DecidedAt: rival.Register().Now().Size()})
				if err != nil {
					return 0, err
				}
				return done.Event.Leaf, nil
			}
			first, second := se.envelope("fi.spoc"), se.envelope("fi.spoc")
			leaf, err := do(first)
			check(t, err)
			f.armed = true
			_, err = do(second)
			if problem.CodeOf(err) != problem.StoreFull {
				t.Fatalf("a write that failed: %v", err)
			}
			if err := rival.Accepting(); rival.Stopped() != nil || err == nil || !strings.Contains(err.Error(), name+" can't be written") {
				t.Errorf("it stopped for %v, and accepts nothing for %v", rival.Stopped(), err)
			}
			smalldisk.Bound(t, math.MaxUint64)
			var secondLeaf int64
			deadline := time.Now().Add(time.Minute)
			for secondLeaf == 0 {
				if secondLeaf, err = do(second); err != nil && problem.CodeOf(err) != problem.StoreFull || time.Now().After(deadline) {
					t.Fatal(err)
				}
			}
			if again, err := do(first); err != nil || again != leaf {
				t.Errorf("the first message has leaf %d and %d: %v", leaf, again, err)
			}
			if err := rival.Accepting(); err != nil {
				t.Error(err)
			}
			cancel()
			running.Wait()
			b.stop()
			if audit, _ := w.checkLogs(); audit.Size != 2 {
				t.Errorf("the log has %d entries", audit.Size)
			}
			if settled := strings.Contains(said.String(), "found=journal-ahead"); settled == f.before {
				t.Errorf("it said\n%s", &said)
			}
			w.start().found(t)
		})
	}
}

// On a disk that is mounted read-only a broker does not start, says why, and starts once it
// may write.
func TestStartOnAReadOnlyDisk(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	w, data := onSmallDisk(t, "size=140m")
	b := w.start()
	se := w.desks["se.spoc"]
	e := se.envelope("fi.spoc")
	se.accepted(e)
	b.stop()
	check(t, syscall.Mount("", data, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	_, err := broker.New(broker.Config{Dir: w.dir})
	if !durable.NoRoom(err) || !strings.Contains(err.Error(), data) {
		t.Errorf("on a read-only disk: %v", err)
	}
	check(t, syscall.Mount("", data, "", syscall.MS_REMOUNT, ""))
	w.start()
	se.accepted(e)
}
