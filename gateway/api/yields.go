package api

import "time"

// AlarmingYields within a minute are the alarm that two programs use one desk's online
// ring: each takes the place of the other's polls (SPEC §11.6).
const AlarmingYields = 3

// Yields counts polls that yielded, for broker and desk alike.
type Yields struct {
	last    [AlarmingYields]time.Time // the oldest first
	alarmed time.Time
}

// toldFor is how long after an alarm a desk is told of it: longer than a poll waits.
const toldFor = 2 * time.Minute

// Alarming tells whether there was an alarm a short time ago.
func (y *Yields) Alarming(at time.Time) bool {
	return !y.alarmed.IsZero() && at.Sub(y.alarmed) < toldFor
}

// Add counts one, and tells whether it is the alarm; that comes at most once a minute.
func (y *Yields) Add(at time.Time) (alarm bool) {
	copy(y.last[:], y.last[1:])
	y.last[AlarmingYields-1] = at
	if y.last[0].IsZero() || at.Sub(y.last[0]) > time.Minute || !y.alarmed.IsZero() && at.Sub(y.alarmed) < time.Minute {
		return false
	}
	y.alarmed = at
	return true
}
