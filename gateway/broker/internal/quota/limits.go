package quota

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Limits are settings of the broker. A zero takes the default.
type Limits struct {
	// Messages is how many a desk may send in one go, and MessagesASecond how many come
	// back to it each second. Bytes are of envelopes, with 11 KiB for each message's
	// records and notes.
	Messages        int64 `yaml:"messages" json:"messages"`
	MessagesASecond int64 `yaml:"messages-a-second" json:"messages-a-second"`
	Bytes           int64 `yaml:"bytes" json:"bytes"`
	BytesASecond    int64 `yaml:"bytes-a-second" json:"bytes-a-second"`
	// Refusals are log entries that refuse a desk; a desk has this for what its locked
	// ring signed, and once more for the rest. So it is with RefusalsAMinute.
	Refusals        int64 `yaml:"refusals" json:"refusals"`
	RefusalsAMinute int64 `yaml:"refusals-a-minute" json:"refusals-a-minute"`
	// Wants are how often a desk may ask for lost bytes.
	Wants        int64 `yaml:"wants" json:"wants"`
	WantsAMinute int64 `yaml:"wants-a-minute" json:"wants-a-minute"`
	// ReadsASecond is how often a desk may ask for a page; beyond it a reader waits.
	ReadsASecond int64 `yaml:"reads-a-second" json:"reads-a-second"`
	// Party is how many desks' quotas a party has for all its desks together.
	Party int64 `yaml:"party" json:"party"`
	// Entries are register entries that a party signs, and as many revocations.
	Entries     int64 `yaml:"entries" json:"entries"`
	EntriesADay int64 `yaml:"entries-a-day" json:"entries-a-day"`
	// Of one sender so many messages and bytes may wait at one recipient, unconsigned.
	UnconsignedMessages int64 `yaml:"unconsigned-messages" json:"unconsigned-messages"`
	UnconsignedBytes    int64 `yaml:"unconsigned-bytes" json:"unconsigned-bytes"`
}

// Defaults are what 200 honest desks never meet: DECISIONS has the arithmetic.
var Defaults = Limits{
	Messages: 100_000, MessagesASecond: 15,
	Bytes: 4 << 30, BytesASecond: 512 << 10,
	Refusals: 60, RefusalsAMinute: 30,
	Wants: 20_000, WantsAMinute: 300,
	ReadsASecond: 500,
	Party:        6,
	Entries:      500, EntriesADay: 100,
	UnconsignedMessages: 10_000, UnconsignedBytes: 512 << 20,
}

// leastBytes has room for one message of the largest: a smaller quota would keep it for
// ever.
const leastBytes = 2 << 20

// Filled puts a default where nothing is set.
func (l Limits) Filled() Limits {
	fields, defaults := reflect.ValueOf(&l).Elem(), reflect.ValueOf(Defaults)
	for i := range fields.NumField() {
		if fields.Field(i).IsZero() {
			fields.Field(i).Set(defaults.Field(i))
		}
	}
	return l
}

// Check names what can't be a limit.
func (l Limits) Check() error {
	var errs []error
	fields := reflect.ValueOf(l)
	for i := range fields.NumField() {
		if fields.Field(i).Int() < 0 {
			errs = append(errs, fmt.Errorf("%s: a limit is above zero; zero takes the default", fields.Type().Field(i).Tag.Get("yaml")))
		}
	}
	for name, bytes := range map[string]int64{"bytes": l.Bytes, "unconsigned-bytes": l.UnconsignedBytes} {
		if bytes > 0 && bytes < leastBytes {
			errs = append(errs, fmt.Errorf("%s: less than %d has no room for one large message", name, leastBytes))
		}
	}
	return errors.Join(errs...)
}

// Text writes the limits that are set, as lines of a settings file.
func (l Limits) Text() string {
	var b strings.Builder
	fields := reflect.ValueOf(l)
	for i := range fields.NumField() {
		if n := fields.Field(i).Int(); n != 0 {
			fmt.Fprintf(&b, "\n  %s: %d", fields.Type().Field(i).Tag.Get("yaml"), n)
		}
	}
	if b.Len() == 0 {
		return " {}"
	}
	return b.String()
}

// A limit is how much a bucket has, and how much comes back each second.
type limit struct{ burst, rate float64 }

// pace says the rate in the unit of time that makes it a whole number.
func (l limit) pace() string {
	for _, unit := range []struct {
		name string
		of   time.Duration
	}{{"second", time.Second}, {"minute", time.Minute}, {"hour", time.Hour}} {
		if n := l.rate * unit.of.Seconds(); n >= 1 {
			return fmt.Sprintf("%.0f more each %s", n, unit.name)
		}
	}
	return fmt.Sprintf("%.0f more each day", l.rate*24*3600)
}

// of is a desk's limit; of entries and revocations, a party's.
func (l *Limits) of(q Quota) limit {
	switch q {
	case SignedEvents:
		return limit{lifeEvents * float64(l.Messages), lifeEvents * float64(l.MessagesASecond)}
	case SignedBytes, OnlineBytes:
		return limit{float64(l.Bytes), float64(l.BytesASecond)}
	case SignedRefusals, OnlineRefusals:
		return limit{float64(l.Refusals), float64(l.RefusalsAMinute) / 60}
	case OnlineEvents:
		return limit{float64(l.Wants), float64(l.WantsAMinute) / 60}
	case Reads:
		return limit{10 * float64(l.ReadsASecond), float64(l.ReadsASecond)}
	default:
		return limit{float64(l.Entries), float64(l.EntriesADay) / (24 * 3600)}
	}
}

// party is what a party has where one desk has l.
func (l *Limits) party(of limit) limit {
	n := float64(l.Party)
	return limit{n * of.burst, n * of.rate}
}
