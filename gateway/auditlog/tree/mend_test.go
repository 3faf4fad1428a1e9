package tree_test

import (
	"errors"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
)

// A mended is a tree that mends itself, and what it told.
type mended struct {
	*tree.Tree
	mu   sync.Mutex
	told []string
	errs []error
}

func openMended(t *testing.T, dir string, entries func(from, to int64) iter.Seq2[[]byte, error]) *mended {
	t.Helper()
	m := &mended{Tree: open(t, dir)}
	m.MendFrom(tree.Mend{Entries: entries, Told: func(d *auditlog.Damage, err error) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.told, m.errs = append(m.told, d.File), append(m.errs, err)
	}})
	return m
}

func between(from, to int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for i := from; i < to; i++ {
			if !yield(leaf(i), nil) {
				return
			}
		}
	}
}

// damages is each way in which a file is damaged here.
var damages = map[string]func(t testing.TB, dir, name string){
	"a bit":       func(t testing.TB, dir, name string) { flip(t, dir, name, 20) },
	"the last":    func(t testing.TB, dir, name string) { flip(t, dir, name, int(size(t, dir, name))-1) },
	"deleted":     remove,
	"cut short":   func(t testing.TB, dir, name string) { truncate(t, dir, name, size(t, dir, name)/2) },
	"empty":       func(t testing.TB, dir, name string) { truncate(t, dir, name, 0) },
	"its folder":  func(t testing.TB, dir, name string) { removeAll(t, filepath.Dir(filepath.Join(dir, name))) },
	"all of tile": func(t testing.TB, dir, _ string) { removeAll(t, filepath.Join(dir, "tile")) },
}

func size(t testing.TB, dir, name string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func truncate(t testing.TB, dir, name string, size int64) {
	t.Helper()
	path := filepath.Join(dir, name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, dir, name) // other copies share the file
	if err := os.WriteFile(path, b[:size], 0o600); err != nil {
		t.Fatal(err)
	}
}

func removeAll(t testing.TB, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// A damaged whole tile doesn't keep a proof from anyone (F7): it is made anew when it is
// met, of what lies beneath or of the entries, and it is told.
func TestDamagedTileIsMadeAnewWhenMet(t *testing.T) {
	const grown = 66000 // two levels of whole tiles, and partial ones above
	want := heads(grown)
	base := t.TempDir()
	tr := open(t, base)
	growTo(t, tr, grown)
	flush(t, tr)
	met := map[string]int64{"tile/0/003": 800, "tile/0/255": 65300, "tile/1/000": 70}
	for kind, damage := range damages {
		for name, index := range met {
			if kind == "all of tile" && name != "tile/1/000" || kind == "its folder" && name == "tile/1/000" {
				continue // the same as another
			}
			t.Run(kind+" of "+strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
				t.Parallel()
				dir := copyOf(t, base)
				m := openMended(t, dir, between)
				damage(t, dir, name)
				hashes, err := m.Prove(index, grown)
				if err != nil {
					t.Fatal(err)
				}
				checkProof(t, leaf(index), index, hashes, checkpoint(t, want[grown]))
				if !slices.Contains(m.told, name) {
					t.Errorf("it told of %v", m.told)
				}
				if err := errors.Join(m.errs...); err != nil {
					t.Error(err)
				}
				if kind != "its folder" && kind != "all of tile" {
					verify(t, dir, want[grown])
				}
			})
		}
	}
}

// Whatever is damaged on the disk while nobody asks for it, a scrub finds and mends it,
// byte for byte; and it tells of each file that is damaged, and of no other.
func TestScrub(t *testing.T) {
	t.Run("small", func(t *testing.T) {
		testScrub(t, 1100, "tile/0/000", "tile/0/003", "tile/entries/001", "tile/0/004.p/76", "tile/1/000.p/4", "tile/entries/004.p/76", "checkpoint", "vkey")
	})
	t.Run("two levels", func(t *testing.T) { testScrub(t, 66100, "tile/1/000") })
}

func testScrub(t *testing.T, grown int64, names ...string) {
	base := t.TempDir()
	tr := open(t, base)
	growTo(t, tr, grown)
	flush(t, tr)
	before := files(t, base)
	pass := func(m *mended) {
		for range grown/256 + grown/65536 + 2 {
			m.Scrub()
		}
	}
	scrubbed := func(dir string) *mended {
		m := openMended(t, dir, between)
		flush(t, m.Tree) // the checkpoint that lies there, as a broker's start writes one
		return m
	}
	clean := scrubbed(copyOf(t, base))
	if pass(clean); len(clean.told) > 0 {
		t.Fatalf("of a whole log it told %v", clean.told)
	}
	for _, name := range names {
		for kind, damage := range damages {
			if kind == "its folder" && !strings.HasPrefix(name, "tile/") || kind == "all of tile" && name != names[0] {
				continue
			}
			t.Run(kind+" of "+strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
				dir := copyOf(t, base)
				m := scrubbed(dir)
				damage(t, dir, name)
				pass(m)
				pass(m) // the first may have begun behind it
				if !slices.Contains(m.told, name) || kind != "all of tile" && kind != "its folder" && len(m.told) != 1 {
					t.Errorf("it told of %v", m.told)
				}
				for name, content := range files(t, dir) {
					if before[name] != content {
						t.Errorf("%s is not as it was", name)
					}
				}
				verify(t, dir, heads(grown)[grown])
			})
		}
	}
}

// The file of the key is made anew at a start too, where the checkpoint says whose log it is.
func TestDamagedKeyFile(t *testing.T) {
	dir := t.TempDir()
	tr := open(t, dir)
	growTo(t, tr, 3)
	flush(t, tr)
	before := files(t, dir)
	for kind, damage := range damages {
		if kind == "its folder" || kind == "all of tile" {
			continue
		}
		damage(t, dir, auditlog.KeyFile)
		open(t, dir)
		if files(t, dir)[auditlog.KeyFile] != before[auditlog.KeyFile] {
			t.Errorf("%s: it is not made anew", kind)
		}
	}
}

// What the entries don't give is not written: the damage stays, and is told with its cause.
func TestMendOfWrongEntries(t *testing.T) {
	const grown = 600
	dir := t.TempDir()
	tr := open(t, dir)
	growTo(t, tr, grown)
	flush(t, tr)
	gone := errors.New("the records are gone")
	for name, entries := range map[string]func(from, to int64) iter.Seq2[[]byte, error]{
		"others": func(from, to int64) iter.Seq2[[]byte, error] { return between(from+1, to+1) },
		"fewer":  func(from, to int64) iter.Seq2[[]byte, error] { return between(from, to-1) },
		"none": func(int64, int64) iter.Seq2[[]byte, error] {
			return func(yield func([]byte, error) bool) { yield(nil, gone) }
		},
	} {
		damaged := copyOf(t, dir)
		m := openMended(t, damaged, entries)
		flip(t, damaged, "tile/0/000", 40)
		before := files(t, damaged)
		if _, err := m.Prove(3, grown); err == nil || len(m.errs) != 1 || m.errs[0] == nil {
			t.Errorf("%s: it proved, or told nothing: %v, %v", name, err, m.errs)
		}
		for name, content := range files(t, damaged) {
			if before[name] != content {
				t.Errorf("%s was written", name)
			}
		}
		if _, err := m.Prove(599, grown); err != nil { // what does not need it is proven
			t.Error(err)
		}
	}
}
