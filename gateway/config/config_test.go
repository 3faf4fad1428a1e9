package config

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/durable"
)

type settings struct {
	Listen  string `yaml:"listen"`
	Metrics struct {
		Listen string `yaml:"listen"`
	} `yaml:"metrics"`
	Groups int `yaml:"groups"`
}

func load(t *testing.T, text string) (settings, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := settings{Groups: 7}
	return s, Load(path, &s)
}

func TestLoadKeepsDefaults(t *testing.T) {
	s, err := load(t, "listen: 127.0.0.1:1\nmetrics:\n  listen: 127.0.0.1:2\n")
	if err != nil || s.Listen != "127.0.0.1:1" || s.Metrics.Listen != "127.0.0.1:2" || s.Groups != 7 {
		t.Fatalf("got %+v, %v", s, err)
	}
	if _, err := load(t, ""); err != nil {
		t.Fatalf("an empty file is all defaults: %v", err)
	}
}

func TestLoadNamesUnknownKey(t *testing.T) {
	for text, want := range map[string]string{
		"listn: x\n":             `line 1: unknown key "listn": did you mean "listen"?`,
		"metrics:\n  lisen: x\n": `line 2: unknown key "lisen": did you mean "listen"?`,
		"passphrase: hunter2\n":  `unknown key "passphrase"`,
		"groups: many\n":         "cannot unmarshal",
		"listen: a\nlisten: b\n": "already defined",
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestLoadIsBounded(t *testing.T) {
	var s settings
	long := filepath.Join(t.TempDir(), "long.yaml")
	if err := os.WriteFile(long, bytes.Repeat([]byte("#"), maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{"/dev/zero": durable.ErrNotRegular, long: durable.ErrTooLong} {
		if err := Load(path, &s); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
