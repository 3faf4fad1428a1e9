package hit

import (
	"fmt"
	"strconv"
	"testing"
)

func TestParseDate(t *testing.T) {
	for s, want := range map[string]date{
		"1985": 19850000, "1985-04": 19850400, "1985-04-12": 19850412, "--04-12": 412,
		"1984-02-29": 19840229, "--02-29": 229, "1800": 18000000, "2199-12-31": 21991231,
	} {
		if got, err := parseDate(s); got != want || err != nil {
			t.Errorf("%q is %d, %v", s, got, err)
		}
	}
	for _, s := range []string{
		"", "85", "198", "19850412", "1985-4-12", "1985-04-31", "1985-02-29", "--02-30", "--04", "---04", "1985-13", "1985-00",
		"1985-04-00", "0000", "1799", "2200", "12-04-1985", "1985/04/12", "+985", "1985-04-12 ", "１９８５",
	} {
		if got, err := parseDate(s); err == nil {
			t.Errorf("%q is taken for %d", s, got)
		}
	}
}

// A date that is taken is written as it was read.
func FuzzParseDate(f *testing.F) {
	for _, s := range []string{"1985", "1985-04", "1985-04-12", "--04-12", "--02-29", "1985-02-30", "0000", "-085-04"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := parseDate(s)
		if err != nil {
			return
		}
		written := fmt.Sprintf("%04d", d.year())
		switch {
		case d.year() == 0:
			written = fmt.Sprintf("--%02d-%02d", d.month(), d.day())
		case d.day() > 0:
			written += fmt.Sprintf("-%02d-%02d", d.month(), d.day())
		case d.month() > 0:
			written += fmt.Sprintf("-%02d", d.month())
		}
		if written != s {
			t.Errorf("%q is read as %s", s, written)
		}
		if keptDate(strconv.Itoa(int(d))) != d {
			t.Errorf("%d is kept as another", d)
		}
	})
}

// The spans of a date are where all dates lie that don't contradict it.
func TestSpans(t *testing.T) {
	var all []date
	for _, year := range []int{0, 1985, 1986} {
		for month := range 13 {
			for day := range 32 {
				if month > 0 && (year > 0 || day > 0) || month == 0 && day == 0 {
					all = append(all, dateOf(year, month, day))
				}
			}
		}
	}
	within := func(d date, spans [][2]int) bool {
		for _, s := range spans {
			if s[0] <= int(d) && int(d) <= s[1] {
				return true
			}
		}
		return false
	}
	for _, a := range all {
		known, unknown := spans(a)
		for _, b := range all {
			relation := compareDates(a, b)
			if relation == yearUnknown && !within(b, unknown) || (relation == datesAgree || relation == datesDoubtful) && !within(b, known) {
				t.Fatalf("%d does not contradict %d, and is in no span of it", b, a)
			}
			if compareDates(a, b) != compareDates(b, a) {
				t.Fatalf("%d and %d compare differently the other way round", a, b)
			}
		}
	}
}
