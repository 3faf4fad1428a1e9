package seal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// FuzzOpen: no bytes that come as an envelope, or as the sealed part of a true
// one, open as anything but what its header commits to; what doesn't open is
// refused by a code, or named as sealed to a key that the ring lacks.
func FuzzOpen(f *testing.F) {
	good := vector(f, "envelope")
	f.Add(good)
	faults, err := os.ReadDir(filepath.Join(vectors, "faults"))
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range faults {
		f.Add(vector(f, "faults/"+v.Name()))
	}
	carrier, err := envelope.Parse(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(carrier.Sealed)
	f.Add(carrier.Sealed[:len(carrier.Sealed)-1])
	f.Add([]byte("age-encryption.org/v1\n"))
	mine, _ := openingKey(f, "fi.spoc")
	other, _ := openingKey(f, "se.spoc")
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := envelope.Parse(b)
		if err != nil {
			e = &envelope.Envelope{Header: carrier.Header, Note: carrier.Note, Sealed: b}
		}
		opens(t, e, mine)
		e.Header.Sealed = envelope.SealedOf(e.Sealed) // as a sender of bad will writes it
		opens(t, e, mine)
		if _, _, err := Open(e, other); err == nil && e.ToKey == carrier.ToKey {
			t.Fatal("opened with another desk's key")
		}
	})
}

func opens(t *testing.T, e *envelope.Envelope, identity string) {
	t.Helper()
	c, key, err := Open(e, identity)
	if err != nil {
		if _, named := problem.Of(err); !named && !errors.Is(err, errNoKey) {
			t.Fatalf("refused without a code: %v", err)
		}
		return
	}
	if body, statistics := c.commitments(); body != e.Body || statistics != e.Statistics {
		t.Fatal("opened as what the header doesn't commit to")
	}
	if _, err := c.frame(signed.HashOf(e.Bound())); err != nil {
		t.Fatalf("opened, and can't be written again: %v", err)
	}
	if again, err := OpenWith(e, key); err != nil || !equal(again, c) {
		t.Fatalf("with the file key alone: %v", err)
	}
}
