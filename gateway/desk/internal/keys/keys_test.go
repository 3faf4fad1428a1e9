package keys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/envelope"
	"samband/gateway/internal/work"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

var passphrase = []byte("nine geese over Åland, 1987")

// A ring costs the true work, unless it was made light for a test; its rotation makes
// even that one cost it. The work that a key file asks for stands in its second line.
func TestWorkOfRings(t *testing.T) {
	asks := func(dir string) string {
		b, err := os.ReadFile(filepath.Join(dir, LockedFile))
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Fields(strings.Split(string(b), "\n")[1])
		return fields[len(fields)-1]
	}
	full, light := t.TempDir(), t.TempDir()
	for dir, c := range map[string]struct {
		factor work.Factor
		want   string
	}{full: {work.Factor{}, "18"}, light: {work.Light, "8"}} {
		if _, _, err := Create(dir, "se.spoc", passphrase, c.factor); err != nil {
			t.Fatal(err)
		}
		if got := asks(dir); got != c.want {
			t.Errorf("a new ring costs 2^%s, want 2^%s", got, c.want)
		}
	}
	if err := Rotate(light, passphrase); err != nil {
		t.Fatal(err)
	}
	if got := asks(light); got != "18" {
		t.Errorf("a rotated ring costs 2^%s, want 2^18", got)
	}
}

// A ring's life: made once, opened, rotated; the old opening key stays.
func TestRings(t *testing.T) {
	dir := t.TempDir()
	online, locked, err := Create(dir, "se.spoc", passphrase, work.Light)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Create(dir, "se.spoc", passphrase, work.Light); !errors.Is(err, ErrExists) {
		t.Errorf("keys were made over others: %v", err)
	}
	again, err := OpenOnline(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !again.TLS.Equal(online.TLS) || again.Receipts[0].Encode() != online.Receipts[0].Encode() {
		t.Error("the online ring does not come back as it was")
	}
	if _, err := Unlock(dir, []byte("ten geese")); !errors.Is(err, seal.ErrPassphrase) {
		t.Errorf("a wrong passphrase: %v", err)
	}

	hash := signed.HashOf("a message")
	wrapped := locked.Wrap(seal.FileKey{1, 2, 3}, "FULL", hash)
	first := locked.Recipient()
	if err := Rotate(dir, passphrase); err != nil {
		t.Fatal(err)
	}
	rotated, err := Unlock(dir, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if rotated.Recipient() == first {
		t.Error("rotation made no new key")
	}
	for _, recipient := range []string{first, rotated.Recipient()} {
		if _, ok := rotated.Identity(envelope.KeyIDOf(recipient)); !ok {
			t.Error("a key is lost by rotation")
		}
	}
	if _, ok := rotated.Identity(envelope.KeyID{}); ok {
		t.Error("a key that nobody made is there")
	}
	if key, outcome, err := rotated.Unwrap(wrapped, hash); err != nil || key != (seal.FileKey{1, 2, 3}) || outcome != "FULL" {
		t.Errorf("the storage key changed: %v", err)
	}
	if got := rotated.Statement(); len(got) != 1 || got[0].Public.Algorithm != signed.Ed25519 {
		t.Error("a statement is signed by other keys than the pair's Ed25519")
	}

	info, err := os.Stat(filepath.Join(dir, LockedFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the locked ring's file: %v, %v", info.Mode(), err)
	}
	b, err := os.ReadFile(filepath.Join(dir, LockedFile))
	if err != nil || bytes.Contains(b, []byte("AGE-SECRET")) {
		t.Error("the locked ring lies open")
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".new-*"))
	if len(left) != 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// A wrapped key opens for its own message, complete and undamaged, and for no other.
func TestWrap(t *testing.T) {
	l, err := newLocked("se.spoc")
	if err != nil {
		t.Fatal(err)
	}
	mine, other := signed.HashOf("mine"), signed.HashOf("other")
	wrapped := l.Wrap(seal.FileKey{7}, "", mine)
	if bytes.Equal(wrapped, l.Wrap(seal.FileKey{7}, "", mine)) {
		t.Error("a nonce was used twice")
	}
	if _, _, err := l.Unwrap(wrapped, other); err == nil {
		t.Error("it opens for another message")
	}
	for n := range wrapped {
		damaged := bytes.Clone(wrapped)
		damaged[n] ^= 1
		if _, _, err := l.Unwrap(damaged, mine); err == nil {
			t.Errorf("it opens with byte %d damaged", n)
		}
		if _, _, err := l.Unwrap(wrapped[:n], mine); err == nil {
			t.Errorf("it opens cut to %d bytes", n)
		}
	}
}

// A ring file that is damaged says so and quotes nothing.
func TestDamagedRing(t *testing.T) {
	l, err := newLocked("se.spoc")
	if err != nil {
		t.Fatal(err)
	}
	secret := l.Message[0].Encode()
	for name, text := range map[string]string{
		"no JSON":        secret,
		"empty":          "{}",
		"no opening key": `{"message":["` + secret + `"],"storage":"AAAA"}`,
		"damaged key":    `{"message":["` + secret[:len(secret)-3] + `"]}`,
	} {
		_, err := parseLocked([]byte(text))
		if err == nil {
			t.Errorf("%s: it was read", name)
		} else if strings.Contains(err.Error(), secret[10:30]) {
			t.Errorf("%s: the error quotes a key", name)
		}
	}
}

// What was found opens for its own query, and is no wrapped key, nor the other way round.
func TestSealMatch(t *testing.T) {
	l, err := newLocked("se.spoc")
	if err != nil {
		t.Fatal(err)
	}
	mine, other := signed.HashOf("mine"), signed.HashOf("other")
	match := make([]byte, 64)
	sealed := l.SealMatch(match, mine)
	if got, err := l.OpenMatch(sealed, mine); err != nil || !bytes.Equal(got, match) {
		t.Errorf("opened %q, %v", got, err)
	}
	if _, err := l.OpenMatch(sealed, other); err == nil {
		t.Error("it opens for another query")
	}
	if _, err := l.OpenMatch(sealed[:4], mine); err == nil {
		t.Error("it opens cut short")
	}
	if _, _, err := l.Unwrap(sealed, mine); err == nil {
		t.Error("it opens as a key")
	}
	if _, err := l.OpenMatch(l.Wrap(seal.FileKey{7}, "", mine), mine); err == nil {
		t.Error("a key opens as a match")
	}
}
