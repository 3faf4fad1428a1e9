package hit

import (
	"testing"
	"time"

	"samband/gateway/signed"
)

// Each desk has its own count: a burst, then so many a minute. What is refused costs
// nothing, however often it is tried.
func TestLimiter(t *testing.T) {
	now := time.Date(2026, 11, 28, 18, 0, 0, 0, time.UTC)
	l := NewLimiter(Limit{QueriesPerMinute: 30, Burst: 3}, func() time.Time { return now })
	for step, s := range []struct {
		later time.Duration
		desk  signed.Address
		wait  time.Duration
	}{
		{0, "fi.spoc", 0}, {0, "fi.spoc", 0}, {0, "fi.spoc", 0},
		{0, "fi.spoc", 2 * time.Second}, {0, "fi.spoc", 2 * time.Second},
		{0, "no.spoc", 0},
		{time.Second, "fi.spoc", time.Second},
		{time.Second, "fi.spoc", 0}, {0, "fi.spoc", 2 * time.Second},
		{time.Hour, "fi.spoc", 0}, {0, "fi.spoc", 0}, {0, "fi.spoc", 0}, {0, "fi.spoc", 2 * time.Second},
	} {
		now = now.Add(s.later)
		if wait := l.Take(s.desk); wait != s.wait {
			t.Errorf("step %d: %s must wait %s, want %s", step, s.desk, wait, s.wait)
		}
	}
}

func TestLimitCheck(t *testing.T) {
	if err := DefaultLimit.Check(); err != nil {
		t.Error(err)
	}
	for _, l := range []Limit{{}, {QueriesPerMinute: 60}, {Burst: 20}, {-1, 20}, {60, -1}, {6001, 20}, {60, 6001}} {
		if l.Check() == nil {
			t.Errorf("%+v is taken", l)
		}
	}
}
