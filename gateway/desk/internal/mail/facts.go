package mail

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"samband/gateway/desk/internal/store"
	"samband/gateway/signed"
	"samband/schema"
)

// FactsOf are what clocks and turns need to know of a body. A time outside the years
// of a signed text is none.
func FactsOf(b *schema.Body) store.Facts {
	return store.Facts{Outcome: b.Outcome, ClockFrom: moment(b.ClockFrom()), ClockUntil: moment(b.ClockUntil()), Access: string(b.Access)}
}

func moment(t time.Time) signed.Time {
	if t.Unix() <= 0 {
		return signed.Time{}
	}
	return signed.At(t)
}

// factsText is what a text says, as it lies wrapped beside its file key until it may
// lie in the open.
func factsText(f store.Facts) string {
	return fmt.Sprintf("%s %d %d %s", f.Outcome, f.ClockFrom.Unix(), f.ClockUntil.Unix(), f.Access)
}

func parseFacts(s string) (f store.Facts, err error) {
	words := strings.Split(s, " ")
	if len(words) != 4 {
		return f, fmt.Errorf("facts of a text are %d words", len(words))
	}
	f.Outcome, f.Access = words[0], words[3]
	for n, at := range []*signed.Time{&f.ClockFrom, &f.ClockUntil} {
		unix, err := strconv.ParseInt(words[1+n], 10, 64)
		if err != nil {
			return f, fmt.Errorf("facts of a text: %w", err)
		}
		*at = signed.At(time.Unix(unix, 0))
	}
	return f, nil
}
