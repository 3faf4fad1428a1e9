package edge

import (
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/signed"
)

// desks keeps what the edge knows of each desk: its connections, and how many of its
// requests, and of their bytes, are under way. Only desks that the register has, and
// whose key a finished handshake proved, get this far, so it stays small.
type desks struct {
	metrics *metrics
	moving  time.Duration // as movingTime

	mu    sync.Mutex
	known map[signed.Address]*desk
	total int // connections of all
}

type desk struct {
	conns  []*conn // oldest first, until they are closed
	slots  [kinds]slots
	paces  [2]pace              // as of connections: of those that have not shown the locked ring, and of those that have
	polls  map[string]*underway // those that wait, by operation
	yields api.Yields
}

// A kind of calls has slots of its own, so that a thief of the online ring alone takes
// none from who has the locked one.
type kind int

const (
	plain   kind = iota // over a connection that has not shown the locked ring
	locked              // over one that has
	showing             // that show it: one at once on each connection
	kinds
)

// slots are how much of what a desk may have at once is taken.
type slots struct{ requests, pages, bytes int }

func newDesks(m *metrics) *desks {
	return &desks{metrics: m, moving: movingTime, known: map[signed.Address]*desk{}}
}

// of is called with mu locked.
func (d *desks) of(address signed.Address) *desk {
	k := d.known[address]
	if k == nil {
		k = &desk{polls: map[string]*underway{}}
		d.known[address] = k
	}
	return k
}

// count tells show how many connections a desk has open; none comes or goes
// meanwhile.
func (d *desks) count(address signed.Address, show func(int)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	show(len(d.of(address).conns))
}
