package hit

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Names of parts that are easily taken for each other: whatever two persons are compared,
// it is the same the other way round, and a row that isn't NoHit is found by the query's
// probes.
func TestCompareProperty(t *testing.T) {
	part := rapid.SampledFrom([]string{
		"Karin", "Karen", "Karan", "Karina", "Martin", "Marten", "Martine", "A", "K", "M", "Anna", "Ana", "محمد", "أحمد", "Mohamed", "Mahmud", "Ahmed",
		"Иван", "Ivan", "Iwan", "Abd", "Rahman", "Abdrahman", "Annakarin", "Müller", "Muller", "Mueller", "Müler", "王", "Νίκος", "Nikos", "Alkarin",
	})
	name := rapid.Map(rapid.SliceOfN(part, 1, 4), func(parts []string) string { return strings.Join(parts, " ") })
	born := rapid.SampledFrom([]string{"", "1985", "1985-04", "1985-04-12", "1985-12-04", "1985-01-01", "--04-12", "1986"})
	rapid.Check(t, func(r *rapid.T) {
		draw := func(who string) *Subject {
			s, err := Read(Query{Nominal, map[Key]string{Full: name.Draw(r, who), BirthDate: born.Draw(r, who+" is born")}})
			if err != nil {
				r.Fatal(err)
			}
			return s
		}
		a, b := draw("asked"), draw("kept")
		outcome := Compare(a, b)
		if back := Compare(b, a); back != outcome {
			r.Fatalf("%s, and the other way round %s", outcome, back)
		}
		if outcome != NoHit && (!probed(a, b) || !probed(b, a)) {
			r.Fatalf("%s, and no probe finds it", outcome)
		}
	})
}
