package gatewaytest

import (
	"sync"
	"time"

	"samband/gateway/broker"
)

// A Clock stands still until it is moved: time passes for broker and desks alike,
// and for nobody else. Certificates go by the machine's own time, so it may not
// be moved by weeks.
type Clock struct {
	began time.Time
	mu    sync.Mutex
	t     time.Time
}

var _ broker.Clock = (*Clock)(nil)

func NewClock(t time.Time) *Clock { return &Clock{began: t, t: t} }

// Wall is a desk's Now.
func (c *Clock) Wall() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *Clock) Elapsed() time.Duration { return c.Wall().Sub(c.began) }

// Move lets time pass.
func (c *Clock) Move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(by)
}
