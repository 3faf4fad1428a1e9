package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMachineZone(t *testing.T) {
	dir := t.TempDir()
	link := func(name, to string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(to, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("TZif2"), 0o644); err != nil {
		t.Fatal(err)
	}
	stockholm := link("stockholm", "../usr/share/zoneinfo/Europe/Stockholm")
	for _, c := range []struct{ tz, localtime, want string }{
		{"-", stockholm, "Europe/Stockholm"},
		{"-", link("absolute", "/usr/share/zoneinfo/America/Argentina/Ushuaia"), "America/Argentina/Ushuaia"},
		{"-", link("elsewhere", "/etc/clock"), ""},
		{"-", file, ""},
		{"-", filepath.Join(dir, "nothing"), ""},
		{"Europe/Lisbon", stockholm, "Europe/Lisbon"},
		{":Europe/Lisbon", stockholm, "Europe/Lisbon"},
		{":/usr/share/zoneinfo/Europe/Lisbon", stockholm, "Europe/Lisbon"},
		{"", stockholm, ""}, // set, and to nothing: Go takes UTC for it, others do not
	} {
		t.Setenv("TZ", c.tz)
		if c.tz == "-" {
			os.Unsetenv("TZ") // Setenv puts back what was there
		}
		if got := machineZone(c.localtime); got != c.want {
			t.Errorf("TZ %q, local time %s: %q, want %q", c.tz, filepath.Base(c.localtime), got, c.want)
		}
	}
}

func TestZoneOf(t *testing.T) {
	for _, c := range []struct{ flag, tz, want string }{
		{"Europe/Stockholm", "Europe/Lisbon", "Europe/Stockholm"},
		{"", "Europe/Lisbon", "Europe/Lisbon"},
		{"", "CET-1CEST", ""}, // a rule of its own, and the name of nothing
		{"", "", ""},
		{"", "Local", ""},
		{"", "../Europe/Lisbon", ""},
		{"Europe/Stokholm", "Europe/Lisbon", ""},
		{"Local", "Europe/Lisbon", ""},
	} {
		t.Setenv("TZ", c.tz)
		got, err := zoneOf(c.flag)
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("--zone %q, TZ %q: %q, %v", c.flag, c.tz, got, err)
		}
	}
}
