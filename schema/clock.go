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

// A Clock is the legal deadline of a type. What settles a message of the type stops
// its clock.
type Clock struct {
	Source     string       `json:"source"`
	Mark       string       `json:"mark"`
	Start      string       `json:"start"`       // the event that starts it: "consigned"
	Pause      *ClockPause  `json:"pause"`       // nil: nothing pauses it
	ExtendedBy []string     `json:"extended_by"` // replies, by outcome, that say until when
	Classes    []ClockClass `json:"classes"`
	Yearly     *Yearly      `json:"yearly"` // the type is owed each year: it has nothing of the above
}

// Yearly is a day of each year by which a message of a type is owed.
type Yearly struct {
	Month int `json:"month"`
	Day   int `json:"day"`
}

// A ClockPause names the two types between whose acceptance a clock stands still.
type ClockPause struct {
	By     string `json:"by"`
	Until  string `json:"until"`
	Source string `json:"source"`
	Mark   string `json:"mark"`
}

// A ClockClass is one term of a clock. An empty Urgency, Access or Outcome fits all.
type ClockClass struct {
	Label   string      `json:"label"` // "8h", "3d": safe as a metric label
	Urgency Urgency     `json:"urgency"`
	Access  Access      `json:"access"`
	Outcome string      `json:"outcome"` // of the message whose clock it is
	Hours   int         `json:"hours"`   // either hours
	Days    int         `json:"days"`    // or calendar days
	Months  int         `json:"months"`  // or calendar months
	Source  string      `json:"source"`  // its article, where it is not the clock's
	Mark    string      `json:"mark"`
	AtEnd   string      `json:"at_end"` // "stop": what was begun must stop when the term ends
	Then    *ClockClass `json:"then"`   // the term that follows, where the law has one
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

// check refuses a clock that leaves some message without a term, or that speaks of
// an outcome which the type doesn't have.
func (c *Clock) check(outcomes []outcome) error {
	if c.Source == "" || !marked(c.Mark) {
		return fmt.Errorf("clock: source or mark is missing")
	}
	if c.Yearly != nil {
		if day := fmt.Sprintf("2001-%02d-%02d", c.Yearly.Month, c.Yearly.Day); c.Start != "" || len(c.Classes) > 0 || !isDay(day) {
			return fmt.Errorf("clock: one that is yearly has a day of the year and nothing else")
		}
		return nil
	}
	if c.Start != "consigned" {
		return fmt.Errorf("clock: start is wrong")
	}
	for _, k := range c.Classes {
		if err := k.check(); err != nil {
			return err
		}
		if k.Outcome != "" && !slices.ContainsFunc(outcomes, func(o outcome) bool { return o.Name == k.Outcome }) {
			return fmt.Errorf("clock: %q is no outcome of the type", k.Outcome)
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

func (k *ClockClass) check() error {
	lengths := 0
	for _, n := range []int{k.Hours, k.Days, k.Months} {
		if n < 0 {
			lengths = -1
			break
		}
		if n > 0 {
			lengths++
		}
	}
	if k.Label == "" || lengths != 1 {
		return fmt.Errorf("clock: term %q has not one positive length", k.Label)
	}
	if k.AtEnd != "" && k.AtEnd != "stop" {
		return fmt.Errorf("clock: term %q has an unknown end", k.Label)
	}
	if k.Then != nil {
		return k.Then.check()
	}
	return nil
}
