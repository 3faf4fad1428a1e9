package api

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// LeastRate is how many bytes a second a call must move, on the average, once its first
// half minute is over; both sides end it then. A line of 12 kB/s that a desk's calls share
// gives each of them some times as much, and short messages pass at as little. It bounds
// how long one call takes: half an hour for the longest envelope and its base64, and some
// 70 minutes for the longest sequence.
const LeastRate = 1 << 10

// ErrTooSlow is why a call ended that moved less.
var ErrTooSlow = errors.New("less than 1024 bytes a second were moved")

// A Spell is the time that a call has: so much at first, and more with each byte that it
// moves. At its end, which Stop prevents, it calls a function once.
type Spell struct {
	began time.Time
	first time.Duration
	moved atomic.Int64
	ends  func()

	mu    sync.Mutex // guards what follows, and is locked while ends runs
	timer *time.Timer
	over  bool
}

// NewSpell begins a spell.
func NewSpell(first time.Duration, ends func()) *Spell {
	s := &Spell{began: time.Now(), first: first, ends: ends}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.timer = time.AfterFunc(first, s.look)
	return s
}

// Moved says that so many bytes were moved.
func (s *Spell) Moved(n int) { s.moved.Add(int64(n)) }

// Stop ends the spell: the function was called before it returns, or never is.
func (s *Spell) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.timer.Stop()
}

func (s *Spell) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	left := s.first + time.Duration(s.moved.Load())*time.Second/LeastRate - time.Since(s.began)
	if left > 0 {
		s.timer.Reset(left)
		return
	}
	s.over = true
	s.ends()
}

// A Line is a connection that ends when nothing moves on it: when for quietFor nothing
// was read, and in the second half of that the other end took nothing of what was written.
// Pings of HTTP/2 keep a line that is well from being quiet; that one of them is late, behind
// a long body on a slow line, ends nothing.
type Line struct {
	net.Conn
	written atomic.Int64
	taken   int64 // of these by the other end, when it was last asked; the reader's
}

const (
	quietFor = 20 * time.Second

	// PingAfter is after how long a silence either side pings.
	PingAfter = quietFor / 2
	// PingTimeout bounds the wait for what answers a ping: all that may stand before it.
	PingTimeout = MaxSequence / LeastRate * time.Second
)

var errQuiet = errors.New("nothing moved on the connection for 20 seconds")

// NewLine makes a Line of a connection. Nobody else sets its deadline for reading.
func NewLine(c net.Conn) *Line {
	keepShort(c)
	return &Line{Conn: c}
}

// Read reads, for as long as something moves.
func (l *Line) Read(b []byte) (int, error) {
	for quiet := false; ; quiet = true {
		l.Conn.SetReadDeadline(time.Now().Add(quietFor / 2))
		n, err := l.Conn.Read(b)
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		taken := l.written.Load() - unsent(l.Conn)
		if quiet && taken <= l.taken {
			return 0, errQuiet
		}
		l.taken = max(l.taken, taken)
	}
}

// Write writes.
func (l *Line) Write(b []byte) (int, error) {
	n, err := l.Conn.Write(b)
	l.written.Add(int64(n))
	return n, err
}
