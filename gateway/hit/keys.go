package hit

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxValue limits a value, in bytes.
const maxValue = 400

// A column is a key of a data set, and how its value is brought to its normal form.
type column struct {
	key    Key
	normal func(string) (string, error)
}

// A dataset is what one data set has, in the order of a [Subject]'s forms.
type dataset struct {
	columns []column
	need    []Key // of which one at least must be there
	entries func(*Subject) []Entry
	probes  func(*Subject) Probes
	compare func(asked, kept *Subject) doubts
}

var datasets = map[Dataset]dataset{
	Document: {
		columns: []column{{Number, readNumber}, {Country, readCountry}, {Kind, readCode}},
		need:    []Key{Number}, entries: entriesOf(0), probes: probesOf(0), compare: compareDocuments,
	},
	Vehicle: {
		columns: []column{{Plate, readNumber}, {PlateCountry, readCountry}, {VIN, readVIN}},
		need:    []Key{Plate, VIN}, entries: entriesOf(0, 2), probes: probesOf(0, 2), compare: compareVehicles,
	},
	Firearm: {
		columns: []column{{Serial, readNumber}, {Make, readWords}, {Calibre, readCalibre}},
		need:    []Key{Serial}, entries: entriesOf(0), probes: probesOf(0), compare: compareFirearms,
	},
	Nominal: {
		columns: []column{
			{Family, readName}, {Given, readName}, {Full, readName},
			{BirthDate, readDate}, {Sex, readSex}, {Nationality, readCountry},
		},
		need: []Key{Family, Given, Full}, entries: nominalEntries, probes: nominalProbes, compare: comparePersons,
	},
}

// Datasets are the codes, in alphabetical order.
func Datasets() []Dataset { return slices.Sorted(maps.Keys(datasets)) }

// Keys are the keys of a data set; none for no data set.
func (d Dataset) Keys() (keys []Key) {
	for _, c := range datasets[d].columns {
		keys = append(keys, c.key)
	}
	return keys
}

// A Fault is what is wrong with one value of a query or row. Its text names the rule and
// never the value, which may be about a person.
type Fault struct {
	Key  Key // "" when it is not about one key
	Rule string
}

func (f *Fault) Error() string {
	if f.Key == "" {
		return f.Rule
	}
	return fmt.Sprintf("%s %s", f.Key, f.Rule)
}

// A Subject is a query or a row in its normal form. One goroutine at a time uses it.
type Subject struct {
	dataset Dataset
	forms   []string // of each column of the data set; "" where there is none
	name    []part   // of a person, read when it is first needed
}

// Dataset is the data set that the subject is of.
func (s *Subject) Dataset() Dataset { return s.dataset }

// Read checks a query or row and brings it to its normal form. Empty values are as if
// they were not there. The error is a *Fault.
func Read(q Query) (*Subject, error) {
	d, ok := datasets[q.Dataset]
	if !ok {
		return nil, &Fault{"", fmt.Sprintf("the data set must be one of %s", list(Datasets()))}
	}
	s := &Subject{dataset: q.Dataset, forms: make([]string, len(d.columns))}
	known := 0
	for i, c := range d.columns {
		value, there := q.Keys[c.key]
		if there {
			known++
		}
		if value = strings.TrimSpace(value); value == "" {
			continue
		}
		if len(value) > maxValue {
			return nil, &Fault{c.key, fmt.Sprintf("must have at most %d bytes", maxValue)}
		}
		if !utf8.ValidString(value) {
			return nil, &Fault{c.key, "must be UTF-8"}
		}
		form, err := c.normal(value)
		if err != nil {
			return nil, &Fault{c.key, err.Error()}
		}
		s.forms[i] = form
	}
	if known < len(q.Keys) {
		return nil, &Fault{"", fmt.Sprintf("%s has the keys %s, and no other", q.Dataset, list(q.Dataset.Keys()))}
	}
	for i, c := range d.columns {
		if slices.Contains(d.need, c.key) && s.forms[i] != "" {
			return s, nil
		}
	}
	if len(d.need) == 1 {
		return nil, &Fault{d.need[0], "must be there"}
	}
	return nil, &Fault{"", fmt.Sprintf("one of %s must be there", list(d.need))}
}

func list[T ~string](items []T) string {
	var b strings.Builder
	for i, item := range items {
		switch {
		case i > 0 && i == len(items)-1:
			b.WriteString(" and ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(item))
	}
	return b.String()
}

// Text is a subject in one line, for a source to keep; [ParseText] reads it.
func (s *Subject) Text() string { return strings.Join(s.forms, "\t") }

// ParseText reads a subject's text. It checks the form only: the text is the source's
// own.
func ParseText(d Dataset, text string) (*Subject, error) {
	f := strings.Split(text, "\t")
	if n := len(datasets[d].columns); n == 0 || n != len(f) {
		return nil, fmt.Errorf("a row of %s has %d values, not %d", d, n, len(f))
	}
	return &Subject{dataset: d, forms: f}, nil
}

// An Entry is what an index keeps of a row: a key, and a number by which rows of one
// key are parted. Different rows have the same entries, and a row has several.
type Entry struct {
	Key  string
	Part int
}

// A Probe asks an index for the rows of a key whose number is at least From and at most
// To.
type Probe struct {
	Key      string
	From, To int
}

// Probes are what an index is asked for a query. All rows for which [Compare] says anything
// but NoHit are among those that the probes of Each find, and those that one group of
// OneOf finds, whichever it is: a source takes the one that finds the fewest.
type Probes struct {
	Each  []Probe
	OneOf [][]Probe
}

// Entries are what an index keeps of a row.
func (s *Subject) Entries() []Entry { return datasets[s.dataset].entries(s) }

// Probes are what an index is asked for a query.
func (s *Subject) Probes() Probes { return datasets[s.dataset].probes(s) }

// entriesOf are the look-alike forms of numbers. Each is marked by its column: a plate is
// no VIN.
func entriesOf(columns ...int) func(*Subject) []Entry {
	return func(s *Subject) (entries []Entry) {
		for _, c := range columns {
			if s.forms[c] != "" {
				entries = append(entries, Entry{fmt.Sprintf("%d%s", c, lookAlike(s.forms[c])), 0})
			}
		}
		return entries
	}
}

func probesOf(columns ...int) func(*Subject) Probes {
	entries := entriesOf(columns...)
	return func(s *Subject) (probes Probes) {
		for _, e := range entries(s) {
			probes.Each = append(probes.Each, Probe{e.Key, 0, 0})
		}
		return probes
	}
}
