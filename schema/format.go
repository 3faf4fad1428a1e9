package schema

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A format is a rule for a string that no pattern can say: SPEC §9.5.
type format struct {
	is      func(string) bool
	words   string // what must be so
	example string // for a template; "" where there is nothing to guess
}

// formats are those of the catalogue's schemas, beside JSON Schema's own.
var formats = map[string]format{
	"line":         {isLine, "must be one line with something to read in it, without control characters", ""},
	"text":         {visible, "must have something to read in it: blanks and invisible characters are no text", ""},
	"day":          {isDay, "must be a day of the calendar, written as 2026-11-28", "2026-11-28"},
	"partial-date": {isPartialDate, "must be a date as far as it is known: 1985, 1985-04, 1985-04-12, or --04-12 where the year is not known", "1985, 1985-04, 1985-04-12, --04-12"},
	"moment":       {isMoment, "must be a time with its zone, written as 2026-11-28T14:30:00Z or 2026-11-28T15:30:00+01:00", "2026-11-28T14:30:00+01:00"},
	"plate":        {isPlate, "must have Latin letters, digits, spaces, dots and hyphens alone; another script has a field of its own", ""},
	"address":      {address.MatchString, "must be the address of a desk, such as fi.spoc", "fi.spoc"},
	"media-type":   {isMediaType, "must be a media type, such as image/jpeg", ""},
	"file-name":    {isFileName, "must be a file name without slashes or control characters", ""},
}

// registerFormats tells the validator of them.
func registerFormats(c *jsonschema.Compiler) {
	for name, f := range formats {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, ok := v.(string); ok && !f.is(s) {
				return fmt.Errorf("is no %s", name)
			}
			return nil
		}})
	}
}

// The forms in which people write dates that are none of ours.
var (
	wholeDay   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	dayFirst   = regexp.MustCompile(`^[0-9]{1,2}[./ -][0-9]{1,2}[./ -][0-9]{4}$`)
	unknownEnd = regexp.MustCompile(`^([0-9]{4}(?:-(?:0[1-9]|1[0-2]))?)(?:-00){1,2}$`)
)

// formatHint says what would be right where a text breaks a format.
func formatHint(name string, value any) string {
	word, _ := value.(string)
	partial := name == "partial-date"
	known := unknownEnd.FindStringSubmatch(word)
	switch {
	case word == "":
		return emptyHint
	case !partial && name != "day":
		return ""
	case partial && known != nil:
		return "leave out what is not known: write " + quoted(known[1])
	case wholeDay.MatchString(word):
		return "the calendar has no " + quoted(word)
	case dayFirst.MatchString(word):
		return "write the year first, then month and day, with hyphens"
	}
	return ""
}

// visible reports whether a text has a character that leaves a mark: a letter, a
// digit, a sign. Spaces, control and format characters, and the letters that are
// blank (Hangul fillers, the empty Braille cell), leave none.
func visible(s string) bool {
	for _, c := range s {
		switch c {
		case 0x115f, 0x1160, 0x3164, 0xffa0, 0x2800:
			continue
		}
		if unicode.In(c, unicode.L, unicode.N, unicode.P, unicode.S) {
			return true
		}
	}
	return false
}

func isLine(s string) bool {
	return visible(s) && !strings.ContainsFunc(s, func(c rune) bool {
		return unicode.IsControl(c) || c == 0x2028 || c == 0x2029
	})
}

// The years in which a date of a message may lie.
const (
	firstYear = 1800
	lastYear  = 2199
)

func isDay(s string) bool {
	t, err := time.Parse(time.DateOnly, s)
	return err == nil && t.Year() >= firstYear && t.Year() <= lastYear
}

// isPartialDate takes a year, a month of a year, a day, and a day whose year is not
// known (--04-12, as RFC 6350 writes it; 29 February among them).
func isPartialDate(s string) bool {
	if rest, ok := strings.CutPrefix(s, "--"); ok {
		return isDay("2000-" + rest)
	}
	switch strings.Count(s, "-") {
	case 0:
		s += "-01-01"
	case 1:
		s += "-01"
	}
	return isDay(s)
}

func isMoment(s string) bool {
	t, err := time.Parse(time.RFC3339, s)
	return err == nil && strings.ContainsRune(s, 'T') && t.Year() >= firstYear && t.Year() <= lastYear
}

func isPlate(s string) bool {
	return visible(s) && !strings.ContainsFunc(s, func(c rune) bool {
		return !unicode.In(c, unicode.Latin, unicode.Mn) && (c < '0' || c > '9') && !strings.ContainsRune(" .-·", c)
	})
}

// address is that of a desk: SPEC §1.2.
var address = regexp.MustCompile(`^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*$`)

// mediaType is RFC 6838's form of a registered name, both halves, without
// parameters.
var mediaType = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$`)

func isMediaType(s string) bool { return mediaType.MatchString(s) }

func isFileName(s string) bool {
	return visible(s) && s != "." && s != ".." && !strings.ContainsFunc(s, func(c rune) bool {
		return unicode.IsControl(c) || c == '/' || c == '\\'
	})
}
