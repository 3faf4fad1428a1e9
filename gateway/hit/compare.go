package hit

import (
	"slices"
	"strings"
)

// doubts are what a comparison found.
type doubts struct {
	contradicts bool
	count       int
}

func (d *doubts) doubt(is bool) {
	if is {
		d.count++
	}
}

var contradiction = doubts{contradicts: true}

// Compare says what a query and a row have to do with each other, by the rule in the
// package comment. Both must be of one data set.
func Compare(asked, kept *Subject) Outcome {
	if asked.dataset != kept.dataset {
		return NoHit
	}
	switch d := datasets[asked.dataset].compare(asked, kept); {
	case d.contradicts || d.count > 1:
		return NoHit
	case d.count == 1:
		return Inconclusive
	}
	return Hit
}

// number compares two numbers that each side may lack: the same, the same but for
// look-alikes, or not.
func number(a, b string) (same, near bool) {
	same = a != "" && a == b
	return same, !same && a != "" && b != "" && lookAlike(a) == lookAlike(b)
}

// differ reports whether both sides have a value, and not the same.
func differ(a, b string) bool { return a != "" && b != "" && a != b }

// compareDocuments compares a number, the country that gave it, and a third form whose
// difference is a doubt.
func compareDocuments(x, y *Subject) (d doubts) {
	asked, kept := x.forms, y.forms
	same, near := number(asked[0], kept[0])
	if !same && !near || differ(asked[1], kept[1]) {
		return contradiction
	}
	d.doubt(near)
	d.doubt(asked[1] == "" || kept[1] == "")
	d.doubt(differ(asked[2], kept[2]))
	return d
}

// wholeVIN is how many characters a vehicle identification number has (ISO 3779).
const wholeVIN = 17

// compareVehicles goes by the VIN; else a plate is compared as the number of a document
// is, with the VIN as its third form.
func compareVehicles(x, y *Subject) (d doubts) {
	asked, kept := x.forms, y.forms
	if same, near := number(asked[2], kept[2]); same || near {
		d.doubt(near)
		d.doubt(len(asked[2]) < wholeVIN)
		return d
	}
	return compareDocuments(x, y)
}

// shortSerial is the length below which many makers have used a serial number.
const shortSerial = 4

func compareFirearms(x, y *Subject) (d doubts) {
	asked, kept := x.forms, y.forms
	same, near := number(asked[0], kept[0])
	if !same && !near {
		return contradiction
	}
	d.doubt(near)
	d.doubt(!sameMake(asked[1], kept[1]))
	d.doubt(differ(asked[2], kept[2]))
	d.doubt(len(asked[0]) < shortSerial)
	return d
}

// sameMake reports whether one make has all words of the other.
func sameMake(a, b string) bool {
	x, y := strings.Fields(a), strings.Fields(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	return len(x) > 0 && !slices.ContainsFunc(x, func(w string) bool { return !slices.Contains(y, w) })
}

// The columns of a person.
const (
	family = iota
	given
	full
	birthDate
	sex
	nationality
)

func (s *Subject) parts() []part {
	if s.name == nil {
		for _, word := range strings.Fields(s.forms[family] + " " + s.forms[given] + " " + s.forms[full]) {
			s.name = append(s.name, readPart(word))
		}
	}
	return s.name
}

// size is how many parts a person's name has.
func (s *Subject) size() (n int) {
	for _, form := range s.forms[:full+1] {
		if form != "" {
			n += 1 + strings.Count(form, " ")
		}
	}
	return n
}

func (s *Subject) born() date { return keptDate(s.forms[birthDate]) }

func comparePersons(asked, kept *Subject) (d doubts) {
	a, b := asked.born(), kept.born()
	dates := compareDates(a, b)
	if dates == datesDiffer { // most candidates: don't read their names
		return contradiction
	}
	if dates == yearUnknown && asked.size() != kept.size() { // two doubts at least
		return contradiction
	}
	name := compareNames(asked.parts(), kept.parts())
	if name.contradicts || name.parts && name.shared < 2 && !(a.complete() && a == b) {
		return contradiction
	}
	d.doubt(name.spelling)
	d.doubt(name.initials)
	d.doubt(name.parts)
	d.doubt(dates != datesAgree)
	d.doubt(differ(asked.forms[sex], kept.forms[sex]))
	d.doubt(differ(asked.forms[nationality], kept.forms[nationality]))
	if d.count == 2 && name.sound && dates == yearUnknown && name.shared > 1 {
		d.count = 1
	}
	return d
}

// What two birth dates have to do with each other.
const (
	datesAgree = iota
	yearUnknown
	datesDoubtful
	datesDiffer
)

func compareDates(a, b date) int {
	other := func(x, y int) bool { return x > 0 && y > 0 && x != y }
	switch {
	case other(a.year(), b.year()):
		return datesDiffer
	case other(a.month(), b.month()) || other(a.day(), b.day()):
		if b == a.swapped() || a.year() == b.year() && (a.placeholder() || b.placeholder()) {
			return datesDoubtful
		}
		return datesDiffer
	case a.year() == 0 || b.year() == 0:
		return yearUnknown
	}
	return datesAgree
}

// onePart is the key of all names of one part: where that is misspelt, nothing else of it
// is the same.
const onePart = "*"

// nominalEntries are the keys of each part of a name, with the birth date.
func nominalEntries(s *Subject) (entries []Entry) {
	keys := s.nameKeys()
	if len(s.parts()) == 1 {
		keys = append(keys, onePart)
	}
	for _, key := range keys {
		entries = append(entries, Entry{key, int(s.born())})
	}
	return entries
}

// nominalProbes are the keys of all parts of a name, each with the birth dates of a known
// year that don't contradict. Where one of both years is unknown, only rows are left of
// which all parts are the same or sound alike: then the keys of one part will do.
func nominalProbes(s *Subject) (probes Probes) {
	known, unknown := spans(s.born())
	keys := s.nameKeys()
	if len(s.parts()) == 1 {
		keys = append(keys, onePart)
	}
	probes.Each = cross(keys, known)
	for _, p := range s.parts() {
		probes.OneOf = append(probes.OneOf, cross(p.keys, unknown))
	}
	return probes
}

func cross(keys []string, spans [][2]int) (probes []Probe) {
	for _, key := range keys {
		for _, span := range spans {
			probes = append(probes, Probe{key, span[0], span[1]})
		}
	}
	return probes
}

func (s *Subject) nameKeys() (keys []string) {
	for _, p := range s.parts() {
		keys = append(keys, p.keys...)
	}
	return set(keys)
}

// lastDate is later than all dates.
const lastDate = (maxYear + 1) * 10000

// spans are where the dates lie that don't contradict d, as numbers: those of the same
// year, and those where the year of one of both is unknown.
func spans(d date) (known, unknown [][2]int) {
	one := func(d date) [2]int { return [2]int{int(d), int(d)} }
	switch year, month, day := d.year(), d.month(), d.day(); {
	case year == 0:
		return nil, [][2]int{{0, lastDate}}
	case day == 0 && month == 0, d.placeholder():
		return [][2]int{{year * 10000, year*10000 + 1231}}, [][2]int{{0, 1231}}
	case day == 0:
		return [][2]int{one(dateOf(year, 0, 0)), one(dateOf(year, 1, 1)), {int(d), int(d) + 31}}, [][2]int{{0, 0}, {month * 100, month*100 + 31}}
	default:
		known = [][2]int{one(dateOf(year, 0, 0)), one(dateOf(year, month, 0)), one(d), one(dateOf(year, 1, 1))}
		if s := d.swapped(); s != 0 {
			known = append(known, one(s))
		}
		return known, [][2]int{{0, 0}, one(dateOf(0, month, day))}
	}
}
