package hit

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// levels are what the package comment states, in percent. A test fails below them.
type levels struct {
	found, hits              int // of pairs that are the same: hits and inconclusive; hits
	falseHits, falseFindings int // of pairs that are different
}

// What the rule makes of the two lists, which say how they were made. All persons of a line
// are born on the same day, which is what makes different ones hard to tell apart.
func TestSpellings(t *testing.T) {
	for file, want := range map[string]levels{
		"names.tsv":        {found: 98, hits: 29, falseHits: 0, falseFindings: 16},
		"names-unseen.tsv": {found: 92, hits: 21, falseHits: 0, falseFindings: 21},
	} {
		t.Run(file, func(t *testing.T) { measure(t, "testdata/"+file, want) })
	}
}

func measure(t *testing.T, file string, want levels) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// By relation, and by relation and class.
	counts := map[string]map[Outcome]int{"same": {}, "different": {}}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(strings.TrimSpace(line), "\t")
		relation, class, names := cells[0], cells[0]+" "+cells[1], cells[2:]
		if counts[relation] == nil || len(names) < 2 {
			t.Fatalf("no line of the list: %s", line)
		}
		if counts[class] == nil {
			counts[class] = map[Outcome]int{}
		}
		for i, a := range names {
			for _, b := range names[:i] {
				outcome := pair(t, a, b)
				counts[relation][outcome]++
				counts[class][outcome]++
				if (relation == "same") == (outcome == NoHit) {
					t.Logf("%-12s %s / %s", outcome, a, b)
				}
			}
		}
	}
	percent := func(relation string, outcomes ...Outcome) int {
		n, all := 0, 0
		for outcome, count := range counts[relation] {
			all += count
			if slices.Contains(outcomes, outcome) {
				n += count
			}
		}
		return (100*n + all/2) / all
	}
	for _, class := range slices.Sorted(maps.Keys(counts)) {
		n := counts[class]
		t.Logf("%-22s hit %3d, inconclusive %3d, no hit %3d", class, n[Hit], n[Inconclusive], n[NoHit])
	}
	got := levels{percent("same", Hit, Inconclusive), percent("same", Hit), percent("different", Hit), percent("different", Hit, Inconclusive)}
	t.Logf("of 100 pairs that are the same %d are found, %d as hits; of 100 that are different %d are hits, %d hits or inconclusive",
		got.found, got.hits, got.falseHits, got.falseFindings)
	if got.found < want.found || got.hits < want.hits || got.falseHits > want.falseHits || got.falseFindings > want.falseFindings {
		t.Errorf("measured %+v, the level is %+v", got, want)
	}
}

// pair compares two names of persons born on the same day, and checks what must be so of
// any two.
func pair(t *testing.T, a, b string) Outcome {
	t.Helper()
	x, y := person(t, a, "1985-04-12"), person(t, b, "1985-04-12")
	outcome := Compare(x, y)
	if back := Compare(y, x); back != outcome {
		t.Errorf("%s / %s is %s, and the other way round %s", a, b, outcome, back)
	}
	if outcome != NoHit && !probed(x, y) {
		t.Errorf("%s / %s is %s, and no probe finds it", a, b, outcome)
	}
	for _, born := range []string{"", "1985", "--04-12"} {
		z := person(t, b, born)
		if Compare(x, z) != NoHit && !probed(x, z) || Compare(z, x) != NoHit && !probed(z, x) {
			t.Errorf("%s / %s, of which one is born on %q: no probe finds it", a, b, born)
		}
	}
	if other := Compare(x, person(t, b, "1986-09-30")); other != NoHit {
		t.Errorf("%s / %s, born on different days, is %s", a, b, other)
	}
	return outcome
}

// person reads a name of the list.
func person(t *testing.T, name, born string) *Subject {
	t.Helper()
	keys := map[Key]string{BirthDate: born}
	if family, given, parted := strings.Cut(name, ", "); parted {
		keys[Family], keys[Given] = family, given
	} else {
		keys[Full] = name
	}
	s, err := Read(Query{Nominal, keys})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

// probed reports whether a query's probes find a row, whichever group of OneOf a source
// takes.
func probed(asked, kept *Subject) bool {
	finds := func(probes []Probe) bool {
		return slices.ContainsFunc(probes, func(p Probe) bool {
			return slices.ContainsFunc(kept.Entries(), func(e Entry) bool { return p.Key == e.Key && p.From <= e.Part && e.Part <= p.To })
		})
	}
	probes := asked.Probes()
	return finds(probes.Each) || len(probes.OneOf) > 0 && !slices.ContainsFunc(probes.OneOf, func(group []Probe) bool { return !finds(group) })
}
