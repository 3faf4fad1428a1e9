//go:build linux

package broker_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"samband/gateway/broker"
	"samband/gateway/durable"
	"samband/gateway/envelope"
	"samband/gateway/internal/smalldisk"
	"samband/gateway/problem"
	"samband/schema"
)

// onDisksOfTheirOwn mounts a disk over each part of the broker's folder, with what it has.
func (w *world) onDisksOfTheirOwn(parts []string) {
	w.Helper()
	moved := w.TempDir()
	check(w, os.CopyFS(moved, os.DirFS(w.dir)))
	outer := slices.Clone(parts)
	slices.Sort(outer) // a folder before those in it
	for _, part := range outer {
		check(w, os.MkdirAll(filepath.Join(moved, part), 0o700)) // a broker without bundles has no folder of theirs
		check(w, os.MkdirAll(filepath.Join(w.dir, part), 0o700))
		smalldisk.MountOn(w, filepath.Join(w.dir, part), "size=100m")
		check(w, filepath.WalkDir(filepath.Join(moved, part), func(path string, e fs.DirEntry, err error) error {
			name, _ := filepath.Rel(moved, path)
			if err == nil && e.IsDir() {
				return os.MkdirAll(filepath.Join(w.dir, name), 0o700)
			}
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			check(w, err)
			return os.WriteFile(filepath.Join(w.dir, name), b, 0o600)
		}))
	}
}

// Each part of the broker's folder lies on a disk of its own, and each is filled and freed, one
// after the other, under one broker. Filled to the reserve, messages are refused and ends pass;
// filled to the last byte, what is written there waits. It is said of which disk, and nobody is told that
// a person must come. Freed, all goes on by itself, with nothing lost.
func TestFullDiskOfEachPart(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	w := newWorld(t)
	w.start().stop()
	parts := []string{"data/records", "data/nats", "data", "data/log/audit", "data/log/register", "data/catalogue", "keys"}[:fullDiskParts]
	w.onDisksOfTheirOwn(parts)
	b := w.start()
	for _, part := range parts {
		t.Log(part)
		switch dir := filepath.Join(w.dir, part); part {
		case "data/catalogue", "keys":
			w.fillsUnheeded(b, dir)
		default:
			w.fills(b, dir)
		}
		if st := b.Started(); st.Stopped != "" || st.Waits != "" {
			t.Errorf("%s: freed, it says that it stopped for %q, and waits for %q", part, st.Stopped, st.Waits)
		}
	}
	b.stop()
	w.checkLogs()
	w.start().found(t)
}

// fills fills and frees a disk that the broker measures.
func (w *world) fills(b *running, dir string) {
	w.Helper()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	var open []*envelope.Envelope
	for range 5 {
		e := se.envelope("fi.spoc")
		se.accepted(e)
		open = append(open, e)
	}

	free := smalldisk.Fill(w, dir, 16*mega)
	refused := se.envelope("fi.spoc")
	_, err := se.submit(refused)
	if r := wants(w, err, problem.StoreFull); !strings.Contains(r.Problem.Detail, "disk") {
		w.Errorf("%s: refused with %q", dir, r.Problem.Detail)
	}
	b.says(w, http.StatusServiceUnavailable, "disk: NOT READY: the disk of "+dir+" has")
	if _, lines := b.get(w, "/readyz"); !strings.Contains(lines, "accepting: NOT READY") || !strings.Contains(lines, "are for ends") {
		w.Errorf("%s: readyz says %s", dir, lines)
	}
	se.stated(se.statement(envelope.Withdrawn, open[0]))
	fi.stated(fi.consignment(open[1].TextHash()))
	fi.stated(fi.statement(envelope.HandedOver, open[2]))

	filled := smalldisk.Fill(w, dir, 0)
	b.says(w, http.StatusServiceUnavailable, "the disk of "+dir+" has")
	b.says(w, http.StatusServiceUnavailable, "even ends wait")
	_, err = fi.state(fi.consignment(open[3].TextHash()))
	if r := wants(w, err, problem.StoreFull); !strings.Contains(r.Problem.Detail, "even ends wait") {
		w.Errorf("%s: refused with %q", dir, r.Problem.Detail)
	}
	if s := b.Started(); s.Stopped != "" || !strings.Contains(s.Waits, dir) {
		w.Errorf("%s: it says that it stopped for %q, and waits for %q", dir, s.Stopped, s.Waits)
	}
	se.progress(0, 0) // reading goes on

	filled()
	until(w, problem.StoreFull, func() error { _, err := fi.state(fi.consignment(open[3].TextHash())); return err })
	free()
	until(w, problem.StoreFull, func() error { _, err := se.submit(refused); return err })
	b.says(w, http.StatusOK, "")
	fi.stated(fi.statement(envelope.HandedOver, open[4]))
	fi.stated(fi.statement(envelope.HandedOver, refused))
}

// fillsUnheeded fills and frees a disk on which a running broker writes nothing: messages pass
// meanwhile. An operator's bundle is refused, as that, and passes afterwards.
func (w *world) fillsUnheeded(b *running, dir string) {
	w.Helper()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	bundle, err := schema.NewBundle(fstest.MapFS{"codes/colour-1.json": {Data: []byte(`"` + dir + `"`)}})
	check(w, err)
	free := smalldisk.Fill(w, dir, 0)
	e := se.envelope("fi.spoc")
	se.accepted(e)
	fi.stated(fi.statement(envelope.HandedOver, e))
	if code, lines := b.get(w, "/readyz"); code != http.StatusOK {
		w.Errorf("%s: readyz says %d %s", dir, code, lines)
	}
	if err := broker.AddBundle(w.dir, bundle); strings.HasSuffix(dir, "catalogue") != durable.NoRoom(err) {
		w.Errorf("%s: a bundle: %v", dir, err)
	}
	free()
	check(w, broker.AddBundle(w.dir, bundle))
}
