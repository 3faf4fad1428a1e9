package api

import (
	"testing"
	"time"

	"samband/gateway/signed"
)

func FuzzShown(f *testing.F) {
	keys, err := signed.GenerateKeys("se.spoc", signed.UseStatement)
	if err != nil {
		f.Fatal(err)
	}
	shown := Shown{Exchange: signed.Hash{1}, Signer: "se.spoc", Exporter: signed.Hash{2}}
	note, err := signed.Sign(shown.Text(), keys...)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(note.Bytes())
	f.Add([]byte(shown.Text()))
	f.Add([]byte(shown.Text() + "\n\u2014 se.spoc AAAA\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, s, err := ReadShown(b)
		if err != nil {
			return
		}
		if s.Text() != n.Text || string(n.Bytes()) != string(b) {
			t.Fatalf("%q is written again as %q", b, n.Bytes())
		}
	})
}

// Three within a minute are the alarm, whenever they begin; it comes once a minute.
func TestYields(t *testing.T) {
	for name, c := range map[string]struct {
		seconds []int // at which one yields
		alarms  int
	}{
		"two":                        {[]int{0, 1}, 0},
		"three at once":              {[]int{5, 5, 5}, 1},
		"three in a minute":          {[]int{0, 30, 60}, 1},
		"three in more":              {[]int{0, 30, 61}, 0},
		"one each half minute":       {[]int{0, 31, 62, 93, 124, 155}, 0},
		"three after others":         {[]int{0, 100, 200, 210, 220}, 1},
		"many in a minute":           {[]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 1},
		"many in a minute and after": {[]int{0, 1, 2, 3, 30, 61, 62, 63}, 2},
	} {
		var y Yields
		began, alarms := time.Now(), 0
		for _, s := range c.seconds {
			if y.Add(began.Add(time.Duration(s) * time.Second)) {
				alarms++
			}
		}
		last := began.Add(time.Duration(c.seconds[len(c.seconds)-1]) * time.Second)
		if alarms != c.alarms || y.Alarming(last) != (c.alarms > 0) || y.Alarming(last.Add(2*toldFor)) {
			t.Errorf("%s: %d alarms, expected %d", name, alarms, c.alarms)
		}
	}
}
