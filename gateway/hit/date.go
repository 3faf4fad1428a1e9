package hit

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// A date is a birth date as far as it is known: YYYYMMDD as one number, with zeros for
// what is not known.
type date int

func (d date) year() int  { return int(d) / 10000 }
func (d date) month() int { return int(d) / 100 % 100 }
func (d date) day() int   { return int(d) % 100 }

func dateOf(year, month, day int) date { return date(year*10000 + month*100 + day) }

// complete reports whether the day is known, and the year too.
func (d date) complete() bool { return d.year() > 0 && d.day() > 0 }

// placeholder reports whether the date is 1 January, which many registers write where
// only the year is known.
func (d date) placeholder() bool { return d.year() > 0 && d.month() == 1 && d.day() == 1 }

// swapped is the date with day and month in each other's place, or 0 where that is no
// other date.
func (d date) swapped() date {
	if !d.complete() || d.day() > 12 || d.day() == d.month() {
		return 0
	}
	return dateOf(d.year(), d.day(), d.month())
}

var errDate = errors.New("must be a date as far as it is known: 1985, 1985-04, 1985-04-12, or --04-12 where the year is not known")

// The years that a birth date may have.
const minYear, maxYear = 1800, 2199

// parseDate reads 1985, 1985-04, 1985-04-12 or --04-12, of a day that there was or may
// have been.
func parseDate(s string) (date, error) {
	layout, known := "2006-01-02", s
	switch len(s) {
	case 4:
		layout = "2006"
	case 7:
		layout = "2006-01"
		if s[:2] == "--" {
			layout, known = "2006-01-02", "2000"+s[1:] // a leap year, which has a 29 February
		}
	}
	t, err := time.Parse(layout, known)
	if err != nil {
		return 0, errDate
	}
	year, month, day := t.Year(), int(t.Month()), t.Day()
	switch {
	case known != s:
		year = 0
	case year < minYear || year > maxYear:
		return 0, fmt.Errorf("must be in the years %d to %d", minYear, maxYear)
	case len(s) == 4:
		month, day = 0, 0
	case len(s) == 7:
		day = 0
	}
	return dateOf(year, month, day), nil
}

func readDate(s string) (string, error) {
	d, err := parseDate(s)
	if err != nil {
		return "", err
	}
	return strconv.Itoa(int(d)), nil
}

// keptDate reads a date's normal form; "" is no date.
func keptDate(form string) date {
	n, _ := strconv.Atoi(form)
	return date(n)
}
