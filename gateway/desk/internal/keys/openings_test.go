package keys

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/envelope"
	"samband/gateway/internal/work"
)

// Who has the ring, its passphrase and not the half has no key. A half alone is no key
// either, and no secret stands in it.
func TestDestroyOpening(t *testing.T) {
	dir := t.TempDir()
	_, first, err := Create(dir, "se.spoc", passphrase, work.Light)
	if err != nil {
		t.Fatal(err)
	}
	old := first.Openings()[0]
	if err := Rotate(dir, passphrase); err != nil {
		t.Fatal(err)
	}
	unlock := func() *Locked {
		t.Helper()
		l, err := Unlock(dir, passphrase)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := unlock()
	if got := l.Openings(); len(got) != 2 || got[0] != old {
		t.Fatalf("the keys are %v", got)
	}
	newest := l.Openings()[1]
	half, err := os.ReadFile(halfPath(dir, old))
	if err != nil || len(half) != halfSize || strings.Contains(string(half), "AGE") {
		t.Errorf("a half is %q, %v", half, err)
	}
	if info, err := os.Stat(halfPath(dir, old)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a half's file: %v, %v", info, err)
	}
	for range 2 { // once more does no harm
		if err := DestroyOpening(dir, old); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(halfPath(dir, old)); err == nil {
		t.Error("the half is there")
	}
	l = unlock()
	if _, ok := l.Identity(old); ok || len(l.Openings()) != 1 {
		t.Error("the ring opens with it still")
	}
	if _, ok := l.Identity(newest); !ok {
		t.Error("the newest key is gone too")
	}
	var r Ring
	r.Set(l)
	r.Drop(newest)
	if err := r.Use(func(l *Locked) error {
		if _, ok := l.Identity(newest); ok {
			t.Error("dropped, it opens")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}

	orphan := halfPath(dir, envelope.KeyID{1, 2, 3})
	if err := os.WriteFile(orphan, make([]byte, halfSize), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Rotate(dir, passphrase); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(orphan); err == nil {
		t.Error("the half of a rotation that came to no end stays")
	}
	if l := unlock(); len(l.opening) != 2 {
		t.Errorf("the ring has %d keys: what is destroyed stays in it", len(l.opening))
	}
	newest = unlock().Openings()[1]
	if err := DestroyOpening(dir, newest); err != nil {
		t.Fatal(err)
	}
	if _, err := Unlock(dir, passphrase); err == nil || !strings.Contains(err.Error(), filepath.Base(halfPath(dir, newest))) {
		t.Errorf("without the half of its newest key the ring says %v", err)
	}
}

// A half opens its own key alone.
func TestHalfOfAnother(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	_, l, err := Create(dir, "se.spoc", passphrase, work.Light)
	if err != nil {
		t.Fatal(err)
	}
	_, o, err := Create(other, "se.spoc", passphrase, work.Light)
	if err != nil {
		t.Fatal(err)
	}
	half, err := os.ReadFile(halfPath(other, o.Openings()[0]))
	if err == nil {
		err = os.WriteFile(halfPath(dir, l.Openings()[0]), half, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Unlock(dir, passphrase); err == nil {
		t.Error("it unlocks")
	}
}
