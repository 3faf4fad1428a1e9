package sequencer

import (
	"sync"
	"time"

	"samband/gateway/signed"
)

// maxJump is how far the wall clock may run ahead of time that passed before it
// counts as set, and how near a desk's clock must be to put that right.
const maxJump = time.Minute

// A logClock gives logged time: whole seconds that never decrease.
//
// A wall clock that jumps forward would let messages expire that had days to
// live, so time is in doubt after a jump, and after a start, which can't tell a
// pause from a jump; nor, where the newest record lies ahead of the wall clock,
// from a jump that was logged and put right since. A desk whose own clock agrees
// lifts the doubt.
type logClock struct {
	clock Clock

	mu      sync.Mutex
	last    signed.Time // of the newest record
	wall    time.Time   // at the last look
	elapsed time.Duration
	doubt   bool
}

// begin takes up where the newest record stands.
func (c *logClock) begin(last signed.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.elapsed = c.clock.Wall(), c.clock.Elapsed()
	c.last = last
	c.doubt = !last.IsZero() && c.wall.Sub(last.Go()).Abs() > maxJump
}

// now returns logged time, and looks out for jumps.
func (c *logClock) now() signed.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, elapsed := c.clock.Wall(), c.clock.Elapsed()
	if wall.Sub(c.wall)-(elapsed-c.elapsed) > maxJump {
		c.doubt = true
	}
	c.wall, c.elapsed = wall, elapsed
	if t := signed.At(wall); c.last.Before(t) {
		c.last = t
	}
	return c.last
}

// agree takes a time that a desk signed just now by its own clock.
func (c *logClock) agree(t signed.Time) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := now.Sub(t); d.Abs() <= maxJump {
		c.doubt = false
	}
}

func (c *logClock) inDoubt() bool {
	c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doubt
}

// Agree takes a time that a desk signed by its own clock: where it is near
// ours, a doubt about ours ends.
func (s *Sequencer) Agree(t signed.Time) { s.clock.agree(t) }

// InDoubt reports whether the clock may have been set forward: nothing expires
// until a desk's clock agrees.
func (s *Sequencer) InDoubt() bool { return s.clock.inDoubt() }
