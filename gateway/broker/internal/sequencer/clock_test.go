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

func TestLoggedTime(t *testing.T) {
	start := time.Date(2026, 11, 23, 3, 12, 0, 500, time.UTC)
	for _, c := range []struct {
		name          string
		wall, elapsed time.Duration
		moved         time.Duration
		doubt         bool
	}{
		{"time passes", 5 * time.Minute, 5 * time.Minute, 5 * time.Minute, false},
		{"a small correction", 30 * time.Second, time.Second, 30 * time.Second, false},
		{"set back", -time.Hour, time.Second, 0, false},
		{"set forward", time.Hour, time.Second, time.Hour, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := &setClock{wall: start}
			l := logClock{clock: clock}
			l.begin(signed.At(start))
			clock.step(c.wall, c.elapsed)
			if got := l.now().Sub(signed.At(start)); got != c.moved {
				t.Errorf("logged time moved by %s", got)
			}
			if l.inDoubt() != c.doubt {
				t.Errorf("doubt is %t", l.inDoubt())
			}
			for _, party := range []string{"se", "fi"} {
				l.agree(party, l.now().Add(-2*time.Minute))
			}
			if l.inDoubt() != c.doubt {
				t.Error("desks whose clocks differ lifted the doubt")
			}
			for range 2 {
				l.agree("se", l.now().Add(30*time.Second))
			}
			if l.inDoubt() != c.doubt {
				t.Error("one party lifted the doubt")
			}
			l.agree("fi", l.now())
			if l.inDoubt() {
				t.Error("two parties whose clocks agree left the doubt")
			}
		})
	}
}

// A start can't tell a pause from a jump.
func TestClockAtStart(t *testing.T) {
	now := time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC)
	for last, doubt := range map[signed.Time]bool{
		{}:                              false, // nothing was ever logged
		signed.At(now):                  false,
		signed.At(now.Add(-time.Hour)):  true,
		signed.At(now.Add(time.Minute)): false,
		signed.At(now.Add(time.Hour)):   true, // a jump was logged, and the clock put right since
	} {
		l := logClock{clock: &setClock{wall: now}}
		l.begin(last)
		if l.inDoubt() != doubt {
			t.Errorf("after %s doubt is %t", last, !doubt)
		}
		if l.now().Before(last) {
			t.Errorf("logged time went back behind %s", last)
		}
	}
}

// Who agreed before a jump said nothing of the clock after it.
func TestClockJumpsAgain(t *testing.T) {
	clock := &setClock{wall: time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC)}
	l := logClock{clock: clock}
	l.begin(signed.Time{})
	for _, party := range []string{"se", "fi"} {
		clock.step(time.Hour, 0)
		l.agree(party, l.now())
	}
	if !l.inDoubt() {
		t.Error("two parties that agreed with two clocks lifted the doubt")
	}
}
