package local

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// settings makes a folder a desk's.
func settings(t *testing.T, dir string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "desk.yaml"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// The causes of one failing call, each with its kind and what to do.
func TestCausesAreToldApart(t *testing.T) {
	base := t.TempDir()
	desk := filepath.Join(base, "se.spoc")
	settings(t, desk)
	left := filepath.Join(base, "left")
	settings(t, left)
	ln, err := Listen(filepath.Join(left, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	for name, want := range map[string]struct {
		dir        string
		kind       error
		text, next string
	}{
		"not running":  {desk, ErrNotServed, "no process serves this desk", ""},
		"it has ended": {left, ErrNotServed, "no process serves this desk", ""},
		"no desk here": {base, ErrNoFolder, "there is no desk in " + base + ": it has no desk.yaml", "--dir"},
		"no folder":    {filepath.Join(base, "fi.spoc"), ErrNoFolder, "there is no folder ", "--dir"},
		"a tilde":      {filepath.Join(base, "~", "fi.spoc"), ErrNoFolder, "the shell left ~ as it is", "$HOME"},
	} {
		_, err := Ask[echo](t.Context(), NewClient("desk", want.dir, filepath.Join(want.dir, "socket")), "echo", echo{})
		var u *Unreachable
		if !errors.Is(err, want.kind) || !errors.As(err, &u) || !strings.Contains(err.Error(), want.text) || !strings.Contains(u.Next(), want.next) {
			t.Errorf("%s: %v", name, err)
		}
		if want.kind != ErrNoFolder && errors.Is(err, ErrNoFolder) {
			t.Errorf("%s is told as a wrong folder", name)
		}
	}
}

// A folder whose path is too long for a socket's address is served, and asked, all the
// same; where the socket's own name is too long, that is said.
func TestLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("a", 100), strings.Repeat("b", 100))
	settings(t, dir)
	path := filepath.Join(dir, "socket")
	c := serve(t, path)
	if _, err := Ask[echo](t.Context(), c, "echo", echo{"x"}); err != nil {
		t.Error(err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another process serves") {
		t.Errorf("served twice: %v", err)
	}
	long := filepath.Join(dir, strings.Repeat("x", maxPath))
	if _, err := Listen(long); !errors.Is(err, errTooLong) || !strings.Contains(err.Error(), "shorter path") {
		t.Errorf("too long a name: %v", err)
	}
	if _, err := Ask[echo](t.Context(), NewClient("desk", dir, long), "echo", echo{}); !errors.Is(err, errTooLong) {
		t.Errorf("too long a name: %v", err)
	}
}
