package edge

import "time"

// Of what a desk sends, bodies are bounded by slots and quotas. All else is paced: header
// lines, bodies that no call reads, and frames of HTTP/2 that ask for nothing, such as
// settings and pings, which cost the broker more than the desk. So much of it may come in
// one go, and so much each second, over all connections of a desk that have not shown the
// locked ring, and over those that have. Beyond that the broker reads later; nothing is
// lost, and no other desk waits.
const (
	maxUnread  = 2 << 20   // bytes: what HTTP/2 lets a peer send ahead of who reads it, and as much again
	unreadPace = 256 << 10 // bytes each second: requests by the thousand
	maxPause   = time.Second
	maxDebt    = 4 * unreadPace // beyond maxUnread: who stops is read as ever within so many seconds
	framing    = 32             // of so many bytes of a body one more is of frames and records
)

// A pace counts bytes that no call has read.
type pace struct {
	unread float64
	at     time.Time
}

// comes counts n bytes, and says how long the next wait.
func (p *pace) comes(n int, now time.Time) time.Duration {
	p.unread = max(0, p.unread-unreadPace*now.Sub(p.at).Seconds()) + float64(n)
	p.unread = min(p.unread, maxUnread+maxDebt)
	p.at = now
	over := (p.unread - maxUnread) / unreadPace
	return max(0, min(time.Duration(over*float64(time.Second)), maxPause))
}

// read says that a call has read n of them as its body.
func (p *pace) read(n int) { p.unread = max(0, p.unread-float64(n+n/framing)) }

// comes counts what a connection brought, and says how long its desk is to wait.
func (d *desks) comes(c *conn, n int) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.of(c.caller).pace(c).comes(n, time.Now())
}

// pace is called with the lock of all desks.
func (k *desk) pace(c *conn) *pace { return &k.paces[rank(c.shown)] }

// paced reads from a connection that is named, not faster than its desk may send.
func (c *conn) paced(b []byte) (int, error) {
	n, err := c.line.Read(b)
	pause := c.edge.desks.comes(c, n)
	if pause == 0 {
		return n, err
	}
	c.edge.metrics.faults.WithLabelValues(string(c.caller)).Inc()
	c.edge.cfg.Log.Warn("a desk sends more than its calls read; it is read more slowly", "desk", c.caller)
	wait := time.NewTimer(pause)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-c.edge.polls.Done():
	}
	return n, err
}
