package schema

import (
	"testing"
	"time"
)

// A clock is extended by what was accepted before the time was up; the latest counts,
// none shortens the law's term, and pauses move what is extended.
func TestExtensions(t *testing.T) {
	at := func(at, until float64) Extension { return Extension{At: hours(at), Until: hours(until)} }
	for name, c := range map[string]struct {
		extensions []Extension
		pauses     []Pause
		now        float64
		due        float64
		counts     int // 0: none
		overdue    bool
	}{
		"in time":                      {[]Extension{at(7, 30)}, nil, 20, 30, 1, false},
		"at the last":                  {[]Extension{at(8, 30)}, nil, 20, 8, 0, true},
		"too late":                     {[]Extension{at(9, 30)}, nil, 20, 8, 0, true},
		"once more":                    {[]Extension{at(7, 30), at(29, 60)}, nil, 40, 60, 2, false},
		"once more, too late":          {[]Extension{at(7, 30), at(31, 60)}, nil, 40, 30, 1, true},
		"the latest counts":            {[]Extension{at(1, 60), at(2, 30)}, nil, 20, 30, 2, false},
		"shorter than the law's":       {[]Extension{at(1, 4)}, nil, 5, 8, 1, false},
		"still to come":                {[]Extension{at(7, 30)}, nil, 6, 8, 0, false},
		"during a pause":               {[]Extension{at(10, 30)}, []Pause{{hours(2), hours(20)}}, 25, 40, 1, false},
		"during an open pause":         {[]Extension{at(10, 30)}, []Pause{{From: hours(2)}}, 20, 40, 1, false},
		"saved by a pause":             {[]Extension{at(10, 30)}, []Pause{{hours(2), hours(5)}}, 20, 30, 1, false},
		"pause after it":               {[]Extension{at(2, 30)}, []Pause{{hours(29), hours(31)}}, 31, 32, 1, false},
		"pause that it saves":          {[]Extension{at(2, 30)}, []Pause{{hours(10), hours(12)}}, 20, 32, 1, false},
		"says nothing":                 {[]Extension{{At: hours(1)}}, nil, 9, 8, 0, true},
		"the end of a pause begins it": {[]Extension{at(5, 30)}, []Pause{{hours(2), hours(5)}}, 20, 30, 1, false},
	} {
		d := clock(t).At(Run{Urgency: Urgent, Start: start, Pauses: c.pauses, Extensions: c.extensions}, hours(c.now))
		var counts Extension
		if c.counts > 0 {
			counts = c.extensions[c.counts-1]
		}
		if !d.Due.Equal(hours(c.due)) || d.Extended != counts || d.Overdue != c.overdue {
			t.Errorf("%s: due after %s, %+v", name, d.Due.Sub(start), d)
		}
	}
}

// A clock begins when its sender says that it began, if that was before.
func TestClockFrom(t *testing.T) {
	c := &Clock{Source: "Art. 40", Classes: []ClockClass{{Label: "5h", Hours: 5, AtEnd: "stop"}}}
	for from, due := range map[float64]float64{-3: 2, 0: 5, 3: 5} {
		d := c.At(Run{Start: start, From: hours(from)}, start)
		if !d.Due.Equal(hours(due)) || d.AtEnd != "stop" || d.Source != "Art. 40" {
			t.Errorf("from %v: %+v", from, d)
		}
	}
}

// A term that depends on the outcome runs for that outcome alone; once the first term
// has ended, the next one shows, from the same start.
func TestOutcomesAndThen(t *testing.T) {
	c := &Clock{Source: "Art. 59", Classes: []ClockClass{
		{Label: "14d", Days: 14},
		{Label: "10d", Outcome: "UNLAWFUL", Days: 10, Then: &ClockClass{Label: "2mo", Months: 2, Source: "Art. 59(6)"}},
	}}
	if d := c.At(Run{Start: start}, start); d.Class != "14d" || d.Then != nil {
		t.Errorf("without an outcome: %+v", d)
	}
	run := Run{Start: start, Outcome: "UNLAWFUL"}
	if d := c.At(run, hours(240)); d.Class != "10d" || d.Overdue || d.Then != nil {
		t.Errorf("on the tenth day: %+v", d)
	}
	d := c.At(run, hours(241))
	if !d.Overdue || d.Then == nil || d.Then.Class != "2mo" || d.Then.Overdue || d.Then.Source != "Art. 59(6)" {
		t.Fatalf("after ten days: %+v", d)
	}
	if want := time.Date(2027, 1, 23, 3, 12, 0, 0, time.UTC); d.Then.Due != want {
		t.Errorf("the second term ends %s, want %s", d.Then.Due, want)
	}
}

// How much of a term has passed: while it is paused, nothing more.
func TestSpent(t *testing.T) {
	for _, c := range []struct {
		pauses    []Pause
		now, want float64
	}{
		{nil, 0, 0}, {nil, 4, 0.5}, {nil, 8, 1}, {nil, 12, 1.5},
		{[]Pause{{hours(2), hours(10)}}, 12, 0.5}, {[]Pause{{From: hours(2)}}, 100, 0.25},
	} {
		d := clock(t).At(Run{Urgency: Urgent, Start: start, Pauses: c.pauses}, hours(c.now))
		if d.Spent != c.want {
			t.Errorf("after %v hours %v of the term, want %v", c.now, d.Spent, c.want)
		}
	}
}
