package sequencer

import (
	"sync"
	"time"

	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

const (
	// maxJump is how far the wall clock may differ from time that passed before it
	// counts as set, and how near a desk's clock must be to put that right.
	maxJump = time.Minute
	// maxPause is how long a broker may have been off for desks alone to vouch for its
	// clock. A running broker writes each 50 minutes, so more than a day is a machine that
	// was off for longer than anybody leaves an exchange off unseen, or a clock that is
	// wrong: a person can tell, and one who starts a broker after a day is there.
	maxPause = 24 * time.Hour
)

// A logClock gives logged time: whole seconds that never decrease, but where the founders
// let them go on from an earlier moment.
//
// A wall clock that was set forward would let messages expire that had days to live,
// and what is logged once can't be earlier again. So logged time goes by the wall only
// while that is sure. It is in doubt after a jump, either way, and after a start, which
// can't tell a pause from a jump. While it is in doubt logged time goes on by time that
// passed since the last record. The doubt ends where the wall comes to tell the same,
// where desks of two parties tell the wall's time (no desk alone moves the time of all),
// or where the operator says that it is right. After a start far beyond the last record
// the desks' word is not enough.
type logClock struct {
	clock Clock

	mu      sync.Mutex
	last    signed.Time // of the newest record, and of the last look
	wall    time.Time   // at the last look
	elapsed time.Duration
	state   clockState
	from    time.Time     // in doubt: from where logged time goes on,
	since   time.Duration // and when it stood there, as Elapsed tells it
	agreed  string        // the party whose desk agreed since the doubt began
	far     bool          // the operator's word is needed
}

type clockState int

const (
	sure    clockState = iota // logged time is the wall's
	doubted                   // it goes on by time that passed
	ahead                     // the wall is right, and behind the newest record: it stands still
)

// begin takes up where the newest record stands.
func (c *logClock) begin(last signed.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.elapsed = c.clock.Wall(), c.clock.Elapsed()
	c.last = last
	if last.IsZero() {
		return
	}
	c.doubt()
	c.far = c.wall.Sub(c.from) > maxPause
	c.look()
}

// doubt lets logged time go on by time that passes from the last look on.
func (c *logClock) doubt() {
	c.state, c.from, c.since, c.agreed = doubted, c.last.AsTime(), c.elapsed, ""
}

// look brings all up to this moment, and looks out for jumps.
func (c *logClock) look() {
	wall, elapsed := c.clock.Wall(), c.clock.Elapsed()
	if jump := wall.Sub(c.wall) - (elapsed - c.elapsed); jump.Abs() > maxJump {
		if c.state != doubted {
			c.doubt()
		}
		c.agreed = ""
	}
	c.wall, c.elapsed = wall, elapsed
	at := c.last.AsTime()
	switch c.state {
	case doubted:
		at = c.from.Add(elapsed - c.since)
		c.far = c.far && wall.Sub(at) > maxPause
		if wall.Sub(at).Abs() <= maxJump {
			c.state = sure
		}
	case ahead:
		if at.Sub(wall) <= maxJump {
			c.state = sure
		}
	}
	if c.state == sure {
		at = wall
	}
	if t := signed.At(at); c.last.Before(t) {
		c.last = t
	}
}

// now returns logged time.
func (c *logClock) now() signed.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	return c.last
}

// near reports whether a time is that of the wall.
func (c *logClock) near(t signed.Time) bool { return c.wall.Sub(t.AsTime()).Abs() <= maxJump }

// agree takes a time that a party's desk told just now by its own clock.
func (c *logClock) agree(party string, t signed.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	switch {
	case c.state != doubted || c.far || !c.near(t):
	case c.agreed == "":
		c.agreed = party
	case c.agreed != party:
		c.settle()
	}
}

// settle goes by the wall from now on.
func (c *logClock) settle() {
	c.state, c.agreed, c.far = ahead, "", false
	c.look()
}

// vouch takes the time that the operator reads on another clock, and reports whether it
// is the wall's.
func (c *logClock) vouch(t signed.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	if c.near(t) && c.state == doubted {
		c.settle()
	}
	return c.near(t)
}

// restart lets logged time go on from an earlier moment, as the founders said.
func (c *logClock) restart(at signed.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	c.last, c.far = at, false
	c.doubt()
	c.look()
}

// A ClockState is how the broker's clock stands.
type ClockState struct {
	Wall    signed.Time `json:"wall"`            // what the machine says
	Logged  signed.Time `json:"logged"`          // what a record would get
	Doubted bool        `json:"doubted"`         // the wall may be wrong: logged time goes on by time that passes
	Ahead   bool        `json:"ahead,omitempty"` // the wall is right, and the newest record later: logged time stands still
	Waits   bool        `json:"waits,omitempty"` // for the operator's word: nothing is ordered before it
}

// Sure reports whether what time ends may be ended.
func (s ClockState) Sure() bool { return !s.Doubted && !s.Ahead }

func (c *logClock) stands() ClockState {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.look()
	return ClockState{Wall: signed.At(c.wall), Logged: c.last, Doubted: c.state == doubted, Ahead: c.state == ahead, Waits: c.far}
}

// Agree takes a time that a desk told by its own clock, in a text that verified or in a
// call: where it is near the machine's, and so is that of another party's desk, a doubt
// about the machine's ends.
func (s *Sequencer) Agree(desk signed.Address, t signed.Time) { s.clock.agree(desk.Party(), t) }

// Vouch takes the operator's word that the machine's clock is right: what time it is by
// another clock. It reports whether the two are the same.
func (s *Sequencer) Vouch(t signed.Time) bool {
	same := s.clock.vouch(t)
	s.cfg.Log.Warn("the operator tells the time", "says", t, "same", same, "logged", s.Now())
	return same
}

// Clock tells how the clock stands.
func (s *Sequencer) Clock() ClockState { return s.clock.stands() }

// InDoubt reports whether logged time may be another than the right one: nothing
// expires.
func (s *Sequencer) InDoubt() bool { return !s.Clock().Sure() }

// Timed refuses what would get a time, while nothing may.
func (s *Sequencer) Timed() error {
	if c := s.Clock(); c.Waits {
		return problem.New(problem.BrokerBusy, "the broker's clock says %s, more than a day after the last record, and waits for its operator's word", c.Wall)
	}
	return nil
}

// restarts checks an entry by which logged time goes on from an earlier moment.
func (d *groupDraft) restarts(e *register.Clock) error {
	switch c := d.s.Clock(); {
	case e.Audit > d.audit.Size():
		return problem.New(problem.EntryInvalid, "the audit log has %d entries, and the entry names %d", d.audit.Size(), e.Audit)
	case !e.Time.Before(d.now):
		return problem.New(problem.EntryInvalid, "logged time is %s: it goes back to %s by no entry", d.now, e.Time)
	case c.Wall.Add(maxJump).Before(e.Time):
		return problem.New(problem.NotYet, "this machine's clock says %s, and logged time is to go on from %s: put the clock right", c.Wall, e.Time)
	}
	return nil
}

// Decide is the open half of the law now. Where the clock may be wrong, time itself
// refuses nothing for good: what was lawful when it was made comes again.
func (s *Sequencer) Decide(v register.View, h *envelope.Header) error {
	return s.decide(v, h, s.Now())
}

func (s *Sequencer) decide(v register.View, h *envelope.Header, now signed.Time) error {
	err := v.Decide(h, now)
	if err == nil || !s.InDoubt() || v.Decide(h, h.Created) != nil {
		return err
	}
	if p, ok := problem.Of(err); !ok || p.Class() != problem.Final {
		return err
	}
	return problem.New(problem.BrokerBusy, "the broker's clock is in doubt")
}
