package api

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// A call has its first time, and more for each byte: a body that is slow and moves is not
// ended, one that moves less than the least rate is.
func TestASpellGoesByWhatMoves(t *testing.T) {
	for name, c := range map[string]struct {
		each  int // bytes moved each second
		lasts time.Duration
		ends  time.Duration
	}{
		"nothing":                 {0, 0, 30 * time.Second},
		"the half":                {LeastRate / 2, time.Hour, 59 * time.Second},
		"a burst, and no more":    {10 * LeastRate, time.Second, 40 * time.Second},
		"enough":                  {LeastRate, 10 * time.Minute, 10*time.Minute + 30*time.Second},
		"a satellite for minutes": {12 * LeastRate, 2 * time.Minute, 24*time.Minute + 30*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, ended := time.Now(), make(chan time.Duration, 1)
				s := NewSpell(30*time.Second, func() { ended <- time.Since(began) })
				defer s.Stop()
				for tick := time.NewTicker(time.Second); ; {
					select {
					case <-tick.C:
						if time.Since(began) <= c.lasts {
							s.Moved(c.each)
						}
						continue
					case got := <-ended:
						tick.Stop()
						if got < c.ends || got > c.ends+2*time.Second {
							t.Errorf("it ended after %s, expected %s", got, c.ends)
						}
					}
					break
				}
			})
		})
	}
}

func TestAStoppedSpellEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSpell(time.Second, func() { t.Error("it ended") })
		s.Stop()
		<-time.After(time.Hour)
	})
}

// A line on which nothing moves ends after 20 seconds, and one on which anything moves, in
// either direction, does not.
func TestALineGoesByWhatMoves(t *testing.T) {
	for name, c := range map[string]struct {
		moves func(line, far net.Conn)
		ends  time.Duration
	}{
		"nothing": {func(line, far net.Conn) {}, 20 * time.Second},
		"it reads for a minute": {func(line, far net.Conn) {
			for range 6 {
				<-time.After(10*time.Second - 1)
				far.Write([]byte{1})
			}
		}, 80 * time.Second},
		"it writes for a minute": {func(line, far net.Conn) {
			go func() {
				for b := make([]byte, 1); ; {
					if _, err := far.Read(b); err != nil {
						return
					}
				}
			}()
			for range 6 {
				<-time.After(10*time.Second - 1)
				line.Write([]byte{1})
			}
		}, 70 * time.Second},
		"it writes, and nobody takes it": {func(line, far net.Conn) { line.Write([]byte{1}) }, 20 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				line := NewLine(near)
				began := time.Now()
				go c.moves(line, far)
				b := make([]byte, 1)
				var err error
				for err == nil {
					_, err = line.Read(b)
				}
				if took := time.Since(began); !errors.Is(err, errQuiet) || took < c.ends-time.Second || took > c.ends+time.Second {
					t.Errorf("it ended after %s, expected %s: %v", took, c.ends, err)
				}
				line.Close()
				far.Close()
			})
		})
	}
}
