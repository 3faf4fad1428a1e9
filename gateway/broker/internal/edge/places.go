package edge

import (
	"cmp"
	"slices"

	"samband/gateway/signed"
)

// A connection has a place from its finished handshake to its end. So many are there
// for all desks, which their parties share, and so many for one desk: of those that have
// not shown the locked ring, and apart from them of those that have, so that a thief of
// the online ring alone takes none from a desk that is unlocked. None is turned away
// while one yields to it.

// connect gives a connection its place, and names those that go for it: of its own desk,
// or of the party that has most. False when its own party has most and its desk none.
func (d *desks) connect(c *conn) (goes []*conn, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.of(c.caller)
	if crowded := k.tooMany(false, 1); crowded != nil {
		d.yielded(c.caller, k) // no honest desk has so many
		goes = append(goes, crowded)
	}
	if d.total >= maxConnections {
		last := d.leastOfMost(c.caller.Party())
		if last == nil {
			return goes, false
		}
		goes = append(goes, last)
	}
	k.conns = append(k.conns, c)
	d.total++
	return goes, true
}

// disconnect takes a connection's place back; false when it has none.
func (d *desks) disconnect(c *conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.known[c.caller]
	if k == nil {
		return false
	}
	i := slices.Index(k.conns, c)
	if i < 0 {
		return false
	}
	k.conns = slices.Delete(k.conns, i, i+1)
	d.total--
	return true
}

// mark says whether a connection has shown the locked ring. It names the one that goes
// for it, when its desk has too many of those.
func (d *desks) mark(c *conn, shown bool) (goes *conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.of(c.caller)
	if shown && !c.shown {
		goes = k.tooMany(true, 1)
	}
	c.shown = shown
	return goes
}

// marked are the connections of a desk that have shown the locked ring.
func (d *desks) marked(address signed.Address) (all []*conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.of(address).conns {
		if c.shown {
			all = append(all, c)
		}
	}
	return all
}

// tooMany is the connection that goes when so many more come to those of one kind; nil
// when there is room. It is told, and its place is free.
func (k *desk) tooMany(shown bool, more int) *conn {
	var of []*conn
	for _, c := range k.conns {
		if c.shown == shown && !c.leaving {
			of = append(of, c)
		}
	}
	if len(of)+more <= maxOfDesk {
		return nil
	}
	goes := first(of)
	k.tell(goes)
	return goes
}

// leastOfMost is the connection that goes when all places are taken and one more of this
// party comes: of the party that has most then, of its desk that has most.
func (d *desks) leastOfMost(comes string) *conn {
	parties := map[string]int{comes: 1}
	for address, k := range d.known {
		parties[address.Party()] += len(k.conns)
	}
	most := comes
	for party, n := range parties {
		if n > parties[most] {
			most = party
		}
	}
	var of []*conn
	largest := 0
	for address, k := range d.known {
		if address.Party() != most || len(k.conns) < max(largest, 1) {
			continue
		}
		if len(k.conns) > largest {
			of, largest = nil, len(k.conns)
		}
		of = append(of, k.conns...)
	}
	if of == nil {
		return nil
	}
	goes := first(of)
	d.of(goes.caller).tell(goes)
	return goes
}

// first is the connection that yields before the others: the oldest of those that leave
// already, have not shown the locked ring, and have nothing under way but polls that
// wait. Where none is so idle, a busy one goes, or a thief's bodies without end would
// keep its desk out.
func first(conns []*conn) *conn {
	return slices.MinFunc(conns, func(a, b *conn) int {
		return cmp.Or(
			cmp.Compare(rank(!a.leaving), rank(!b.leaving)),
			cmp.Compare(rank(a.shown), rank(b.shown)),
			cmp.Compare(rank(a.requests > a.waiting), rank(b.requests > b.waiting)),
			a.began.Compare(b.began),
		)
	})
}

func rank(later bool) int {
	if later {
		return 1
	}
	return 0
}

// tell makes a connection one that leaves: its polls end, with their code.
func (k *desk) tell(c *conn) {
	c.leaving = true
	for _, p := range k.polls {
		if p.conn == c {
			p.yield(yielded(c.caller))
		}
	}
}

// quiet tells whether a connection has nothing under way.
func (d *desks) quiet(c *conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return c.requests == 0
}
