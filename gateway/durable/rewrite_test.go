package durable

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A file that is written anew from anywhere has the bytes that it had.
func TestRewrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	content := noise(3<<20 + 5)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range []int64{0, 1, 2 << 20, int64(len(content)) - 1, int64(len(content))} {
		if err := Rewrite(path, from); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
			t.Errorf("from %d on it is another: %v", from, err)
		}
	}
	long := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, long, long); err != nil {
		t.Fatal(err)
	}
	if err := Rewrite(path, 2<<20); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || !info.ModTime().After(long.Add(time.Minute)) {
		t.Errorf("it was not written: %v", err)
	}
	if err := Rewrite(filepath.Join(t.TempDir(), "none"), 0); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
}
