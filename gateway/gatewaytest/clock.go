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
	mu      sync.Mutex
	wall    time.Time
	elapsed time.Duration
}

var _ broker.Clock = (*Clock)(nil)

func NewClock(t time.Time) *Clock { return &Clock{wall: t} }

// Wall is a desk's Now.
func (c *Clock) Wall() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

func (c *Clock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elapsed
}

// Move lets time pass.
func (c *Clock) Move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.elapsed = c.wall.Add(by), c.elapsed+by
}

// Jump sets the clock wrong: no time has passed.
func (c *Clock) Jump(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = c.wall.Add(by)
}
