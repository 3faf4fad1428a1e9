package index_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"samband/gateway/broker/internal/index"
)

// Any byte of a closed index that is another is found when it is opened, even one that SQLite
// takes for a value.
func TestBentIndex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index.db")
	again := func() error {
		x, err := index.Open(path)
		if err == nil {
			err = x.Close()
		}
		return err
	}
	if err := errors.Join(again(), again()); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at += 4099 {
		bent := append([]byte(nil), whole...)
		bent[at] ^= 1
		if err := os.WriteFile(path, bent, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := again(); !errors.Is(err, index.ErrUnsound) {
			t.Fatalf("byte %d: %v", at, err)
		}
		x, err := index.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
		if whole, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(path); err != nil { // as a person may
		t.Fatal(err)
	}
	if err := again(); !errors.Is(err, index.ErrUnsound) {
		t.Errorf("deleted: %v", err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
}
