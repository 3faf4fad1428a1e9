package seal

import (
	"bytes"
	"errors"
	"testing"

	"filippo.io/age"

	"samband/gateway/internal/work"
)

// weak is a key file as Protect writes it, with a work factor that tests can bear.
func weak(t *testing.T, plain, passphrase string) []byte {
	t.Helper()
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(4)
	return encrypt(t, []byte(plain), r)
}

func TestProtectAndUnprotect(t *testing.T) {
	plain, passphrase := []byte("fi.spoc ed25519 not-a-key\n"), []byte("lösenord på åtta ord som ingen gissar")
	b, err := Protect(plain, passphrase, work.Factor{})
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("not-a-key")) {
		t.Error("the key file stands in the clear")
	}
	if !bytes.HasPrefix(b, []byte("age-encryption.org/v1\n-> scrypt ")) {
		t.Errorf("not an ordinary age file: %.40q", b)
	}
	got, err := Unprotect(b, passphrase)
	if err != nil || !bytes.Equal(got, plain) {
		t.Errorf("Unprotect = %q, %v", got, err)
	}
}

func TestUnprotectRefuses(t *testing.T) {
	good := weak(t, "a key file", "right")
	if got, err := Unprotect(good, []byte("right")); err != nil || string(got) != "a key file" {
		t.Fatalf("Unprotect = %q, %v", got, err)
	}
	_, recipient := openingKey(t, "fi.spoc")
	for name, c := range map[string]struct {
		file       []byte
		passphrase string
	}{
		"wrong passphrase":   {good, "wrong"},
		"space at the end":   {good, "right "},
		"no passphrase":      {good, ""},
		"empty file":         {nil, "right"},
		"not for passphrase": {encrypt(t, []byte("x"), hybrid(t, recipient)), "right"},
		// 2^30 would take a terabyte of memory: refused by its number alone.
		"absurd work factor": {bytes.Replace(good, []byte(" 4\n"), []byte(" 30\n"), 1), "right"},
	} {
		if bytes.Equal(c.file, good) && c.passphrase == "right" {
			t.Fatalf("%s: this file is good", name)
		}
		if _, err := Unprotect(c.file, []byte(c.passphrase)); !errors.Is(err, ErrPassphrase) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, file := range map[string][]byte{
		"cut": good[:len(good)-1], "flipped": flip(good, len(good)-1), "longer": append(bytes.Clone(good), 0),
	} {
		if _, err := Unprotect(file, []byte("right")); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

func TestProtectNeedsAPassphrase(t *testing.T) {
	if _, err := Protect([]byte("x"), nil, work.Factor{}); err == nil {
		t.Error("protected by no passphrase")
	}
}
