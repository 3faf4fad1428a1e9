package edge

import (
	"context"
	"io"
	"time"

	"samband/gateway/api"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// underway is a call that has its slot, and how much of the bytes that its desk may have
// under way it takes. They are reserved as they are read, so a caller reserves nothing
// by a length that it only announces.
type underway struct {
	desks *desks
	conn  *conn
	kind  kind
	page  bool
	bytes int
	body  io.Reader
	spell *api.Spell // of the body

	operation string
	yield     context.CancelCauseFunc // of a poll that waits
}

// enter gives a call its slot, and a page its own, if the desk has one left. leave gives
// back all that the call took.
func (d *desks) enter(c *conn, route *api.Route) (*underway, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.of(c.caller)
	c.last = time.Now()
	for ; c.doubts > 0; c.doubts-- {
		d.yielded(c.caller, k)
	}
	u := &underway{desks: d, conn: c, kind: kind(rank(c.shown)), page: route.Paged}
	if route.Shows {
		u.kind = showing
	}
	s := u.slots()
	if u.kind == showing && c.showing || u.kind != showing && s.requests >= maxRequests || u.page && s.pages >= maxPages {
		err := problem.New(problem.BrokerBusy, "%s has as many requests under way as one desk may", c.caller)
		if d.crowded(k, c) && route.Polls {
			err = problem.New(problem.PollYielded, "%s has as many requests under way as one desk may, over other connections than this one", c.caller)
		}
		return nil, err
	}
	s.requests++
	s.pages += rank(u.page)
	c.requests++
	c.showing = c.showing || u.kind == showing
	return u, nil
}

// crowded counts a call that finds no room because of calls over other connections of
// its desk, as polls that meet are counted. No honest desk has so many, also when its network
// changed, so nothing is asked of the other connection. It is called with mu locked.
func (d *desks) crowded(k *desk, c *conn) bool {
	for _, other := range k.conns {
		if other != c && other.requests > 0 {
			d.yielded(c.caller, k)
			return true
		}
	}
	return false
}

func (u *underway) leave() {
	u.desks.mu.Lock()
	defer u.desks.mu.Unlock()
	s := u.slots()
	s.requests--
	s.pages -= rank(u.page)
	s.bytes -= u.bytes
	u.conn.requests--
	if u.kind == showing {
		u.conn.showing = false
	}
}

// slots is called with mu locked.
func (u *underway) slots() *slots { return &u.desks.of(u.conn.caller).slots[u.kind] }

// Read reads of the body, until the desk may have no more.
func (u *underway) Read(b []byte) (int, error) {
	n, err := u.body.Read(b)
	u.spell.Moved(n)
	u.desks.mu.Lock()
	defer u.desks.mu.Unlock()
	u.desks.of(u.conn.caller).pace(u.conn).read(n)
	s := u.slots()
	if n > 0 && s.bytes+n > maxUnderway {
		u.desks.crowded(u.desks.of(u.conn.caller), u.conn)
		return 0, problem.New(problem.BrokerBusy, "%s has as many bytes under way as one desk may, %d", u.conn.caller, maxUnderway)
	}
	s.bytes += n
	u.bytes += n
	return n, err
}

// wait begins the waiting of a poll. A desk has one that waits at each feed: it takes the
// place of an older one, whose yield is called, unless that came over a connection that
// has shown the locked ring and this one did not.
func (u *underway) wait(operation string, yield context.CancelCauseFunc) error {
	d := u.desks
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.of(u.conn.caller)
	if u.conn.leaving {
		return yielded(u.conn.caller)
	}
	if older := k.polls[operation]; older != nil {
		d.meet(k, older.conn, u.conn)
		if older.conn.shown && !u.conn.shown {
			return problem.New(problem.BrokerBusy, "a poll of %s waits that came by a connection which has shown the locked ring", u.conn.caller)
		}
		older.yield(yielded(u.conn.caller))
		older.stop()
	}
	u.operation, u.yield = operation, yield
	k.polls[operation] = u
	u.conn.waiting++
	return nil
}

// waited ends it.
func (u *underway) waited() {
	u.desks.mu.Lock()
	defer u.desks.mu.Unlock()
	u.stop()
}

// stop is called with mu locked.
func (u *underway) stop() {
	if k := u.desks.of(u.conn.caller); k.polls[u.operation] == u {
		delete(k.polls, u.operation)
		u.conn.waiting--
	}
}

// meet counts that a poll over one connection met the poll of an older one at the same
// feed, as soon as it is known that both are alive. A desk that starts anew, or whose
// network changed, comes by a new connection while the broker still waits at the old
// one: that never calls again, and is no alarm.
func (d *desks) meet(k *desk, older, newer *conn) {
	switch {
	case older == newer:
	case older.last.After(newer.began):
		d.yielded(newer.caller, k)
	default:
		older.doubts = min(older.doubts+1, api.AlarmingYields)
	}
}

// shared tells whether two programs use a desk's online ring.
func (d *desks) shared(address signed.Address) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.of(address).yields.Alarming(time.Now())
}

// yielded is called with mu locked.
func (d *desks) yielded(address signed.Address, k *desk) {
	d.metrics.yielded(address, k.yields.Add(time.Now()))
}

func yielded(desk signed.Address) error {
	return problem.New(problem.PollYielded, "a newer poll of %s at this feed waits in the place of this one", desk)
}
