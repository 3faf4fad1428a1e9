package schema

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Monday night in November: the request is consigned.
var start = time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC)

func clock(t testing.TB) *Clock {
	t.Helper()
	typ, ok := Embedded().Find("INFO_REQUEST", "1.0")
	if !ok {
		t.Fatal("no INFO_REQUEST")
	}
	return typ.Clock
}

func hours(n float64) time.Time { return start.Add(time.Duration(n * float64(time.Hour))) }

// Which term runs: Directive (EU) 2023/977 Art. 5(1).
func TestClasses(t *testing.T) {
	for _, c := range []struct {
		urgency Urgency
		access  Access
		class   string
		due     time.Time
	}{
		{Urgent, Direct, "8h", hours(8)},
		{Urgent, Undeclared, "8h", hours(8)},
		{Urgent, Indirect, "3d", hours(72)},
		{NonUrgent, Direct, "7d", hours(168)},
		{NonUrgent, Undeclared, "7d", hours(168)},
		{NonUrgent, Indirect, "7d", hours(168)},
	} {
		d := clock(t).At(Run{Urgency: c.urgency, Access: c.access, Start: start}, start)
		if d.Class != c.class || !d.Due.Equal(c.due) || d.Overdue || d.Paused {
			t.Errorf("%s %q: %+v", c.urgency, c.access, d)
		}
	}
}

func TestPauses(t *testing.T) {
	at := func(from, until float64) Pause { return Pause{hours(from), hours(until)} }
	open := func(from float64) Pause { return Pause{From: hours(from)} }
	for name, c := range map[string]struct {
		pauses  []Pause
		now     float64
		due     float64
		paused  bool
		overdue bool
	}{
		"none":                    {nil, 7, 8, false, false},
		"to the moment":           {nil, 8, 8, false, false},
		"over":                    {nil, 8.5, 8, false, true},
		"one":                     {[]Pause{at(2, 5)}, 9, 11, false, false},
		"two, out of order":       {[]Pause{at(6, 7), at(2, 5)}, 9, 12, false, false},
		"overlapping":             {[]Pause{at(2, 5), at(4, 6)}, 9, 12, false, false},
		"one within another":      {[]Pause{at(2, 6), at(3, 4)}, 9, 12, false, false},
		"touching":                {[]Pause{at(2, 3), at(3, 4)}, 9, 10, false, false},
		"open":                    {[]Pause{open(2)}, 50, 56, true, false},
		"open this very moment":   {[]Pause{open(2)}, 2, 8, true, false},
		"open over a closed one":  {[]Pause{at(3, 4), open(2)}, 10, 16, true, false},
		"closed over an open one": {[]Pause{at(2, 4), open(3)}, 10, 16, true, false},
		"ends later than now":     {[]Pause{at(2, 20)}, 10, 16, true, false},
		"begins later than now":   {[]Pause{at(5, 7)}, 3, 8, false, false},
		"begun too late":          {[]Pause{open(9)}, 10, 8, false, true},
		"begun at the last":       {[]Pause{open(8)}, 10, 8, false, true},
		"saved by an earlier one": {[]Pause{at(1, 4), open(9)}, 20, 22, true, false},
		"before the start":        {[]Pause{at(-3, 1)}, 2, 9, false, false},
		"backwards":               {[]Pause{at(5, 2)}, 6, 8, false, false},
	} {
		d := clock(t).At(Run{Urgency: Urgent, Access: Direct, Start: start, Pauses: c.pauses}, hours(c.now))
		if !d.Due.Equal(hours(c.due)) || d.Paused != c.paused || d.Overdue != c.overdue {
			t.Errorf("%s: due %s, %+v", name, d.Due.Sub(start), d)
		}
		if d.Remaining != d.Due.Sub(hours(c.now)) {
			t.Errorf("%s: remaining %s", name, d.Remaining)
		}
	}
}

// A desk that puts its clocks forward loses no hour and gains none.
func TestCalendarDaysAreUTC(t *testing.T) {
	night := time.Date(2026, 3, 27, 23, 30, 0, 0, time.FixedZone("EET", 2*3600))
	d := clock(t).At(Run{Urgency: Urgent, Access: Indirect, Start: night}, night)
	if want := time.Date(2026, 3, 30, 21, 30, 0, 0, time.UTC); d.Due != want {
		t.Errorf("due %s, want %s", d.Due, want)
	}
}

// While paused nothing runs out; pausing never shortens; a second time the same
// pauses are named they count for nothing.
func TestPauseLaws(t *testing.T) {
	c := clock(t)
	rapid.Check(t, func(t *rapid.T) {
		var pauses []Pause
		for range rapid.IntRange(0, 5).Draw(t, "pauses") {
			from := rapid.IntRange(-60, 900).Draw(t, "from")
			p := Pause{From: start.Add(time.Duration(from) * time.Minute)}
			if n := rapid.IntRange(0, 300).Draw(t, "minutes"); n > 0 {
				p.Until = p.From.Add(time.Duration(n) * time.Minute)
			}
			pauses = append(pauses, p)
		}
		now := start.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "now")) * time.Minute)
		run := Run{Urgency: Urgent, Start: start, Pauses: pauses}
		d := c.At(run, now)
		if d.Due.Before(hours(8)) || d.Overdue && d.Paused {
			t.Fatalf("%+v", d)
		}
		run.Pauses = append(pauses, pauses...)
		if twice := c.At(run, now); twice != d {
			t.Fatalf("%+v, named twice %+v", d, twice)
		}
		if run.Pauses = pauses; d.Paused {
			later := c.At(run, now.Add(time.Second))
			if later.Paused && later.Remaining != d.Remaining {
				t.Fatalf("remaining %s, a second later %s", d.Remaining, later.Remaining)
			}
		}
	})
}
