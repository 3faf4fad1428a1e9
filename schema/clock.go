package schema

import (
	"fmt"
	"slices"
	"time"
)

// An Urgency is the header's urgency line.
type Urgency string

const (
	Urgent    Urgency = "urgent"
	NonUrgent Urgency = "non-urgent"
)

// An Access is the receiving desk's declaration of how it reaches what is
// asked for. Until it declares, the shorter clock runs.
type Access string

const (
	Undeclared Access = ""
	Direct     Access = "direct"   // in a database it may query itself
	Indirect   Access = "indirect" // with another authority or a private party
)

// A Clock is the legal deadline of a type.
type Clock struct {
	Source  string       `json:"source"`
	Mark    string       `json:"mark"`
	Start   string       `json:"start"`      // the event that starts it: "consigned"
	Stops   []string     `json:"stopped_by"` // replies, by outcome
	Pause   *ClockPause  `json:"pause"`      // nil: nothing pauses it
	Classes []ClockClass `json:"classes"`
}

// A ClockPause names the two types between whose acceptance a clock stands still.
type ClockPause struct {
	By     string `json:"by"`
	Until  string `json:"until"`
	Source string `json:"source"`
	Mark   string `json:"mark"`
}

// A ClockClass is one term of a clock. An empty Urgency or Access fits all.
type ClockClass struct {
	Label   string  `json:"label"` // "8h", "3d": safe as a metric label
	Urgency Urgency `json:"urgency"`
	Access  Access  `json:"access"`
	Hours   int     `json:"hours"` // either hours
	Days    int     `json:"days"`  // or calendar days
}

// A Run is what happened to one message under a clock. All times are the
// broker's logged times.
type Run struct {
	Urgency Urgency
	Access  Access
	Start   time.Time
	Pauses  []Pause
}

// A Pause is a time in which the clock stood still; a zero Until is still open.
type Pause struct{ From, Until time.Time }

// A Deadline is where a clock stands at one moment.
type Deadline struct {
	Class     string        // the label of the term that runs
	Due       time.Time     // UTC; while paused, when it would fall due if resumed now
	Remaining time.Duration // below zero once overdue
	Paused    bool
	Overdue   bool
}

// At computes where the clock stands at now; for a message that was answered,
// pass the time of the answer. A calendar day is a day in UTC: a term of three
// days ends at the same UTC time of day three dates later, whatever the
// officers' own time zones do meanwhile. The law would let the last day run to
// its midnight; the earlier moment is the one that can't be too late.
//
// Pauses may overlap and come in any order. What lies before the start doesn't
// count, nor does a pause that began when the time was already up.
func (c *Clock) At(run Run, now time.Time) Deadline {
	class := c.class(run.Urgency, run.Access)
	start, now := run.Start.UTC(), now.UTC()
	due := class.end(start)
	d := Deadline{Class: class.Label}
	for _, p := range merged(start, now, run.Pauses) {
		if !p.From.Before(due) {
			break
		}
		due = due.Add(p.Until.Sub(p.From))
		d.Paused = p.Until.Equal(now) && p.open
	}
	d.Due, d.Remaining = due, due.Sub(now)
	d.Overdue = d.Remaining < 0
	return d
}

// StoppedBy reports whether a reply with that outcome ends the duty to answer:
// a partial answer whose rest follows doesn't.
func (c *Clock) StoppedBy(outcome string) bool { return slices.Contains(c.Stops, outcome) }

// class returns the shortest term that fits what is known.
func (c *Clock) class(u Urgency, a Access) ClockClass {
	var best ClockClass
	for _, k := range c.Classes {
		if k.fits(u, a) && (best.Label == "" || k.length() < best.length()) {
			best = k
		}
	}
	return best
}

func (k ClockClass) fits(u Urgency, a Access) bool {
	return (k.Urgency == "" || k.Urgency == u) && (k.Access == "" || a == Undeclared || k.Access == a)
}

func (k ClockClass) end(start time.Time) time.Time {
	return start.AddDate(0, 0, k.Days).Add(time.Duration(k.Hours) * time.Hour)
}

// length orders terms; in UTC every day has 24 hours.
func (k ClockClass) length() time.Duration {
	return time.Duration(k.Hours+24*k.Days) * time.Hour
}

type span struct {
	Pause
	open bool
}

// merged returns the pauses in order, without overlap, within start and now.
func merged(start, now time.Time, pauses []Pause) []span {
	var spans []span
	for _, p := range pauses {
		s := span{Pause{p.From.UTC(), p.Until.UTC()}, p.Until.IsZero() || p.Until.After(now)}
		if s.open {
			s.Until = now
		}
		if s.From.Before(start) {
			s.From = start
		}
		if s.From.Before(s.Until) || s.open && s.From.Equal(now) {
			spans = append(spans, s)
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.From.Compare(b.From) })
	var out []span
	for _, s := range spans {
		last := len(out) - 1
		switch {
		case last < 0 || s.From.After(out[last].Until):
			out = append(out, s)
		case s.Until.After(out[last].Until):
			out[last].Until, out[last].open = s.Until, s.open
		default:
			out[last].open = out[last].open || s.open && s.Until.Equal(out[last].Until)
		}
	}
	return out
}

// check refuses a clock that leaves some message without a term.
func (c *Clock) check() error {
	if c.Start != "consigned" || c.Source == "" || !marked(c.Mark) || len(c.Stops) == 0 {
		return fmt.Errorf("clock: start, source, mark or stopped_by is wrong")
	}
	for _, k := range c.Classes {
		if k.Label == "" || (k.Hours > 0) == (k.Days > 0) || k.Hours < 0 || k.Days < 0 {
			return fmt.Errorf("clock: term %q has not one positive length", k.Label)
		}
	}
	for _, u := range []Urgency{Urgent, NonUrgent} {
		for _, a := range []Access{Direct, Indirect} {
			if c.class(u, a).Label == "" {
				return fmt.Errorf("clock: no term for %s and %s", u, a)
			}
		}
	}
	return nil
}
