package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestExitCodes(t *testing.T) {
	dir, locked := filepath.Join(t.TempDir(), "se"), filepath.Join(t.TempDir(), "no")
	right, wrong := filepath.Join(t.TempDir(), "right"), filepath.Join(t.TempDir(), "wrong")
	for _, file := range []string{right, wrong} {
		if err := os.WriteFile(file, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		want int
		args []string
	}{
		{0, []string{"init", "--dir", dir, "--party", "se", "--title", "Sverige", "--founder", "--no-passphrase", "--json"}},
		{0, []string{"--help"}},
		{0, []string{"init", "--dir", locked, "--party", "no", "--title", "Norge", "--passphrase-file", right}},
		{5, []string{"accede", "--dir", locked, "--passphrase-file", wrong, right}},
		{1, []string{"desk", "--dir", dir, "nowhere", "--title", "x", "--function", "spoc", "--language", "sv", "--hours", "x", "--telephone", "x"}},
		{1, []string{"revoke", "--dir", dir, "se.spoc"}}, // of no exchange yet
		{2, []string{"frobnicate"}},
		{2, []string{"init", "--dir", dir}},
		{2, []string{"init", "--colour", "red"}},
		{2, []string{"sign"}},
		{2, []string{"revoke", "--safe", "--root", "se"}},
		{4, []string{"revoke", "--dir", dir, "fi.spoc"}},
		{4, []string{"admit", "--dir", dir, filepath.Join(dir, "authority", "key")}},
	} {
		if got := run(c.args, strings.NewReader(""), io.Discard, io.Discard); got != c.want {
			t.Errorf("%v: exit %d, want %d", c.args, got, c.want)
		}
	}
}
