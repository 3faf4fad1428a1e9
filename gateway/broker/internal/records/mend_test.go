package records

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"samband/gateway/durable"
)

func isOurs(group uint64, b []byte) error {
	if !bytes.Equal(b, payload(group)) {
		return errors.New("not ours")
	}
	return nil
}

// mend joins folders into the first, and returns what is missing.
func mend(t *testing.T, dir string, others ...string) []Gap {
	t.Helper()
	kept := dir + "-kept"
	m, err := BeginMend(dir, kept)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := os.Stat(kept); err == nil {
		others = append(others, kept)
	}
	for _, d := range append([]string{dir}, others...) {
		if _, err := m.Add(d, isOurs); err != nil {
			t.Fatal(err)
		}
	}
	if gaps := m.Missing(); len(gaps) > 0 {
		return gaps
	}
	if _, err := m.Write(); err != nil {
		t.Fatal(err)
	}
	return nil
}

func upTo(n uint64) (all []uint64) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

func segments(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, name := range names(t, dir) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = b
	}
	return all
}

func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "records")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

// Whatever befell an archive, what is whole of it and of last night's copy is joined to what it
// was, byte for byte, while each group is whole in one of them.
func TestMend(t *testing.T) {
	const last, night = 60, 40
	whole := archive(t, 700, upTo(last)...)
	backup := archive(t, 700, upTo(night)...)
	before := segments(t, whole)
	sorted := slices.Sorted(maps.Keys(before))
	for kind, damage := range map[string]func(dir string){
		"nothing":           func(string) {},
		"a bit":             func(dir string) { flipAt(t, dir, sorted[1], 30) },
		"a header":          func(dir string) { flipAt(t, dir, sorted[2], 6) },
		"cut short":         func(dir string) { cutTo(t, dir, sorted[0], 100) },
		"empty":             func(dir string) { cutTo(t, dir, sorted[1], 0) },
		"deleted":           func(dir string) { drop(t, dir, sorted[1]) },
		"two deleted":       func(dir string) { drop(t, dir, sorted[0], sorted[1]) },
		"two names swapped": func(dir string) { swap(t, dir, sorted[0], sorted[len(sorted)-1]) },
		"a block of zeros":  func(dir string) { zero(t, dir, sorted[1], 100, 300) },
		"garbage at an end": func(dir string) { appendTo(t, dir, sorted[1], []byte("\xf5\x53\x52\x01 and more")) },
		"a name of none":    func(dir string) { check(t, os.Rename(filepath.Join(dir, sorted[1]), filepath.Join(dir, "x.records"))) },
	} {
		t.Run(kind, func(t *testing.T) {
			dir := copied(t, whole)
			damage(dir)
			if gaps := mend(t, dir, backup); gaps != nil {
				t.Fatalf("missing: %v", gaps)
			}
			if got := segments(t, dir); !maps.EqualFunc(got, before, bytes.Equal) {
				t.Errorf("it is not as it was: %v", slices.Sorted(maps.Keys(got)))
			}
			want(t, open(t, dir), 1, upTo(last)...)
		})
	}
}

// What neither has is named, and nothing is changed.
func TestMendNamesWhatIsWholeNowhere(t *testing.T) {
	whole := archive(t, 700, upTo(60)...)
	backup := archive(t, 700, upTo(20)...)
	sorted := slices.Sorted(maps.Keys(segments(t, whole)))
	flipAt(t, whole, sorted[len(sorted)-2], 40)
	flipAt(t, whole, sorted[len(sorted)-2], 50)
	before := segments(t, whole)
	gaps := mend(t, whole, backup)
	if first := groupOf(sorted[len(sorted)-2]); len(gaps) != 1 || gaps[0] != (Gap{first, first}) {
		t.Errorf("missing: %v, want %d", gaps, first)
	}
	if !maps.EqualFunc(segments(t, whole), before, bytes.Equal) {
		t.Error("something was changed")
	}
}

// Two frames of one group that are both ours and differ are two histories: nothing is joined.
func TestMendOfTwoHistories(t *testing.T) {
	a, b := archive(t, segmentBytes, 1, 2), archive(t, segmentBytes, 1)
	x := open(t, b)
	check(t, x.Append(2, []byte("another")))
	x.Close()
	m, err := BeginMend(a, a+"-kept")
	check(t, err)
	defer m.Close()
	any := func(uint64, []byte) error { return nil }
	_, err = m.Add(a, any)
	check(t, err)
	if _, err = m.Add(b, any); err == nil {
		t.Error("they were joined")
	}
}

// A mend that is stopped at any of its steps is begun again, and comes to the same end; so is
// one whose folder was damaged again meanwhile.
func TestMendStoppedAtEachStep(t *testing.T) {
	whole := archive(t, 700, upTo(60)...)
	backup := archive(t, 700, upTo(30)...)
	before := segments(t, whole)
	sorted := slices.Sorted(maps.Keys(before))
	r := rand.New(rand.NewPCG(7, 17))
	for n := range len(sorted) {
		t.Run(fmt.Sprint(n, " segments in place"), func(t *testing.T) {
			dir := copied(t, whole)
			for i := range sorted { // each has another's name
				check(t, os.Rename(filepath.Join(dir, sorted[i]), filepath.Join(dir, fmt.Sprint(i))))
			}
			for i, j := range r.Perm(len(sorted)) {
				check(t, os.Rename(filepath.Join(dir, fmt.Sprint(i)), filepath.Join(dir, sorted[j])))
			}
			m, err := BeginMend(dir, dir+"-kept")
			check(t, err)
			for _, d := range []string{dir, backup} {
				_, err = m.Add(d, isOurs)
				check(t, err)
			}
			layout := m.layout()
			for i := range n { // as Write does, and no further
				s := layout[len(layout)-1-i]
				name := segment{first: s.From}.name()
				content, err := m.content(s)
				check(t, err)
				check(t, m.keep(name))
				check(t, durable.Replace(filepath.Join(dir, name), content, 0o600))
			}
			check(t, m.keep(segment{first: layout[len(layout)-1-n].From}.name()))
			check(t, m.Close())
			if gaps := mend(t, dir, backup); gaps != nil {
				t.Fatalf("missing: %v", gaps)
			}
			if !maps.EqualFunc(segments(t, dir), before, bytes.Equal) {
				t.Error("it is not as it was")
			}
		})
	}
}

func groupOf(name string) (n uint64) {
	fmt.Sscanf(name, "%020d", &n)
	return n
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, dir, name string, do func([]byte) []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	check(t, err)
	check(t, os.WriteFile(path, do(b), 0o600))
}

func flipAt(t *testing.T, dir, name string, at int) {
	edit(t, dir, name, func(b []byte) []byte { b[at] ^= 4; return b })
}
func cutTo(t *testing.T, dir, name string, n int) {
	edit(t, dir, name, func(b []byte) []byte { return b[:n] })
}
func zero(t *testing.T, dir, name string, from, to int) {
	edit(t, dir, name, func(b []byte) []byte { clear(b[from:min(to, len(b))]); return b })
}
func appendTo(t *testing.T, dir, name string, more []byte) {
	edit(t, dir, name, func(b []byte) []byte { return append(b, more...) })
}
func drop(t *testing.T, dir string, all ...string) {
	for _, name := range all {
		check(t, os.Remove(filepath.Join(dir, name)))
	}
}
func swap(t *testing.T, dir, a, b string) {
	x, y, z := filepath.Join(dir, a), filepath.Join(dir, b), filepath.Join(dir, "z")
	check(t, errors.Join(os.Rename(x, z), os.Rename(y, x), os.Rename(z, y)))
}
