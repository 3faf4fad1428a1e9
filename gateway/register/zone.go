package register

import (
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"samband/gateway/signed"
)

const maxZone = 64 // characters of a time zone's name

// A Zone is the IANA name of a time zone, such as Europe/Stockholm. The law asks
// for its form alone: which names are known differs from one database to the next,
// and all must come to the same answer about an entry.
type Zone string

var (
	zoneForm  = regexp.MustCompile(`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`)
	zoneWords = fmt.Sprintf("a time zone's IANA name of at most %d characters", maxZone)
)

// ParseZone reads a name by its form.
func ParseZone(s string) (Zone, error) {
	if len(s) > maxZone || !zoneForm.MatchString(s) {
		return "", errors.New("a time zone is not a name such as Europe/Stockholm")
	}
	return Zone(s), nil
}

func (z *Zone) line(l *signed.Lines) {
	signed.Value(l.Line("zone"), zoneWords, z, signed.Same, ParseZone)
}

// Location finds the zone in the time zone database of this program or machine.
// It takes names of the form alone: time.LoadLocation reads others as paths, and
// takes "Local" for the zone of the machine, which is no desk's.
func (z Zone) Location() (*time.Location, error) {
	if _, err := ParseZone(string(z)); err != nil {
		return nil, err
	}
	if z == "Local" {
		return nil, errors.New("\"Local\" is the name of no time zone")
	}
	if l, ok := locations.Load(z); ok {
		return l.(*time.Location), nil
	}
	l, err := time.LoadLocation(string(z))
	if err == nil {
		locations.Store(z, l)
	}
	return l, err
}

// locations are the zones that were found: a listing asks for the same ones for each
// message, and each search goes through a whole database.
var locations sync.Map // Zone → *time.Location
