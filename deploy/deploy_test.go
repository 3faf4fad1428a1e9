// Package deploy has what an operator needs to run Samband: units for systemd,
// scrape configuration and alerts for Prometheus, settings to begin with, and the
// runbook. It has no program of its own; these tests check every file against the
// programs that it speaks of: what a unit starts exists, what an alert asks is
// measured, what an alert points to is written, what a setting sets is known.
//
// check.sh beside them asks promtool and systemd what they think of the files.
package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// readYAML fails on any field that into doesn't have.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(read(t, path)))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// programs are the commands that the files here speak of, built once.
var programs = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "samband-programs"); err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", dir,
		"samband/cmd/samband-broker", "samband/cmd/samband-desk", "samband/cmd/samband-party", "samband/cmd/samband-audit")
	if said, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("build programs: %w\n%s", err, said)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := programs(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// A command is one line that calls a program of ours.
type command struct {
	program string
	sub     string // "" for none
	flags   []string
}

// parseCommand reads the words of a command line, the first being the program.
func parseCommand(words []string) command {
	c := command{program: filepath.Base(words[0])}
	for i, w := range words[1:] {
		flag, _, _ := strings.Cut(w, "=")
		switch {
		case strings.HasPrefix(flag, "--"):
			c.flags = append(c.flags, flag)
		case i == 0:
			c.sub = w
		}
	}
	return c
}

// exists fails the test unless the program has the subcommand and its flags.
func (c command) exists(t *testing.T) {
	t.Helper()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(dir, c.program), c.sub, "--help").CombinedOutput()
	if err != nil {
		t.Errorf("%s %s --help: %v\n%s", c.program, c.sub, err, out)
		return
	}
	help := string(out)
	if !strings.Contains(help, c.program+" "+c.sub) {
		t.Errorf("%s has no command %q", c.program, c.sub)
	}
	for _, flag := range c.flags {
		if !slices.Contains(strings.Fields(help), flag) {
			t.Errorf("%s %s has no flag %s", c.program, c.sub, flag)
		}
	}
}
