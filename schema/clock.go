package schema

import (
	"cmp"
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
	Month int    `json:"month"`
	Day   int    `json:"day"`
	By    string `json:"by"` // the function of the desks that owe it, as the register has it
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

// A Run is what happened to one message under a clock. All times but From are the
// broker's logged times.
type Run struct {
	Urgency    Urgency
	Access     Access
	Outcome    string         // of the message whose clock it is; "" where it is not known
	Start      time.Time      // of its consignment
	From       time.Time      // when the clock began by the sender's own word; zero: it doesn't say
	Zone       *time.Location // of the desk that owes the answer; nil: UTC
	Pauses     []Pause
	Extensions []Extension // in the log's order
}

// A Pause is a time in which the clock stood still; a zero Until is still open.
type Pause struct{ From, Until time.Time }

// An Extension is a message that says until when an answer will come.
type Extension struct {
	At    time.Time // of its acceptance
	Until time.Time
	By    [32]byte // hash of its text
}

// A Deadline is where a clock stands at one moment.
type Deadline struct {
	Class     string        // the label of the term that runs
	Source    string        // its article
	Due       time.Time     // UTC; while paused, when it would fall due if resumed now
	Remaining time.Duration // below zero once overdue
	Spent     float64       // how much of the term has passed: 1 at its end
	Paused    bool
	Overdue   bool
	AtEnd     string    // "stop": what was begun must stop when the term ends
	Extended  Extension // the one that counts; zero: none does
	Then      *Deadline // the term that follows, once this one has ended
}

// At computes where the clock stands at now; for a message that was answered,
// pass the time of the answer.
//
// A calendar day or month ends at the same time of day by the clocks of the desk that
// owes the answer, whatever summer time does meanwhile; a month ends at the last day
// of a month that has no such day. Where those clocks skip that time, it is the
// moment at which they are changed; where they show it twice, the first of the two.
// An hour is an hour. The law would let the last day run to its midnight; the earlier
// moment is the one that can't be too late.
//
// The clock starts at the consignment, or earlier where the sender says so. Pauses may
// overlap and come in any order. What lies before the start doesn't count, nor does a
// pause that began when the time was already up. An extension counts when it was
// accepted before the time was up; the latest one counts, and none shortens the term
// of the law. A pause moves an extended end as it moves another.
//
// The term that follows is counted from the same start, and nothing extends it.
func (c *Clock) At(run Run, now time.Time) Deadline {
	start, now := run.Start.UTC(), now.UTC()
	if run.Zone == nil {
		run.Zone = time.UTC
	}
	if !run.From.IsZero() && run.From.Before(start) {
		start = run.From.UTC()
	}
	class := c.class(run, start)
	if class.Label == "" {
		return Deadline{}
	}
	d := c.run(class, run, start, now)
	if class.Then != nil && d.Overdue {
		run.Extensions = nil
		then := c.run(*class.Then, run, start, now)
		d.Then = &then
	}
	return d
}

// run computes where one term stands.
func (c *Clock) run(class ClockClass, run Run, start, now time.Time) Deadline {
	d := Deadline{Class: class.Label, Source: cmp.Or(class.Source, c.Source), AtEnd: class.AtEnd}
	t := term{law: class.end(start, run.Zone)}
	extensions := run.Extensions
	extend := func(before time.Time) {
		for len(extensions) > 0 && extensions[0].At.Before(before) {
			t.extend(extensions[0])
			extensions = extensions[1:]
		}
	}
	for _, p := range merged(start, now, run.Pauses) {
		extend(p.From)
		if !p.From.Before(t.due()) {
			break
		}
		at := p.From
		for len(extensions) > 0 && extensions[0].At.Before(p.Until) {
			t.move(extensions[0].At.Sub(at))
			at = extensions[0].At
			t.extend(extensions[0])
			extensions = extensions[1:]
		}
		t.move(p.Until.Sub(at))
		d.Paused = p.open && p.Until.Equal(now)
	}
	extend(now.Add(1))
	d.Due, d.Extended = t.due(), t.extension
	d.Remaining = d.Due.Sub(now)
	d.Overdue = d.Remaining < 0
	if net := d.Due.Sub(start) - t.paused; net > 0 {
		d.Spent = 1 - float64(d.Remaining)/float64(net)
	} else {
		d.Spent = 1
	}
	return d
}

// A term is where one ends, as far as it was followed.
type term struct {
	law       time.Time // by the law
	extension Extension // that counts
	until     time.Time // by it, and by the pauses since
	paused    time.Duration
}

func (t *term) due() time.Time {
	if t.until.After(t.law) {
		return t.until
	}
	return t.law
}

func (t *term) move(d time.Duration) {
	t.law, t.paused = t.law.Add(d), t.paused+d
	if !t.until.IsZero() {
		t.until = t.until.Add(d)
	}
}

func (t *term) extend(e Extension) {
	if !e.Until.IsZero() && e.At.Before(t.due()) {
		t.extension, t.until = e, e.Until.UTC()
	}
}

// class returns the term of a message: of those that name its outcome, or else of those
// that name none, the shortest that fits what is known. None: a message of that outcome has
// no clock.
func (c *Clock) class(run Run, start time.Time) ClockClass {
	for _, named := range []bool{true, false} {
		var best ClockClass
		for _, k := range c.Classes {
			if k.fits(run) && (k.Outcome != "") == named &&
				(best.Label == "" || k.end(start, run.Zone).Before(best.end(start, run.Zone))) {
				best = k
			}
		}
		if best.Label != "" {
			return best
		}
	}
	return ClockClass{}
}

func (k ClockClass) fits(r Run) bool {
	return (k.Urgency == "" || k.Urgency == r.Urgency) && (k.Access == "" || r.Access == Undeclared || k.Access == r.Access) &&
		(k.Outcome == "" || k.Outcome == r.Outcome)
}

func (k ClockClass) end(start time.Time, zone *time.Location) time.Time {
	if k.Hours > 0 {
		return start.Add(time.Duration(k.Hours) * time.Hour)
	}
	at := start.In(zone)
	year, month, day := at.Date()
	if k.Months > 0 {
		month += time.Month(k.Months)
		day = min(day, time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day())
	}
	return shown(time.Date(year, month, day+k.Days, at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), time.UTC), zone)
}

// shown is the moment at which the clocks of a zone show what wall, in UTC, shows.
func shown(wall time.Time, zone *time.Location) time.Time {
	_, before := wall.Add(-24 * time.Hour).In(zone).Zone()
	_, after := wall.Add(24 * time.Hour).In(zone).Zone()
	early := wall.Add(-time.Duration(max(before, after)) * time.Second)
	late := wall.Add(-time.Duration(min(before, after)) * time.Second)
	for _, t := range []time.Time{early, late} {
		if _, offset := t.In(zone).Zone(); t.Add(time.Duration(offset) * time.Second).Equal(wall) {
			return t
		}
	}
	_, change := early.In(zone).ZoneBounds()
	return change.UTC()
}

// Term returns the days in which a message is owed in a year: it is due before end,
// which is the midnight after its day, by the clocks of zone.
func (y *Yearly) Term(year int, zone *time.Location) (start, end time.Time) {
	return shown(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), zone), shown(time.Date(year, time.Month(y.Month), y.Day+1, 0, 0, 0, 0, time.UTC), zone)
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
		if day := fmt.Sprintf("2001-%02d-%02d", c.Yearly.Month, c.Yearly.Day); c.Start != "" || len(c.Classes) > 0 || !isDay(day) || c.Yearly.By == "" {
			return fmt.Errorf("clock: one that is yearly has a day of the year, who owes it, and nothing else")
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
	if len(c.Classes) == 0 {
		return fmt.Errorf("clock: no term at all")
	}
	return c.checkComplete()
}

// checkComplete refuses terms of which some name no outcome, and leave a message without
// one all the same.
func (c *Clock) checkComplete() error {
	plain := &Clock{}
	for _, k := range c.Classes {
		if k.Outcome == "" {
			plain.Classes = append(plain.Classes, k)
		}
	}
	if len(plain.Classes) == 0 {
		return nil // a message of another outcome has no clock
	}
	for _, u := range []Urgency{Urgent, NonUrgent} {
		for _, a := range []Access{Direct, Indirect} {
			if plain.class(Run{Urgency: u, Access: a, Zone: time.UTC}, time.Time{}).Label == "" {
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
