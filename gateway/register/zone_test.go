package register

import (
	"bytes"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the zones of this test, on a machine without a database

	"samband/gateway/problem"
)

func TestZones(t *testing.T) {
	long := strings.Repeat("a", maxZone)
	for zone, want := range map[Zone]problem.Code{
		"Europe/Stockholm":               "",
		"UTC":                            "",
		"Etc/GMT+5":                      "",
		"America/Argentina/Buenos_Aires": "",
		"America/Port-au-Prince":         "",
		"Europe/Atlantis":                "", // no database is asked
		Zone(long):                       "",
		Zone(long + "a"):                 problem.TextMalformed,
		"":                               problem.TextMalformed,
		"/Europe/Stockholm":              problem.TextMalformed,
		"Europe/Stockholm/":              problem.TextMalformed,
		"Europe//Stockholm":              problem.TextMalformed,
		"Europe/Stock holm":              problem.TextMalformed,
		"../Europe/Stockholm":            problem.TextMalformed,
		"Europe/São_Paulo":               problem.TextMalformed,
		"<+03>-3":                        problem.TextMalformed,
	} {
		x := settled(t)
		c := x.request("fi.spoc", ringsOf("fi.spoc", 1))
		c.Zone, c.Proof = zone, make([]byte, 64)
		t.Run(string(zone), func(t *testing.T) {
			_, err := requestForm.Parse(c.Text())
			wantCode(t, err, want)
			if want == "" {
				wantCode(t, x.Check(x.sign(x.deskIn(zone))), "")
			}
		})
	}
	x := settled(t)
	for _, line := range []string{"", "zone Europe/Helsinki Europe/Stockholm\n"} {
		d := x.deskIn("Europe/Helsinki")
		d.Card = bytes.Replace(d.Card, []byte("zone Europe/Helsinki\n"), []byte(line), 1)
		_, err := ParseEntry(d.Text())
		wantCode(t, err, problem.TextMalformed)
	}
}

// A view tells the zone of a desk at its size, and UTC where nobody could tell.
func TestZoneOfADesk(t *testing.T) {
	x := settled(t)
	before := x.Now()
	for zone, want := range map[Zone]string{
		"Asia/Tokyo": "Asia/Tokyo", "Europe/Atlantis": "UTC", "Local": "UTC", "Europe": "UTC",
	} {
		x := exchange{x.Fork(), t}
		x.enter(x.deskIn(zone))
		if got := x.Now().Zone("fi.spoc").String(); got != want {
			t.Errorf("%s: %s, want %s", zone, got, want)
		}
	}
	if got := before.Zone("fi.spoc").String(); got != "Europe/Helsinki" {
		t.Errorf("before: %s", got)
	}
	if got := before.Zone("fi.ncb"); got != time.UTC {
		t.Errorf("an unknown desk: %s", got)
	}
}

// deskIn is the entry of a desk whose request has a zone.
func (x exchange) deskIn(zone Zone) *Desk {
	r := ringsOf("fi.spoc", 1)
	c := x.request("fi.spoc", r)
	c.Zone = zone
	return with(x.desk("fi.spoc", 1), func(d *Desk) { d.Card = r.prove(x.t, c) })
}
