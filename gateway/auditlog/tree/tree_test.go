package tree_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
	"samband/gateway/signed"
)

const origin = "nordic.example/audit"

func testKey(t testing.TB) *signed.PrivateKey {
	t.Helper()
	seed := sha256.Sum256([]byte("samband test key of " + origin))
	k, err := signed.NewPrivateKey(origin, signed.Ed25519, seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// leaf is entry i of all logs here: mostly 32 bytes, some of another length.
func leaf(i int64) []byte {
	h := sha256.Sum256(fmt.Append(nil, "leaf ", i))
	if i%100 == 7 {
		return []byte(strings.Repeat("register entry ", int(i%1000)))
	}
	return h[:]
}

func leaves(from, to int64) [][]byte {
	var out [][]byte
	for i := from; i < to; i++ {
		out = append(out, leaf(i))
	}
	return out
}

func sequence(n int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for i := range n {
			if !yield(leaf(i), nil) {
				return
			}
		}
	}
}

// heads gives the head at each size up to n, computed without tiles.
func heads(n int64) []signed.Head { return allHeads()[:n+1] }

var allHeads = sync.OnceValue(func() []signed.Head {
	var r auditlog.Range
	out := []signed.Head{r.Head(origin)}
	for i := range int64(70500) {
		r.Append(leaf(i))
		out = append(out, r.Head(origin))
	}
	return out
})

func open(t testing.TB, dir string) *tree.Tree {
	t.Helper()
	tr, err := tree.Open(dir, testKey(t).Public)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// growTo appends what the log lacks up to a size.
func growTo(t testing.TB, tr *tree.Tree, size int64) {
	t.Helper()
	head, err := tr.Append(leaves(tr.Head().Size, size)...)
	if err != nil {
		t.Fatal(err)
	}
	if head != tr.Head() || head.Size != size {
		t.Fatalf("appended to %d: got %v", size, head)
	}
}

func checkpoint(t testing.TB, head signed.Head) []byte {
	t.Helper()
	b, err := auditlog.SignCheckpoint(head, testKey(t))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func flush(t testing.TB, tr *tree.Tree) {
	t.Helper()
	if err := tr.Flush(checkpoint(t, tr.Head())); err != nil {
		t.Fatal(err)
	}
}

// verify lets the independent checker prove the folder.
func verify(t testing.TB, dir string, want signed.Head) {
	t.Helper()
	got, err := auditlog.VerifyFolder(os.DirFS(dir), testKey(t).Public)
	if err != nil || got != want {
		t.Fatalf("the folder is of %v (%v), want %v", got, err, want)
	}
}

// files reads a folder's files.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// steps passes by every edge: of one tile, of a level-1 tile, and flushes with
// nothing new.
var steps = []int64{1, 2, 100, 100, 255, 256, 257, 512, 700, 65535, 65536, 65537, 66000}

func TestGrowFlushReopen(t *testing.T) {
	want := heads(66000)
	for name, reopen := range map[string]bool{"one process": false, "a process for each step": true} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tr := open(t, dir)
			for _, size := range steps {
				growTo(t, tr, size)
				flush(t, tr)
				verify(t, dir, want[size])
				if tr.Flushed() != want[size] {
					t.Errorf("flushed %v, want %v", tr.Flushed(), want[size])
				}
				if reopen {
					tr = open(t, dir)
				}
				if tr.Head() != want[size] {
					t.Fatalf("at %d: head %v, want %v", size, tr.Head(), want[size])
				}
			}
		})
	}
}

// Two histories of flushes leave the same whole tiles, and both leave the
// partial tiles of their last checkpoint.
func TestSameBytesWhateverTheSteps(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	tr := open(t, dir)
	for _, size := range []int64{3, 300, 1000, 1500} {
		growTo(t, tr, size)
		flush(t, tr)
	}
	once := open(t, other)
	growTo(t, once, 1500)
	flush(t, once)
	got := files(t, dir)
	for name, content := range files(t, other) {
		if got[name] != content {
			t.Errorf("%s differs", name)
		}
	}
	for name := range got {
		if strings.Contains(name, ".p/") && strings.HasPrefix(name, "tile/0/000") {
			t.Errorf("%s is left of a whole tile", name)
		}
	}
}

func TestProofsFromMemoryAndTiles(t *testing.T) {
	dir := t.TempDir()
	want := heads(66400)
	tr := open(t, dir)
	growTo(t, tr, 66000)
	flush(t, tr)
	tr = open(t, dir) // nothing but the right edge in memory
	growTo(t, tr, 66400)
	cp := map[int64][]byte{}
	for _, size := range []int64{1, 256, 300, 65536, 66000, 66001, 66400} {
		cp[size] = checkpoint(t, want[size])
		if root, err := tr.RootAt(size); err != nil || root != want[size].Root {
			t.Errorf("root at %d: %v, %v", size, root, err)
		}
		for _, index := range []int64{0, 1, 255, 256, 299, 40000, 65535, 65999, 66000, 66399} {
			if index >= size {
				continue
			}
			hashes, err := tr.Prove(index, size)
			if err != nil {
				t.Fatal(err)
			}
			checkProof(t, leaf(index), index, hashes, cp[size])
		}
		for _, old := range []int64{0, 1, 255, 256, 299, 65536, 66000, 66399} {
			if old > size {
				continue
			}
			hashes, err := tr.ProveConsistency(old, size)
			if err != nil {
				t.Fatal(err)
			}
			if err := auditlog.CheckConsistency(want[old], want[size], hashes); err != nil {
				t.Errorf("from %d to %d: %v", old, size, err)
			}
		}
	}
}

// checkProof lets a whole C2SP proof of a register entry, whose leaf is its
// bytes, be verified.
func checkProof(t *testing.T, entry []byte, index int64, hashes []signed.Hash, cp []byte) {
	t.Helper()
	r := auditlog.Record{
		Exchange: signed.HashOf("exchange"), Kind: auditlog.Entered, Index: index,
		Time: signed.At(testTime), Entry: entry,
	}
	p, err := auditlog.ParseProof(auditlog.MakeProof(auditlog.Entry{Record: r}, hashes, cp))
	if err == nil {
		_, _, err = p.Verify(testKey(t).Public)
	}
	if err != nil {
		t.Errorf("entry %d: %v", index, err)
	}
}

func TestQuestionsOutOfBounds(t *testing.T) {
	tr := open(t, t.TempDir())
	growTo(t, tr, 10)
	for name, ask := range map[string]func() error{
		"root beyond":          func() error { _, err := tr.RootAt(11); return err },
		"root before":          func() error { _, err := tr.RootAt(-1); return err },
		"proof beyond":         func() error { _, err := tr.Prove(10, 10); return err },
		"proof before":         func() error { _, err := tr.Prove(-1, 10); return err },
		"proof in beyond":      func() error { _, err := tr.Prove(0, 11); return err },
		"consistency back":     func() error { _, err := tr.ProveConsistency(10, 9); return err },
		"consistency beyond":   func() error { _, err := tr.ProveConsistency(1, 1<<62); return err },
		"consistency negative": func() error { _, err := tr.ProveConsistency(-1, 10); return err },
		"entry too long":       func() error { _, err := tr.Append(leaf(10), make([]byte, auditlog.MaxEntry+1)); return err },
	} {
		if ask() == nil {
			t.Errorf("%s: was answered", name)
		}
	}
	if got := tr.Head(); got != heads(10)[10] {
		t.Errorf("a refused append left %v", got)
	}
}

func TestFlushRefused(t *testing.T) {
	dir := t.TempDir()
	want := heads(20)
	tr := open(t, dir)
	growTo(t, tr, 10)
	flush(t, tr)
	growTo(t, tr, 20)
	forked := want[15]
	forked.Root = want[16].Root
	beyond := want[20]
	beyond.Size = 21
	for name, cp := range map[string][]byte{
		"before the one on disk": checkpoint(t, want[9]),
		"of another history":     checkpoint(t, forked),
		"of more than there is":  checkpoint(t, beyond),
		"unsigned":               []byte("nonsense"),
	} {
		if tr.Flush(cp) == nil {
			t.Errorf("a checkpoint %s was written", name)
		}
		verify(t, dir, want[10])
	}
	if err := tr.Flush(checkpoint(t, want[15])); err != nil {
		t.Errorf("a head passed meanwhile: %v", err)
	}
	verify(t, dir, want[15])
	flush(t, tr)
	verify(t, dir, want[20])
}

// A directory in a file's place stops a flush just there, as a kill would: the
// folder is still that of the checkpoint before, and a new process completes it.
func TestFlushStoppedAtEachFile(t *testing.T) {
	want := heads(66000)
	for _, step := range [][2]int64{{0, 5}, {100, 300}, {65500, 66000}} {
		from, to := step[0], step[1]
		whole := t.TempDir()
		tr := open(t, whole)
		growTo(t, tr, to)
		flush(t, tr)
		base := t.TempDir()
		if from > 0 {
			tr = open(t, base)
			growTo(t, tr, from)
			flush(t, tr)
		}
		old := files(t, base)
		for name := range files(t, whole) {
			if _, there := old[name]; there || name == auditlog.KeyFile {
				continue
			}
			t.Run(fmt.Sprintf("%d to %d at %s", from, to, strings.ReplaceAll(name, "/", "-")), func(t *testing.T) {
				dir := copyOf(t, base)
				tr := open(t, dir)
				growTo(t, tr, to)
				block := filepath.Join(dir, name)
				if err := os.MkdirAll(block, 0o755); err != nil {
					t.Fatal(err)
				}
				if tr.Flush(checkpoint(t, want[to])) == nil {
					t.Fatal("nothing stopped it")
				}
				if err := os.Remove(block); err != nil {
					t.Fatal(err)
				}
				if from > 0 {
					verify(t, dir, want[from])
				}
				tr = open(t, dir)
				if tr.Head() != want[from] {
					t.Fatalf("opened at %v, want %v", tr.Head(), want[from])
				}
				growTo(t, tr, to)
				flush(t, tr)
				verify(t, dir, want[to])
				got := files(t, dir)
				for name, content := range files(t, whole) {
					if got[name] != content {
						t.Errorf("%s differs", name)
					}
				}
			})
		}
	}
}

func TestRebuild(t *testing.T) {
	want := heads(70500)
	for _, last := range []int64{3000, 70000} {
		dir := t.TempDir()
		tr := open(t, dir)
		growTo(t, tr, last)
		flush(t, tr)
		before := files(t, dir)
		changes := map[string]func(t *testing.T, dir string){
			"tiles deleted": func(t *testing.T, dir string) { remove(t, dir, "tile") },
		}
		if last == 3000 {
			changes["last tile deleted"] = func(t *testing.T, dir string) { remove(t, dir, "tile/0/011.p") }
			changes["tile damaged"] = func(t *testing.T, dir string) { flip(t, dir, "tile/0/010", 77) }
			changes["all deleted"] = func(t *testing.T, dir string) { remove(t, dir, ".") }
			changes["nothing is wrong"] = func(*testing.T, string) {}
		}
		for name, change := range changes {
			t.Run(fmt.Sprint(name, " at ", last), func(t *testing.T) {
				copied := copyOf(t, dir)
				change(t, copied)
				tr, err := tree.Rebuild(copied, testKey(t).Public, sequence(last))
				if err != nil {
					t.Fatal(err)
				}
				flush(t, tr)
				verify(t, copied, want[last])
				if !maps.Equal(files(t, copied), before) {
					t.Error("the files are not those that were there")
				}
				growTo(t, tr, last+500)
				flush(t, tr)
				verify(t, copied, want[last+500])
			})
		}
	}
}

func TestRebuildFromWrongEntries(t *testing.T) {
	dir := t.TempDir()
	tr := open(t, dir)
	growTo(t, tr, 700)
	flush(t, tr)
	before := files(t, dir)
	other := func(yield func([]byte, error) bool) {
		for e := range sequence(800) {
			if !yield(append(e, '!'), nil) {
				return
			}
		}
	}
	for name, entries := range map[string]iter.Seq2[[]byte, error]{"too few": sequence(699), "others": other} {
		_, err := tree.Rebuild(dir, testKey(t).Public, entries)
		var c *tree.Contradiction
		if !errors.As(err, &c) || c.Disk.Size != 700 {
			t.Errorf("%s: got %v", name, err)
		}
		if !maps.Equal(files(t, dir), before) {
			t.Errorf("%s: files were changed", name)
		}
	}
}

func TestOpenRefusesDamage(t *testing.T) {
	dir := t.TempDir()
	tr := open(t, dir)
	growTo(t, tr, 66000)
	flush(t, tr)
	for _, name := range []string{
		"tile/0/257.p/208", "tile/1/001.p/1", "tile/2/000.p/1", "tile/entries/257.p/208", auditlog.CheckpointFile,
	} {
		copied := copyOf(t, dir)
		flip(t, copied, name, 31)
		var damage *auditlog.Damage
		if _, err := tree.Open(copied, testKey(t).Public); !errors.As(err, &damage) {
			t.Errorf("%s damaged: got %v", name, err)
		}
	}
	flip(t, dir, "tile/0/003", 31)
	tr = open(t, dir) // a whole tile is looked at when it is used
	var damage *auditlog.Damage
	if _, err := tr.Prove(3*256, 66000); !errors.As(err, &damage) || damage.File != "tile/0/003" {
		t.Errorf("a proof out of a damaged tile: %v", err)
	}
}

func TestOtherLogsFolder(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	k, err := signed.NewPrivateKey("nordic.example/register", signed.Ed25519, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Open(dir, k.Public); err == nil {
		t.Error("one log's folder was opened as another's")
	}
}

// copyOf links a log's files into a new folder; no test writes into a file.
func copyOf(t testing.TB, dir string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "log")
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(filepath.Join(copied, name), 0o755))
		}
		return os.Link(path, filepath.Join(copied, name))
	})
	if err != nil {
		t.Fatal(err)
	}
	return copied
}

func remove(t testing.TB, dir, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// flip changes one bit of a file.
func flip(t testing.TB, dir, name string, at int) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1
	remove(t, dir, name)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
