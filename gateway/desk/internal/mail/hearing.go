package mail

import (
	"sync"
	"time"

	"samband/gateway/desk/internal/store"
	"samband/gateway/signed"
)

// SilentFor is how long the audit log may stand still. A broker at work writes into it
// before that (SPEC §7.1), so one that shows no more shows an old log, or has stopped.
const SilentFor = time.Hour

// unheard is how long this desk may hear nothing from the broker that it can verify before
// that is an alarm of its own. A longer time counts for nothing here: nobody knows whether
// the log stood still. So neither does a jump of the clock between two runs of this desk.
const unheard = 20 * time.Minute

// A hearing is when this desk last verified an answer, and for how long the log had not
// grown then. Within one run it goes by time that passed, not by a clock that may be set.
type hearing struct {
	mu     sync.Mutex
	size   int64
	at     time.Time
	silent time.Duration
}

// resume begins where an earlier run ended.
func (h *hearing) resume(head *store.Head) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.size, h.at, h.silent = head.Size, head.Verified.AsTime(), head.Silent
}

// heard takes that an answer was verified, whose log had a size.
func (h *hearing) heard(size int64, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	passed := now.Sub(h.at)
	switch {
	case size > h.size:
		h.size, h.silent = size, 0
	case passed > 0 && passed <= unheard:
		h.silent += passed
	}
	h.at = now
}

func (h *hearing) stands() (at time.Time, silent time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at, h.silent
}

// last is when an answer was last verified; zero: never.
func (h *hearing) last() signed.Time {
	at, _ := h.stands()
	if at.IsZero() {
		return signed.Time{}
	}
	return signed.At(at)
}

// Silent is for how long the audit log had not grown when this desk last verified an
// answer, as far as it could see.
func (m *Room) Silent() time.Duration {
	_, silent := m.hearing.stands()
	return silent
}
