package authority

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"samband/gateway/internal/faultydisk"
	"samband/gateway/internal/smalldisk"
	"samband/gateway/internal/work"
	"samband/gateway/seal"
)

var (
	oldPassphrase = []byte("lumi on valkoista")
	newPassphrase = []byte("yö on pitkä ja pimeä")
)

// keyFiles puts key files into a folder, each under its passphrase or open, and returns
// what is in them.
func keyFiles(t *testing.T, dir string, under map[string][]byte) map[string][]byte {
	t.Helper()
	content := map[string][]byte{}
	for role, passphrase := range under {
		path := filepath.Join(dir, role, keyFile)
		content[path] = []byte("the keys of " + role + "\n")
		b := content[path]
		if passphrase != nil {
			b = must[[]byte](t)(seal.Protect(b, passphrase, work.Light))
		}
		if err := write(path, b, private); err != nil {
			t.Fatal(err)
		}
	}
	return content
}

// opens says which of the passphrases open a key file; none if it lies open.
func opens(t *testing.T, path string, want []byte, passphrases ...[]byte) (by [][]byte) {
	t.Helper()
	b := must[[]byte](t)(os.ReadFile(path))
	if bytes.Equal(b, want) {
		return nil
	}
	for _, p := range passphrases {
		if got, err := seal.Unprotect(b, p); err == nil && bytes.Equal(got, want) {
			by = append(by, p)
		}
	}
	if len(by) == 0 {
		t.Errorf("%s is lost", path)
	}
	return by
}

// A folder whose keys are under the old passphrase, the new one, or none.
func TestChangePassphrase(t *testing.T) {
	for _, under := range []map[string][]byte{{"authority": oldPassphrase, "root": newPassphrase}, {"authority": nil, "root": oldPassphrase}} {
		testChangePassphrase(t, under)
	}
}

func testChangePassphrase(t *testing.T, under map[string][]byte) {
	t.Helper()
	dir := t.TempDir()
	content := keyFiles(t, dir, under)
	if err := changePassphrase(dir, oldPassphrase, newPassphrase, work.Light); err != nil {
		t.Fatal(err)
	}
	for path, want := range content {
		if by := opens(t, path, want, oldPassphrase, newPassphrase); len(by) != 1 || !bytes.Equal(by[0], newPassphrase) {
			t.Errorf("%s opens by %q", path, by)
		}
		if info := must[os.FileInfo](t)(os.Stat(path)); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
	for _, f := range must[[]KeyFile](t)(KeyFiles(dir)) {
		if f.Open {
			t.Errorf("%s lies open", f.Path)
		}
	}
}

// One file that neither passphrase opens, and none is changed; nor is an empty folder.
func TestChangePassphraseRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := changePassphrase(dir, oldPassphrase, newPassphrase, work.Light); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder without keys: %v", err)
	}
	content := keyFiles(t, dir, map[string][]byte{"authority": oldPassphrase, "root": []byte("somebody else's")})
	before := map[string][]byte{}
	for path := range content {
		before[path] = must[[]byte](t)(os.ReadFile(path))
	}
	for _, c := range [][2][]byte{{oldPassphrase, newPassphrase}, {nil, newPassphrase}, {[]byte("somebody else's"), newPassphrase}} {
		if err := changePassphrase(dir, c[0], c[1], work.Light); !errors.Is(err, seal.ErrPassphrase) {
			t.Errorf("%q to %q: %v", c[0], c[1], err)
		}
	}
	for path := range content {
		if !bytes.Equal(must[[]byte](t)(os.ReadFile(path)), before[path]) {
			t.Errorf("%s was changed", path)
		}
	}
}

// The disk fails at each step of a change in turn, and then the power goes: each key file is
// under one of the two passphrases, and the same change, made again, goes on to its end.
func TestChangePassphraseCutOff(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	cut := 0
	for _, op := range []faultydisk.Op{faultydisk.Create, faultydisk.Write, faultydisk.Sync, faultydisk.Rename} {
		for _, path := range []string{"authority", "authority/*", "root", "root/*"} {
			for after := 0; cutOff(t, faultydisk.Fault{Op: op, Path: path, After: after}, rand.New(rand.NewPCG(18, uint64(cut)))); after++ {
				cut++
			}
		}
	}
	t.Logf("cut off at %d steps", cut)
	if cut < 10 { // of each file: made, written, synced, renamed, and its folder synced
		t.Errorf("it was cut off at %d steps alone", cut)
	}
}

// cutOff changes a passphrase on a disk with a fault, whose power goes then: once all that
// was not synced is lost, and once a part by chance. It reports whether the fault was met.
func cutOff(t *testing.T, fault faultydisk.Fault, chance *rand.Rand) bool {
	t.Helper()
	met := 0
	for _, kept := range []*rand.Rand{nil, chance} {
		dir := t.TempDir()
		content := keyFiles(t, dir, map[string][]byte{"authority": oldPassphrase, "root": oldPassphrase})
		disk := faultydisk.Over(t, dir)
		f := disk.Fail(fault)
		err := changePassphrase(dir, oldPassphrase, newPassphrase, work.Light)
		if met = f.Stop(); (err == nil) != (met == 0) {
			t.Fatalf("%+v: met %d times, and it says %v", fault, met, err)
		}
		disk.Off(func() {})
		disk.On(kept)
		for path, want := range content {
			by := opens(t, path, want, oldPassphrase, newPassphrase)
			if len(by) != 1 || err == nil && !bytes.Equal(by[0], newPassphrase) {
				t.Errorf("%+v: %s opens by %q, after %v", fault, path, by, err)
			}
		}
		if err := changePassphrase(dir, oldPassphrase, newPassphrase, work.Light); err != nil {
			t.Errorf("%+v, again: %v", fault, err)
		}
		for path, want := range content {
			if by := opens(t, path, want, oldPassphrase, newPassphrase); len(by) != 1 || !bytes.Equal(by[0], newPassphrase) {
				t.Errorf("%+v, again: %s opens by %q", fault, path, by)
			}
		}
	}
	return met > 0
}
