package sequencer

import (
	"testing"
	"time"

	"samband/gateway/signed"
)

type setClock struct {
	wall    time.Time
	elapsed time.Duration
}

func (c *setClock) Wall() time.Time        { return c.wall }
func (c *setClock) Elapsed() time.Duration { return c.elapsed }

func (c *setClock) step(wall, elapsed time.Duration) {
	c.wall, c.elapsed = c.wall.Add(wall), c.elapsed+elapsed
}

var (
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	day  = 24 * time.Hour
	year = 365 * day
)

// begun is a clock that starts at noon, some time after the newest record.
func begun(pause time.Duration) (*setClock, *logClock) {
	clock := &setClock{wall: noon}
	l := &logClock{clock: clock}
	l.begin(signed.At(noon.Add(-pause)))
	return clock, l
}

// both is what two parties' desks say.
func (c *logClock) both(t signed.Time) {
	c.agree("se", t)
	c.agree("fi", t)
}

// Whatever the wall does, logged time goes on as time passes; where the wall comes to
// tell the same again, nothing has happened.
func TestJump(t *testing.T) {
	for _, jump := range []time.Duration{-10 * year, -day, -time.Hour, -2 * time.Minute, 2 * time.Minute, time.Hour, day, 10 * year} {
		clock, l := begun(0)
		clock.step(jump, 0)
		if !doubts(l) {
			t.Fatalf("%s: no doubt", jump)
		}
		for range 10 {
			clock.step(time.Minute, time.Minute)
			l.agree("se", l.now()) // one that goes by the log, and not by the wall
			l.agree("fi", l.now())
		}
		if got := l.now().Sub(signed.At(noon)); got != 10*time.Minute || !doubts(l) {
			t.Errorf("%s: ten minutes later logged time has moved by %s, doubt is %t", jump, got, doubts(l))
		}
		clock.step(-jump, 0)
		if got := l.now().Sub(signed.At(noon)); got != 10*time.Minute || doubts(l) {
			t.Errorf("%s and back: logged time has moved by %s, doubt is %t", jump, got, doubts(l))
		}
	}
}

func doubts(l *logClock) bool { return !l.stands().Sure() }

// A correction within a minute is none that anybody doubts.
func TestSmallCorrection(t *testing.T) {
	for _, by := range []time.Duration{-50 * time.Second, 50 * time.Second} {
		clock, l := begun(0)
		clock.step(by, time.Second)
		if got := l.now().Sub(signed.At(noon)); got != max(by, 0) || doubts(l) {
			t.Errorf("%s: logged time moved by %s, doubt is %t", by, got, doubts(l))
		}
	}
}

// Desks of two parties end a doubt where they tell the wall's time; then logged time is
// the wall's, or stands still until it is.
func TestDesksEndDoubt(t *testing.T) {
	for _, jump := range []time.Duration{-day, -time.Hour, time.Hour, 10 * year} {
		clock, l := begun(0)
		clock.step(jump, 0)
		wall := func() signed.Time { return signed.At(clock.wall) }
		l.both(wall().Add(-2 * time.Minute))
		if !doubts(l) {
			t.Errorf("%s: desks whose clocks differ from the wall ended the doubt", jump)
		}
		l.agree("se", wall().Add(30*time.Second))
		l.agree("se", wall())
		if c := l.stands(); !c.Doubted {
			t.Errorf("%s: one party ended the doubt", jump)
		}
		l.agree("fi", wall())
		c := l.stands()
		if c.Doubted || c.Ahead != (jump < 0) || c.Logged.Before(signed.At(noon)) {
			t.Errorf("%s: after two parties agreed: %+v", jump, c)
		}
		if jump > 0 {
			if c.Logged != wall() {
				t.Errorf("%s: logged time is %s", jump, c.Logged)
			}
			continue
		}
		clock.step(-jump/2, -jump/2)
		if c := l.stands(); c.Logged != signed.At(noon) || !c.Ahead {
			t.Errorf("%s: half way %+v", jump, c)
		}
		clock.step(-jump/2+time.Minute, -jump/2+time.Minute)
		if c := l.stands(); !c.Sure() || c.Logged != wall() {
			t.Errorf("%s: when the wall is there %+v", jump, c)
		}
	}
}

// A start can't tell a pause from a jump: logged time goes on from the last record.
func TestStart(t *testing.T) {
	for _, c := range []struct {
		pause        time.Duration
		doubt, waits bool
	}{
		{pause: 0},
		{pause: time.Minute},
		{pause: -time.Minute},
		{pause: time.Hour, doubt: true},
		{pause: day, doubt: true},
		{pause: day + time.Minute, doubt: true, waits: true},
		{pause: 10 * year, doubt: true, waits: true},
		{pause: -time.Hour, doubt: true}, // a jump was logged, and the clock put right since
		{pause: -10 * year, doubt: true},
	} {
		clock, l := begun(c.pause)
		last := signed.At(noon.Add(-c.pause))
		got := l.stands()
		if got.Doubted != c.doubt || got.Waits != c.waits {
			t.Errorf("after %s: %+v", c.pause, got)
		}
		if c.doubt && got.Logged != last {
			t.Errorf("after %s: the first record gets %s", c.pause, got.Logged)
		}
		clock.step(time.Minute, time.Minute)
		if got := l.now().Sub(last); c.doubt && got != time.Minute {
			t.Errorf("after %s: a minute later logged time has moved by %s", c.pause, got)
		}
	}
	l := &logClock{clock: &setClock{wall: noon}}
	l.begin(signed.Time{})
	if l.now() != signed.At(noon) || doubts(l) {
		t.Error("an exchange without a record doubts its clock")
	}
}

// After a start far beyond the last record the operator's word alone will do, or the
// clock put right.
func TestWord(t *testing.T) {
	clock, l := begun(8 * day)
	l.both(signed.At(clock.wall))
	if c := l.stands(); !c.Waits || !c.Doubted {
		t.Fatalf("desks were enough: %+v", c)
	}
	if l.vouch(signed.At(clock.wall).Add(2 * time.Minute)); !l.stands().Waits {
		t.Error("a word that differs from the wall was taken")
	}
	if !l.vouch(signed.At(clock.wall).Add(-30*time.Second)) || doubts(l) || l.now() != signed.At(clock.wall) {
		t.Errorf("after the word: %+v", l.stands())
	}

	clock, l = begun(8 * day)
	clock.step(-7*day, 0)
	if c := l.stands(); c.Waits || !c.Doubted {
		t.Errorf("the clock was put right to a day after the last record: %+v", c)
	}
	if l.both(signed.At(clock.wall)); doubts(l) || l.now() != signed.At(clock.wall) {
		t.Errorf("then desks agree: %+v", l.stands())
	}
}

// Who agreed before a jump said nothing of the clock after it.
func TestClockJumpsAgain(t *testing.T) {
	clock, l := begun(0)
	for _, party := range []string{"se", "fi"} {
		clock.step(time.Hour, 0)
		l.agree(party, signed.At(clock.wall))
	}
	if !doubts(l) {
		t.Error("two parties that agreed with two clocks ended the doubt")
	}
}
