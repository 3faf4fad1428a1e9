package schema

import "strings"

// A zone is a form of the machine-readable zone: ICAO Doc 9303 parts 4 to 7. A
// checked field is a span of characters, over all lines joined, and where its check
// digit stands; the last is the composite one.
type zone struct {
	lines, width int
	checks       []checked
}

type checked struct {
	name  string
	spans [][2]int
	digit int
	empty bool // the digit may be < where the field is empty
}

// zones are the forms by number and length of lines. Visas have no composite digit.
var zones = []zone{
	{3, 30, []checked{ // TD1: cards
		{"document number", [][2]int{{5, 14}}, 14, true},
		{"date of birth", [][2]int{{30, 36}}, 36, false},
		{"date of expiry", [][2]int{{38, 44}}, 44, false},
		{"whole", [][2]int{{5, 30}, {30, 37}, {38, 45}, {48, 59}}, 59, false},
	}},
	{2, 36, []checked{ // TD2
		{"document number", [][2]int{{36, 45}}, 45, true},
		{"date of birth", [][2]int{{49, 55}}, 55, false},
		{"date of expiry", [][2]int{{57, 63}}, 63, false},
		{"whole", [][2]int{{36, 46}, {49, 56}, {57, 71}}, 71, false},
	}},
	{2, 44, []checked{ // TD3: passports
		{"document number", [][2]int{{44, 53}}, 53, false},
		{"date of birth", [][2]int{{57, 63}}, 63, false},
		{"date of expiry", [][2]int{{65, 71}}, 71, false},
		{"personal number", [][2]int{{72, 86}}, 86, true},
		{"whole", [][2]int{{44, 54}, {57, 64}, {65, 87}}, 87, false},
	}},
}

// mrzFault says what is wrong with a machine-readable zone, given as its lines;
// "" when its form and every check digit are right.
func mrzFault(lines []string) string {
	for _, l := range lines {
		if strings.Trim(l, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<") != "" {
			return "a machine-readable zone has the letters A to Z, digits and < alone"
		}
	}
	for _, z := range zones {
		if len(lines) == z.lines && len(lines[0]) == z.width && equalWidth(lines) {
			return z.fault(strings.Join(lines, ""))
		}
	}
	return "a machine-readable zone has two lines of 44 or of 36 characters, or three of 30"
}

func equalWidth(lines []string) bool {
	for _, l := range lines {
		if len(l) != len(lines[0]) {
			return false
		}
	}
	return true
}

func (z *zone) fault(all string) string {
	for _, c := range z.checks {
		if all[0] == 'V' && c.digit > z.width+28 {
			continue // a visa has optional data where documents have these
		}
		field := ""
		for _, s := range c.spans {
			field += all[s[0]:s[1]]
		}
		given := all[c.digit]
		if given == '<' && c.empty && z.emptyOrLong(c, all, field) {
			continue
		}
		if given != checkDigit(field) {
			return "the check digit of the " + c.name + " is wrong: read this line again"
		}
	}
	return ""
}

// emptyOrLong is when < may stand for a check digit: the field is empty, or it is a
// document number of a card that goes on in the optional data (part 5, 4.2.2).
func (z *zone) emptyOrLong(c checked, all, field string) bool {
	if strings.Trim(field, "<") == "" {
		return true
	}
	if c.name != "document number" || z.width == 44 {
		return false
	}
	begin := c.digit + 1
	if z.lines == 2 {
		begin = 64
	}
	rest, _, _ := strings.Cut(all[begin:], "<")
	return len(rest) > 1 && rest[len(rest)-1] == checkDigit(field+rest[:len(rest)-1])
}

// checkDigit is ICAO Doc 9303 part 3, 4.9: weights 7, 3, 1; A is 10, < is 0.
func checkDigit(s string) byte {
	sum := 0
	for i := range len(s) {
		v := 0
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			v = int(c - '0')
		case c >= 'A' && c <= 'Z':
			v = int(c-'A') + 10
		}
		sum += v * [3]int{7, 3, 1}[i%3]
	}
	return byte('0' + sum%10)
}
