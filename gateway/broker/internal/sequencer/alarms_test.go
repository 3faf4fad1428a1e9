package sequencer

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"samband/gateway/signed"
)

// alarmsIn reads the alarms of a folder, as a start does.
func alarmsIn(t *testing.T, dir string) *alarms {
	t.Helper()
	a := &alarms{cfg: &Config{
		Alarms: filepath.Join(dir, "alarms.json"), Log: slog.New(slog.DiscardHandler),
		Metrics: NewMetrics(prometheus.NewRegistry()), Clock: &setClock{wall: noon},
	}}
	if err := a.read(); err != nil {
		t.Fatal(err)
	}
	return a
}

// Whatever befell one of the two files of the alarms, each alarm stands, and what befell is one
// too. Where both are bent, that is said, and what they had is kept for a person to read.
func TestDamagedAlarms(t *testing.T) {
	dir := t.TempDir()
	a := alarmsIn(t, dir)
	a.raise(Alarm{Kind: alarmHeadAhead, Desk: "se.spoc", Detail: "no text \xff, and <", Audit: 1000})
	older := readBoth(t, dir)
	a.raise(Alarm{Kind: alarmUnproven, Desk: "fi.spoc", Detail: "entry 7", Leaf: 7})
	whole, stood := readBoth(t, dir), alarmsIn(t, dir).list()
	if len(stood) != 2 {
		t.Fatalf("undamaged it has %+v", stood)
	}
	kinds := map[string]func(file string, b []byte) []byte{
		"gone":           func(string, []byte) []byte { return nil },
		"emptied":        func(string, []byte) []byte { return []byte{} },
		"halved":         func(_ string, b []byte) []byte { return b[:len(b)/2] },
		"zeros":          func(_ string, b []byte) []byte { return make([]byte, len(b)) },
		"garbage behind": func(_ string, b []byte) []byte { return append(bytes.Clone(b), "{}"...) },
		"an empty list":  func(string, []byte) []byte { return []byte("[]\n") },
		"rolled back":    func(file string, _ []byte) []byte { return older[file] },
	}
	for n := range 8 {
		kinds[fmt.Sprintf("bit %d", n)] = func(_ string, b []byte) []byte {
			b = bytes.Clone(b)
			b[rand.IntN(len(b))] ^= 1 << rand.IntN(8)
			return b
		}
	}
	const first, second = "alarms.json", "alarms.json.copy"
	lay := func(damage func(string, []byte) []byte, files ...string) string {
		dir := t.TempDir()
		for _, file := range []string{first, second} {
			b := whole[file]
			if slices.Contains(files, file) {
				b = damage(file, b)
			}
			if b != nil {
				must(t, os.WriteFile(filepath.Join(dir, file), b, 0o600))
			}
		}
		return dir
	}
	for kind, damage := range kinds {
		for _, file := range []string{first, second} {
			dir := lay(damage, file)
			list := alarmsIn(t, dir).list()
			said := slices.DeleteFunc(slices.Clone(list), func(x Alarm) bool { return x.Kind != alarmAlarmsDamaged })
			list = slices.DeleteFunc(list, func(x Alarm) bool { return x.Kind == alarmAlarmsDamaged })
			if !slices.Equal(list, stood) {
				t.Errorf("%s, %s: it has %+v", file, kind, list)
			}
			// A copy that is older is what a kill between the two leaves.
			quiet := kind == "rolled back" && file == second
			if (len(said) == 0) != quiet || !quiet && !strings.HasPrefix(said[0].Detail, filepath.Join(dir, file)+":") {
				t.Errorf("%s, %s: it says %+v", file, kind, said)
			}
			if both := readBoth(t, dir); !bytes.Equal(both[first], both[second]) {
				t.Errorf("%s, %s: the files differ afterwards", file, kind)
			}
		}
		if kind == "gone" || kind == "rolled back" {
			continue // as before the first alarm, or the second
		}
		dir := lay(damage, first, second)
		if list := alarmsIn(t, dir).list(); len(list) != 1 || list[0].Kind != alarmAlarmsDamaged || !strings.Contains(list[0].Detail, "which alarms stood is lost") {
			t.Errorf("both, %s: it has %+v", kind, list)
		}
		if b, err := os.ReadFile(filepath.Join(dir, first+".damaged")); err != nil || !bytes.Equal(b, damage(first, whole[first])) && !strings.HasPrefix(kind, "bit") {
			t.Errorf("both, %s: what they had is gone: %v", kind, err)
		}
	}

	// An error of the system is none of the file's, and may pass.
	dir = t.TempDir()
	must(t, os.Symlink(first, filepath.Join(dir, first)))
	must(t, os.Symlink(second, filepath.Join(dir, second)))
	if err := (&alarms{cfg: &Config{Alarms: filepath.Join(dir, first)}}).read(); err == nil {
		t.Error("files that can't be read are taken for lost")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func readBoth(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	both := map[string][]byte{}
	for _, file := range []string{"alarms.json", "alarms.json.copy"} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		must(t, err)
		both[file] = b
	}
	return both
}

// An alarm that the disk did not take is written once it does.
func TestAlarmsAreWrittenAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	must(t, os.Mkdir(dir, 0o700))
	a := alarmsIn(t, dir)
	must(t, os.RemoveAll(dir))
	a.raise(Alarm{Kind: alarmTiles, Detail: "no room"})
	a.writeAgain()
	must(t, os.Mkdir(dir, 0o700))
	a.writeAgain()
	if list := alarmsIn(t, dir).list(); len(list) != 1 || list[0].Kind != alarmTiles {
		t.Errorf("it has %+v", list)
	}
}

// What is taken is what would be written.
func FuzzAlarms(f *testing.F) {
	for _, list := range [][]Alarm{nil, {{Kind: alarmHeadAhead, Desk: "se.spoc", Since: signed.At(time.Unix(1_800_000_000, 0)), Detail: "a"}}} {
		b, err := keep(7, list)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		k, err := parseKept(b)
		if err != nil {
			return
		}
		if again, err := parseKept(b); err != nil || again.Sum != k.Sum {
			t.Errorf("%q: %v", b, err)
		}
		if text, err := k.text(); err != nil || !bytes.Equal(text, b) {
			t.Errorf("%q is taken as %q", b, text)
		}
	})
}
