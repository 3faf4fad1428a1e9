package schema

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/dirhash"

	"samband/gateway/problem"
)

// entry is one of a zip that a test writes.
type entry struct {
	name string
	data string
	mode fs.FileMode
}

func zipped(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
		h.SetMode(e.mode)
		f, err := w.CreateHeader(h)
		if err == nil && !strings.HasSuffix(e.name, "/") {
			_, err = f.Write([]byte(e.data))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func wantProblem(t *testing.T, what string, err error, want problem.Code) {
	t.Helper()
	if want == "" && err != nil || want != "" && problem.CodeOf(err) != want {
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}

// The bundle of a folder has that folder's files, and the hash that other programs
// find for them.
func TestBundleOfAFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	beside := filepath.Join(dir, "README.md")
	if err := os.WriteFile(beside, []byte("no part of the catalogue"), 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := NewBundle(os.DirFS(dir))
	if err != nil {
		t.Fatal(err)
	}
	if b.Hash != EmbeddedBundle().Hash || !bytes.Equal(b.Zip, EmbeddedBundle().Zip) {
		t.Errorf("the same files: %s and %s", b.Hash, EmbeddedBundle().Hash)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(bundleFolders, e.Name()) {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	want, err := dirhash.HashDir(dir, "", dirhash.Hash1)
	if err != nil || b.Hash.String() != want {
		t.Errorf("hash %s, want %s (%v)", b.Hash, want, err)
	}
	c, err := b.Catalogue()
	if err != nil || len(c.Types()) != len(Embedded().Types()) {
		t.Fatalf("%v (%v)", c, err)
	}
	for i, typ := range Embedded().Types() {
		if got := c.Types()[i]; got.Ref != typ.Ref {
			t.Errorf("type %d is %v, want %v", i, got.Ref, typ.Ref)
		}
	}
}

func TestNewBundleRefuses(t *testing.T) {
	for what, c := range map[string]struct {
		want problem.Code
		fsys fstest.MapFS
	}{
		"a file of another kind": {problem.BundleInvalid, fstest.MapFS{"types/README.md": {Data: []byte("x")}}},
		"a hidden file":          {problem.BundleInvalid, fstest.MapFS{"types/.A-1.0.json": {Data: []byte("x")}}},
		"a link":                 {problem.BundleInvalid, fstest.MapFS{"types/A-1.0.json": {Data: []byte("B-1.0.json"), Mode: fs.ModeSymlink}}},
		"nothing":                {problem.BundleInvalid, fstest.MapFS{"README.md": {Data: []byte("x")}}},
		"too much":               {problem.Oversize, fstest.MapFS{"types/A-1.0.json": {Data: make([]byte, maxBundleBytes+1)}}},
	} {
		_, err := NewBundle(c.fsys)
		wantProblem(t, what, err, c.want)
	}
}

func TestReadBundle(t *testing.T) {
	good := entry{"types/A-1.0.json", "{}", 0o644}
	var many []entry
	for i := range maxBundleFiles + 1 {
		many = append(many, entry{fmt.Sprintf("codes/c-%d.json", i), "", 0o644})
	}
	half := strings.Repeat(" ", maxBundleBytes/2)
	longName := strings.Repeat("a", maxBundlePath-len("parts/.json"))
	bent := zipped(t, good)
	bent[bytes.Index(bent, []byte("PK\x01\x02"))+16] ^= 1 // the checksum in the directory

	for what, c := range map[string]struct {
		want   problem.Code
		packed []byte
	}{
		"one file":           {"", zipped(t, good)},
		"all folders":        {"", zipped(t, good, entry{"parts/p-1.json", "1", 0o600}, entry{"codes/c-1.json", "2", 0}, entry{"labels/types/A.json", "3", 0o644})},
		"as many as may be":  {"", zipped(t, many[:maxBundleFiles]...)},
		"as much as may be":  {"", zipped(t, entry{"types/A-1.0.json", half, 0o644}, entry{"types/B-1.0.json", half, 0o644})},
		"as long a path":     {"", zipped(t, entry{"parts/" + longName + ".json", "{}", 0o644})},
		"bytes before it":    {"", append([]byte("#!/bin/sh\n"), zipped(t, good)...)}, // the hash is over files alone
		"no bytes":           {problem.BundleInvalid, nil},
		"no zip":             {problem.BundleInvalid, []byte("no zip")},
		"cut off":            {problem.BundleInvalid, zipped(t, good)[:100]},
		"no file":            {problem.BundleInvalid, zipped(t)},
		"a wrong checksum":   {problem.BundleInvalid, bent},
		"a file twice":       {problem.BundleInvalid, zipped(t, good, good)},
		"a folder":           {problem.BundleInvalid, zipped(t, good, entry{"types/", "", fs.ModeDir | 0o755})},
		"a folder as a file": {problem.BundleInvalid, zipped(t, entry{"types/A-1.0.json/", "", fs.ModeDir | 0o755})},
		"a link":             {problem.BundleInvalid, zipped(t, entry{"types/A-1.0.json", "/etc/passwd", fs.ModeSymlink | 0o777})},
		"a device":           {problem.BundleInvalid, zipped(t, entry{"types/A-1.0.json", "", fs.ModeDevice | 0o644})},
		"beside the folders": {problem.BundleInvalid, zipped(t, good, entry{"planned.json", "{}", 0o644})},
		"another folder":     {problem.BundleInvalid, zipped(t, good, entry{"testdata/a.json", "{}", 0o644})},
		"a path upwards":     {problem.BundleInvalid, zipped(t, entry{"types/../../a.json", "{}", 0o644})},
		"an absolute path":   {problem.BundleInvalid, zipped(t, entry{"/types/A-1.0.json", "{}", 0o644})},
		"a backslash":        {problem.BundleInvalid, zipped(t, entry{`types\A-1.0.json`, "{}", 0o644})},
		"an empty part":      {problem.BundleInvalid, zipped(t, entry{"types//A-1.0.json", "{}", 0o644})},
		"a hidden name":      {problem.BundleInvalid, zipped(t, entry{"types/.A.json", "{}", 0o644})},
		"a line end":         {problem.BundleInvalid, zipped(t, entry{"types/A\n.json", "{}", 0o644})},
		"another kind":       {problem.BundleInvalid, zipped(t, entry{"types/A-1.0.yaml", "{}", 0o644})},
		"too long a path":    {problem.BundleInvalid, zipped(t, entry{"parts/a" + longName + ".json", "{}", 0o644})},
		"too many":           {problem.Oversize, zipped(t, many...)},
		"too much":           {problem.Oversize, zipped(t, entry{"types/A-1.0.json", half, 0o644}, entry{"types/B-1.0.json", half + " ", 0o644})},
		"too long a zip":     {problem.Oversize, make([]byte, MaxBundle+1)},
		"a size that lies":   {problem.Oversize, lies(t, good, 1<<31)},
		"a size too small":   {problem.BundleInvalid, lies(t, good, 1)},
		"a size too large":   {problem.BundleInvalid, lies(t, good, 3)},
	} {
		b, err := ReadBundle(c.packed)
		wantProblem(t, what, err, c.want)
		if err == nil && b.Is(b.Hash) != nil {
			t.Errorf("%s: it is not itself", what)
		}
	}
}

// lies is a zip whose directory gives another size for its file.
func lies(t *testing.T, e entry, size uint32) []byte {
	b := zipped(t, e)
	at := bytes.Index(b, []byte("PK\x01\x02")) + 24
	for i := range 4 {
		b[at+i] = byte(size >> (8 * i))
	}
	return b
}

// The hash is over paths and contents alone, and over all of them.
func TestBundleHash(t *testing.T) {
	one, two := entry{"types/A-1.0.json", "{}", 0o644}, entry{"codes/c-1.json", "[]", 0o644}
	read := func(entries ...entry) *Bundle {
		b, err := ReadBundle(zipped(t, entries...))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := read(one, two)
	if err := read(two, entry{one.name, one.data, 0o755}).Is(b.Hash); err != nil {
		t.Errorf("packed otherwise: %v", err)
	}
	for what, other := range map[string]*Bundle{
		"a file less":     read(one),
		"other content":   read(one, entry{two.name, "[ ]", 0o644}),
		"another path":    read(one, entry{"codes/c-2.json", two.data, 0o644}),
		"contents change": read(entry{one.name, two.data, 0o644}, entry{two.name, one.data, 0o644}),
	} {
		wantProblem(t, what, other.Is(b.Hash), problem.BundleInvalid)
	}
	if _, err := b.Catalogue(); problem.CodeOf(err) != problem.BundleInvalid {
		t.Errorf("it is no catalogue: %v", err)
	}
}

func TestBundleHashIsSpelledOneWay(t *testing.T) {
	h := EmbeddedBundle().Hash
	if got, err := ParseBundleHash(h.String()); got != h || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := ParseBundleHex(h.Hex()); got != h || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	zero := BundleHash{}.String()
	for _, s := range []string{
		"", "h1:", "h2" + zero[2:], zero[3:], zero[:len(zero)-1], zero + "=", zero + "\n", "H1" + zero[2:],
		strings.Replace(zero, "A=", "B=", 1), // bits beyond the last byte
		"h1:" + zero, "h1:AAAA",
	} {
		if _, err := ParseBundleHash(s); err == nil {
			t.Errorf("read %q", s)
		}
	}
	hex := BundleHash{0xab}.Hex()
	for _, s := range []string{"", hex[2:], hex + "00", strings.ToUpper(hex), "g" + hex[1:], zero} {
		if _, err := ParseBundleHex(s); err == nil {
			t.Errorf("read %q", s)
		}
	}
}

// FuzzReadBundle: what is taken stays within the bounds, and packed again it has the
// same hash; what is refused has a code.
func FuzzReadBundle(f *testing.F) {
	f.Add(zipped(f, entry{"types/A-1.0.json", "{}", 0o644}))
	f.Add(zipped(f, entry{"types/A-1.0.json", "{}", 0o644}, entry{"labels/types/A.json", "{}", 0o600}))
	f.Add(zipped(f, entry{"types/../a.json", "{}", 0o644}))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		b, err := ReadBundle(packed)
		if err != nil {
			if _, named := problem.Of(err); !named {
				t.Fatalf("refused without a code: %v", err)
			}
			return
		}
		n, size := 0, 0
		err = fs.WalkDir(b.Files, ".", func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := fs.ReadFile(b.Files, p)
			n, size = n+1, size+len(data)
			return err
		})
		if err != nil || n == 0 || n > maxBundleFiles || size > maxBundleBytes {
			t.Fatalf("%d files of %d bytes: %v", n, size, err)
		}
		again, err := NewBundle(b.Files)
		if err != nil || again.Hash != b.Hash {
			t.Fatalf("packed again: %v", err)
		}
		if _, err := b.Catalogue(); err != nil && problem.CodeOf(err) != problem.BundleInvalid {
			t.Fatalf("its types: %v", err)
		}
	})
}
