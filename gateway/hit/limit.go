package hit

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"samband/gateway/signed"
)

// A Limit is how many queries each asking desk may make. Officers who check people and
// vehicles as they meet them stay far below the default, a whole national desk of them
// too. Whoever tries numbers one after the other does not: the 17,576,000 plates of three
// letters and three digits would take him more than half a year at 60 a minute, each query
// with an officer's name and reason in the logs of both desks.
type Limit struct {
	QueriesPerMinute int `yaml:"queries_per_minute"`
	Burst            int `yaml:"burst"` // so many at once, after a pause
}

// DefaultLimit is the limit of a desk that sets none.
var DefaultLimit = Limit{QueriesPerMinute: 60, Burst: 20}

// maxRate is as much as a limit may allow.
const maxRate = 6000

// Check reports what is wrong with a limit.
func (l Limit) Check() error {
	if l.QueriesPerMinute < 1 || l.QueriesPerMinute > maxRate {
		return fmt.Errorf("queries_per_minute must be 1 to %d; to answer nobody, have no agreement that permits queries", maxRate)
	}
	if l.Burst < 1 || l.Burst > maxRate {
		return fmt.Errorf("burst must be 1 to %d", maxRate)
	}
	return nil
}

// A Limiter counts the queries of each asking desk. It keeps a count for each desk that
// ever asked, so callers ask it about desks that the register knows, and no others.
type Limiter struct {
	limit Limit
	now   func() time.Time

	mu    sync.Mutex
	desks map[signed.Address]*rate.Limiter
}

// NewLimiter makes a limiter that reads the time from now.
func NewLimiter(limit Limit, now func() time.Time) *Limiter {
	return &Limiter{limit: limit, now: now, desks: map[signed.Address]*rate.Limiter{}}
}

// Take counts one query of a desk and returns 0. If the desk has used up its limit,
// nothing is counted, and Take returns how long it must wait until the next query.
func (l *Limiter) Take(desk signed.Address) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	counter := l.desks[desk]
	if counter == nil {
		counter = rate.NewLimiter(rate.Limit(float64(l.limit.QueriesPerMinute)/60), l.limit.Burst)
		l.desks[desk] = counter
	}
	now := l.now()
	r := counter.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}
