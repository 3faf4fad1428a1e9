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
// from a jump that was logged and put right since. Desks of two parties whose own
// clocks agree lift the doubt: no desk alone ends the messages of others.
type logClock struct {
	clock Clock

	mu      sync.Mutex
	last    signed.Time // of the newest record
	wall    time.Time   // at the last look
	elapsed time.Duration
	doubt   bool
	agreed  string // the party whose desk agreed since the doubt began
}

// begin takes up where the newest record stands.
func (c *logClock) begin(last signed.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.elapsed = c.clock.Wall(), c.clock.Elapsed()
	c.last = last
	c.doubt = !last.IsZero() && c.wall.Sub(last.AsTime()).Abs() > maxJump
}

// now returns logged time, and looks out for jumps.
func (c *logClock) now() signed.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, elapsed := c.clock.Wall(), c.clock.Elapsed()
	if wall.Sub(c.wall)-(elapsed-c.elapsed) > maxJump {
		c.doubt, c.agreed = true, ""
	}
	c.wall, c.elapsed = wall, elapsed
	if t := signed.At(wall); c.last.Before(t) {
		c.last = t
	}
	return c.last
}

// agree takes a time that a party's desk signed just now by its own clock.
func (c *logClock) agree(party string, t signed.Time) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	switch d := now.Sub(t); {
	case !c.doubt || d.Abs() > maxJump:
	case c.agreed == "":
		c.agreed = party
	case c.agreed != party:
		c.doubt, c.agreed = false, ""
	}
}

func (c *logClock) inDoubt() bool {
	c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doubt
}

// Agree takes a time that a desk signed by its own clock, in a text that was
// ordered: where it is near ours, and so is that of another party's desk, a doubt
// about ours ends.
func (s *Sequencer) Agree(desk signed.Address, t signed.Time) { s.clock.agree(desk.Party(), t) }

// InDoubt reports whether the clock may have been set forward: nothing expires
// until the clocks of two parties' desks agree.
func (s *Sequencer) InDoubt() bool { return s.clock.inDoubt() }
