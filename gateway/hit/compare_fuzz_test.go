package hit

import "testing"

// Whatever two persons are compared, it is the same the other way round, and a row that
// isn't NoHit is found by the query's probes.
func FuzzCompare(f *testing.F) {
	f.Add("Svensson Karl Johan", "1985-04-12", "K. J. Svenson", "1985")
	f.Add("محمد أحمد", "", "Mohamed Ahmet", "--04-12")
	f.Add("van den Berg", "1985-12-04", "Vandenberg", "1985-04-12")
	f.Add("Gulbadan", "1985-01-01", "Gulbaden", "1985-07-30")
	f.Add("A B C", "1985", "B A", "1985")
	f.Add("Abdulrahman Alhasan", "1985", "عبد الرحمن الحسن", "")
	f.Add("Παπαδόπουλος Νίκος", "1985", "Papadopoylos N", "1985")
	f.Add("Karin Karen Karan", "1985", "Karon Karin Karun", "1985")
	f.Fuzz(func(t *testing.T, nameA, bornA, nameB, bornB string) {
		a, errA := Read(Query{Nominal, map[Key]string{Full: nameA, BirthDate: bornA}})
		b, errB := Read(Query{Nominal, map[Key]string{Full: nameB, BirthDate: bornB}})
		if errA != nil || errB != nil {
			return
		}
		outcome := Compare(a, b)
		if back := Compare(b, a); back != outcome {
			t.Errorf("%q / %q is %s, and the other way round %s", a.forms, b.forms, outcome, back)
		}
		if outcome != NoHit && (!probed(a, b) || !probed(b, a)) {
			t.Errorf("%q / %q is %s, and no probe finds it", a.forms, b.forms, outcome)
		}
	})
}
