package edge

import (
	"sync"

	"samband/gateway/signed"
)

// desks keeps what the edge knows of each desk: its connections, and how many of its
// requests, and of their bytes, are under way. Only desks that the register has get this far, so it stays small.
type desks struct {
	mu          sync.Mutex
	known       map[signed.Address]*desk
	connections int // of all
}

type desk struct {
	connections int
	requests    int
	pages       int
	bytes       int
}

func newDesks() *desks { return &desks{known: map[signed.Address]*desk{}} }

// of is called with mu locked.
func (d *desks) of(address signed.Address) *desk {
	k := d.known[address]
	if k == nil {
		k = &desk{}
		d.known[address] = k
	}
	return k
}

// connect takes a slot for a connection; false when the desk, or the edge, has
// none left. disconnect gives it back.
func (d *desks) connect(address signed.Address) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.of(address)
	if k.connections >= maxOfDesk || d.connections >= maxConnections {
		return false
	}
	k.connections++
	d.connections++
	return true
}

func (d *desks) disconnect(address signed.Address) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.of(address).connections--
	d.connections--
}

// count tells show how many connections a desk has open; none comes or goes
// meanwhile.
func (d *desks) count(address signed.Address, show func(int)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	show(d.of(address).connections)
}

// enter takes a slot for a request, and one for a page where it asks for that;
// false when the desk has none left. leave gives them back.
func (d *desks) enter(address signed.Address, page bool) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.of(address)
	if k.requests >= maxRequests || page && k.pages >= maxPages {
		return false
	}
	k.count(1, page)
	return true
}

func (d *desks) leave(address signed.Address, page bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.of(address).count(-1, page)
}

func (k *desk) count(n int, page bool) {
	k.requests += n
	if page {
		k.pages += n
	}
}

// reserve takes room for bytes of a body; false when the desk has as many under way
// as one may. A negative number gives back what was taken.
func (d *desks) reserve(address signed.Address, bytes int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.of(address)
	if bytes > 0 && k.bytes+bytes > maxUnderway {
		return false
	}
	k.bytes += bytes
	return true
}
