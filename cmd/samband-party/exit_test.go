package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
)

func TestExitCodes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "se")
	for _, c := range []struct {
		want int
		args []string
	}{
		{0, []string{"init", "--dir", dir, "--party", "se", "--title", "Sverige", "--founder", "--json"}},
		{0, []string{"--help"}},
		{exitFailed, []string{"issue", "--dir", dir, "nowhere"}},
		{exitFailed, []string{"revoke", "--dir", dir, "se.spoc"}}, // of no exchange yet
		{exitUsage, []string{"frobnicate"}},
		{exitUsage, []string{"init", "--dir", dir}},
		{exitUsage, []string{"init", "--colour", "red"}},
		{exitUsage, []string{"sign"}},
		{exitUsage, []string{"revoke", "--safe", "--root", "se"}},
		{exitRefused, []string{"revoke", "--dir", dir, "fi.spoc"}},
		{exitRefused, []string{"admit", "--dir", dir, filepath.Join(dir, "authority", "key")}},
	} {
		if got := run(c.args, strings.NewReader(""), io.Discard, io.Discard); got != c.want {
			t.Errorf("%v: exit %d, want %d", c.args, got, c.want)
		}
	}
}
