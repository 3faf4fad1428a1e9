package schema

import (
	"archive/zip"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// wall is the time that the clocks of a zone show, in the zone's own words.
const wall = "2006-01-02 15:04:05 -0700"

// Days and months end at the same time of day by the clocks of the desk that owes the
// answer: through both changes of summer time, with the system's database of time
// zones and with the program's own.
func TestZones(t *testing.T) {
	for _, c := range []struct{ name, zone, start, days, months string }{
		{"forward, over the change", "Europe/Stockholm", "2026-03-27 12:00:00 +0100", "2026-03-30 12:00:00 +0200", "2026-05-27 12:00:00 +0200"},
		{"forward, to a time that is skipped", "Europe/Stockholm", "2026-03-26 02:30:00 +0100", "2026-03-29 03:00:00 +0200", "2026-05-26 02:30:00 +0200"},
		{"forward, to the moment of the change", "Europe/Stockholm", "2026-03-26 02:00:00 +0100", "2026-03-29 03:00:00 +0200", "2026-05-26 02:00:00 +0200"},
		{"back, over the change", "Europe/Stockholm", "2026-10-23 12:00:00 +0200", "2026-10-26 12:00:00 +0100", "2026-12-23 12:00:00 +0100"},
		{"back, to a time that comes twice", "Europe/Stockholm", "2026-10-22 02:30:00 +0200", "2026-10-25 02:30:00 +0200", "2026-12-22 02:30:00 +0100"},
		{"back, from the second of the two", "Europe/Stockholm", "2026-10-25 02:30:00 +0100", "2026-10-28 02:30:00 +0100", "2026-12-25 02:30:00 +0100"},
		{"back, the hour after", "Europe/Stockholm", "2026-10-22 03:00:00 +0200", "2026-10-25 03:00:00 +0100", "2026-12-22 03:00:00 +0100"},

		{"forward, over the change", "Europe/Lisbon", "2026-03-27 12:00:00 +0000", "2026-03-30 12:00:00 +0100", "2026-05-27 12:00:00 +0100"},
		{"forward, to a time that is skipped", "Europe/Lisbon", "2026-03-26 01:30:00 +0000", "2026-03-29 02:00:00 +0100", "2026-05-26 01:30:00 +0100"},
		{"back, over the change", "Europe/Lisbon", "2026-10-23 12:00:00 +0100", "2026-10-26 12:00:00 +0000", "2026-12-23 12:00:00 +0000"},
		{"back, to a time that comes twice", "Europe/Lisbon", "2026-10-22 01:30:00 +0100", "2026-10-25 01:30:00 +0100", "2026-12-22 01:30:00 +0000"},

		{"no summer time, in spring", "Europe/Istanbul", "2026-03-26 03:30:00 +0300", "2026-03-29 03:30:00 +0300", "2026-05-26 03:30:00 +0300"},
		{"no summer time, in autumn", "Europe/Istanbul", "2026-10-22 03:30:00 +0300", "2026-10-25 03:30:00 +0300", "2026-12-22 03:30:00 +0300"},

		{"months end with the month", "Europe/Stockholm", "2026-12-31 10:00:00 +0100", "2027-01-03 10:00:00 +0100", "2027-02-28 10:00:00 +0100"},
	} {
		t.Run(c.zone+"/"+c.name, func(t *testing.T) {
			eachDatabase(t, c.zone, func(t *testing.T, zone *time.Location) {
				start, err := time.Parse(wall, c.start)
				if err != nil {
					t.Fatal(err)
				}
				for want, class := range map[string]ClockClass{c.days: {Label: "3d", Days: 3}, c.months: {Label: "2mo", Months: 2}} {
					clock := &Clock{Classes: []ClockClass{class}}
					d := clock.At(Run{Start: start, Zone: zone}, start)
					if got := d.Due.In(zone).Format(wall); got != want {
						t.Errorf("%s from %s is due %s, want %s", class.Label, c.start, got, want)
					}
					if at := clock.At(Run{Start: start, Zone: zone}, d.Due); at.Overdue {
						t.Errorf("overdue at its end")
					}
					if at := clock.At(Run{Start: start, Zone: zone}, d.Due.Add(time.Second)); !at.Overdue {
						t.Errorf("not overdue after its end")
					}
				}
				hours := (&Clock{Classes: []ClockClass{{Label: "8h", Hours: 8}}}).At(Run{Start: start, Zone: zone}, start)
				if hours.Due.Sub(start) != 8*time.Hour {
					t.Errorf("8 hours last %s", hours.Due.Sub(start))
				}
			})
		})
	}
}

// eachDatabase runs a test with the system's database of time zones, where there is
// one, and with the one that Go brings: package time/tzdata is made of that file.
func eachDatabase(t *testing.T, name string, run func(*testing.T, *time.Location)) {
	t.Helper()
	if data, err := os.ReadFile("/usr/share/zoneinfo/" + name); err == nil {
		t.Run("system's", func(t *testing.T) { run(t, location(t, name, data)) })
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	own, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	data, err := fs.ReadFile(own, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("Go's", func(t *testing.T) { run(t, location(t, name, data)) })
}

func location(t *testing.T, name string, data []byte) *time.Location {
	t.Helper()
	zone, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// What is owed by 1 March is late when 2 March begins, where the desk is.
func TestYearly(t *testing.T) {
	eachDatabase(t, "Europe/Stockholm", func(t *testing.T, zone *time.Location) {
		start, end := (&Yearly{Month: 3, Day: 1}).Term(2027, zone)
		if got := start.In(zone).Format(wall); got != "2027-01-01 00:00:00 +0100" {
			t.Errorf("begins %s", got)
		}
		if got := end.In(zone).Format(wall); got != "2027-03-02 00:00:00 +0100" {
			t.Errorf("ends %s", got)
		}
	})
}
