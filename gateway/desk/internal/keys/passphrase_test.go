package keys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/text/unicode/norm"

	"samband/gateway/internal/work"
	"samband/gateway/seal"
)

// A ring under another passphrase is the same ring. A wrong one changes nothing.
func TestChangePassphrase(t *testing.T) {
	dir := t.TempDir()
	_, made, err := Create(dir, "se.spoc", passphrase, work.Light)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, LockedFile)
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	next := []byte("lumi on valkoista")
	if err := changePassphrase(dir, next, []byte("yö on pitkä"), work.Light); !errors.Is(err, seal.ErrPassphrase) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	if err := changePassphrase(dir, passphrase, nil, work.Light); err == nil {
		t.Error("a ring under no passphrase")
	}
	if now, err := os.ReadFile(file); err != nil || !bytes.Equal(now, before) {
		t.Errorf("the ring was written: %v", err)
	}
	if err := changePassphrase(dir, passphrase, next, work.Light); err != nil {
		t.Fatal(err)
	}
	if _, err := Unlock(dir, passphrase); !errors.Is(err, seal.ErrPassphrase) {
		t.Errorf("the old passphrase: %v", err)
	}
	changed, err := Unlock(dir, next)
	if err != nil {
		t.Fatal(err)
	}
	if changed.Recipient() != made.Recipient() || changed.storage != made.storage || changed.Message[0].Encode() != made.Message[0].Encode() {
		t.Error("it is another ring")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the ring has the mode %v, %v", info.Mode(), err)
	}
}

// A ring opens by the letters of its passphrase, whichever keyboard typed them.
func TestUnlockByLetters(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Create(dir, "se.spoc", norm.NFD.Bytes(passphrase), work.Light); err != nil {
		t.Fatal(err)
	}
	for _, typed := range [][]byte{norm.NFC.Bytes(passphrase), norm.NFD.Bytes(passphrase)} {
		if _, err := Unlock(dir, typed); err != nil {
			t.Errorf("%q: %v", typed, err)
		}
	}
}
