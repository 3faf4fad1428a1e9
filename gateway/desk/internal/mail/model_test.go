package mail_test

import (
	"slices"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/signed"
	"samband/schema"
)

// The model says what a desk must show of its conversations: from all that it knows,
// anew each time, without links, rows or a change. It is slow and plain on purpose.

// A note is a message as the log has it.
type note struct {
	*envelope.Envelope
	typ    *schema.Type
	says   store.Facts
	parent *note // nil: it names none, or what nobody has
	index  int64 // of its acceptance; 0: none

	accepted, consigned, ended signed.Time
	end                        envelope.Event
}

// A seen is what one desk knows of a note.
type seen struct {
	seq       int64
	accepted  bool
	consigned signed.Time // or its end, where that is its consignment
	lapsed    signed.Time
	state     client.State
	refusing  bool // it stated so
	judged    bool
	outcome   string
	says      store.Facts // what of it is known
	unread    bool        // handed over while locked
}

func (s *seen) counts() bool {
	return !s.refusing && !slices.Contains([]client.State{client.Refused, client.Expired, client.Withdrawn, client.Rejected}, s.state)
}

func (s *seen) effective() bool { return s.accepted && s.counts() && s.outcome != "" }

// A model is one desk's.
type model struct {
	desk    signed.Address
	knows   map[*note]*seen
	order   []*note // as it came to know them
	answers map[store.AnswerCount]int
}

// above are those that a note follows, the nearest first, as far as the desk knows
// them and they are of the same conversation.
func (m *model) above(n *note) (chain []*note) {
	for p := n.parent; p != nil && len(chain) < 64 && m.knows[p] != nil && together(p, n); p = p.parent {
		chain = append(chain, p)
	}
	return chain
}

func together(p, n *note) bool {
	return p.Conversation == n.Conversation && (p.From == n.From && p.To == n.To || p.From == n.To && p.To == n.From)
}

// meaning are the notes that mean something for others, in the log's order.
func (m *model) meaning() (notes []*note) {
	for _, n := range m.order {
		if m.knows[n].effective() {
			notes = append(notes, n)
		}
	}
	slices.SortFunc(notes, func(a, b *note) int { return int(a.index - b.index) })
	return notes
}

// settled is which note settled which.
func (m *model) settled() map[*note]*note {
	by := map[*note]*note{}
	for _, n := range m.meaning() {
		for _, x := range m.above(n) {
			if x.From != n.From && by[x] == nil && m.knows[x].counts() && x.typ.SettledBy(m.knows[n].outcome) {
				by[x] = n
				break
			}
		}
	}
	return by
}

// dropped is the first note of its own sender below a note that closes or drops it; nil:
// none.
func (m *model) dropped(x *note) *note {
	for _, n := range m.meaning() {
		drops := n.typ.Closes() || x.typ.DroppedBy(m.knows[n].outcome)
		if x.typ.Asks() && drops && n.From == x.From && slices.Contains(m.above(n), x) {
			return n
		}
	}
	return nil
}

// closed is the first close of a conversation; nil: it is open.
func (m *model) closed(of *note) *note {
	for _, n := range m.meaning() {
		if n.typ.Closes() && together(n, of) {
			return n
		}
	}
	return nil
}

// speak are the notes of which x is the nearest above, from the other side, of those
// that fit.
func (m *model) speak(x *note, fits func(n, x *note) bool) (notes []*note) {
	for _, n := range m.meaning() {
		for _, above := range m.above(n) {
			if above.From != n.From && above.typ.Clock != nil && fits(n, above) {
				if above == x {
					notes = append(notes, n)
				}
				break
			}
		}
	}
	return notes
}

func (m *model) questions(x *note) []*note {
	return m.speak(x, func(n, x *note) bool {
		return x.typ.Clock.Pause != nil && x.typ.Clock.Pause.By == m.knows[n].outcome
	})
}

func (m *model) open(x *note) bool {
	s := m.knows[x]
	return x.typ.Asks() && s.counts() && (s.state == client.Consigned || s.state == client.HandedOver) &&
		m.settled()[x] == nil && m.dropped(x) == nil
}

func (m *model) turn(of *note) client.Turn {
	ours, theirs := false, false
	for _, x := range m.order {
		if !together(x, of) || !m.open(x) || slices.ContainsFunc(m.questions(x), m.open) {
			continue
		}
		ours, theirs = ours || x.To == m.desk, theirs || x.From == m.desk
	}
	return map[[2]bool]client.Turn{{true, true}: client.Both, {true, false}: client.Ours, {false, true}: client.Theirs, {false, false}: client.Nobody}[[2]bool{ours, theirs}]
}

// A stand is where a clock stands.
type stand struct {
	class                   string
	due, answered           signed.Time
	paused, overdue, onTime bool
	access                  schema.Access
}

// deadline runs a clock as a person with a watch would: what is left of the term is
// used up, moment by moment, unless a question is out.
func (m *model) deadline(x *note, now time.Time) *stand {
	s := m.knows[x]
	c := x.typ.Clock
	if c == nil || c.Yearly != nil || !s.counts() || s.consigned.IsZero() {
		return nil
	}
	d := &stand{}
	start := s.consigned.AsTime()
	if from := s.says.ClockFrom; !from.IsZero() && from.AsTime().Before(start) {
		start = from.AsTime()
	}
	over, lapsed := false, false
	if by := m.settled()[x]; by != nil {
		now, over, d.answered = by.accepted.AsTime(), true, by.accepted
	} else if by := m.dropped(x); by != nil {
		now, over = by.accepted.AsTime(), true
	} else if !s.lapsed.IsZero() {
		now, over, lapsed = s.lapsed.AsTime(), true, true
	}
	type moment struct {
		at   time.Time
		what int // +1, -1: a question goes out, is answered; 0: an extension
		to   time.Time
	}
	var moments []moment
	for _, q := range m.questions(x) {
		var ends []time.Time
		if by := m.settled()[q]; by != nil {
			ends = append(ends, by.accepted.AsTime())
		}
		if by := m.dropped(q); by != nil {
			ends = append(ends, by.accepted.AsTime())
		}
		if at := m.knows[q].lapsed; !at.IsZero() {
			ends = append(ends, at.AsTime())
		}
		until := time.Time{}
		if len(ends) > 0 {
			until = slices.MinFunc(ends, time.Time.Compare)
		}
		from := q.accepted.AsTime()
		if from.Before(start) {
			from = start
		}
		if !from.After(now) && (until.IsZero() || until.After(from)) {
			moments = append(moments, moment{from, 1, time.Time{}})
			if !until.IsZero() && !until.After(now) {
				moments = append(moments, moment{until, -1, time.Time{}})
			}
		}
	}
	for _, e := range m.speak(x, func(n, x *note) bool { return slices.Contains(x.typ.Clock.ExtendedBy, m.knows[n].outcome) }) {
		if until := m.knows[e].says.ClockUntil; !until.IsZero() && !e.accepted.AsTime().After(now) {
			moments = append(moments, moment{e.accepted.AsTime(), 0, until.AsTime()})
		}
	}
	for _, n := range m.speak(x, func(n, x *note) bool { return n.typ.Declares() }) {
		if a := m.knows[n].says.Access; a != "" {
			d.access = schema.Access(a)
		}
	}
	slices.SortStableFunc(moments, func(a, b moment) int { return a.at.Compare(b.at) })

	var law time.Duration
	own := slices.ContainsFunc(c.Classes, func(k schema.ClockClass) bool { // a term of what the message says
		return k.Outcome != "" && k.Outcome == s.outcome && (k.Urgency == "" || string(k.Urgency) == x.Urgency) &&
			(k.Access == "" || d.access == "" || k.Access == d.access)
	})
	for _, k := range c.Classes {
		if own && k.Outcome == "" {
			continue
		}
		if k.Urgency != "" && string(k.Urgency) != x.Urgency || k.Access != "" && d.access != "" && k.Access != d.access || k.Outcome != "" && k.Outcome != s.outcome {
			continue
		}
		if term := length(k, start); d.class == "" || term < law {
			d.class, law = k.Label, term
		}
	}
	if d.class == "" {
		return nil
	}
	extended, has, out := time.Duration(0), false, 0
	left := func() time.Duration {
		if has && extended > law {
			return extended
		}
		return law
	}
	at := start
	pass := func(to time.Time) {
		if to.After(at) {
			if out == 0 {
				law, extended = law-to.Sub(at), extended-to.Sub(at)
			}
			at = to
		}
	}
	lost := 0 // questions that came too late
	for _, mo := range moments {
		pass(mo.at)
		switch {
		case mo.what == 1 && out == 0 && left() <= 0:
			lost++
		case mo.what == 1:
			out++
		case mo.what == -1 && lost > 0 && out == 0:
			lost--
		case mo.what == -1:
			out--
		case mo.what == 0 && left() > 0:
			extended, has = mo.to.Sub(at), true
		}
	}
	pass(now)
	d.due = signed.At(at.Add(left()))
	d.paused = out > 0 && !over
	d.overdue = left() < 0 && (!over || lapsed)
	d.onTime = !d.answered.IsZero() && left() >= 0
	return d
}

// length is how long a term of the law lasts in UTC.
func length(k schema.ClockClass, start time.Time) time.Duration {
	end := start.AddDate(0, 0, k.Days).Add(time.Duration(k.Hours) * time.Hour)
	if k.Months > 0 {
		first := time.Date(end.Year(), end.Month(), 1, end.Hour(), end.Minute(), end.Second(), 0, time.UTC).AddDate(0, k.Months, 0)
		day := first
		for day.Day() < start.Day() && day.AddDate(0, 0, 1).Month() == first.Month() {
			day = day.AddDate(0, 0, 1)
		}
		end = day
	}
	return end.Sub(start)
}

// mayFollow is whether this desk may send a note after another.
func (m *model) mayFollow(earlier *note, t *schema.Type, outcome string) bool {
	s := m.knows[earlier]
	if !s.accepted || !s.counts() || !earlier.typ.Allows(outcome, earlier.From == m.desk) {
		return false
	}
	answered, settled := false, m.settled()
	for _, x := range append([]*note{earlier}, m.above(earlier)...) {
		if x.To != m.desk || !m.knows[x].counts() || !x.typ.SettledBy(outcome) {
			continue
		}
		if settled[x] == nil && m.dropped(x) == nil {
			return true
		}
		answered = answered || settled[x] != nil
	}
	return !answered && (m.closed(earlier) == nil || t.AfterClose())
}

// passes is whether this desk's check of a received note lets it pass.
func (m *model) passes(n *note, named bool) bool {
	if !named {
		return !n.typ.OnlyReplies()
	}
	return n.parent != nil && m.knows[n.parent] != nil && together(n.parent, n) && n.parent.typ.Allows(n.says.Outcome, n.parent.From == n.From)
}
