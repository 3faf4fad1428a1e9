package edge

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"samband/gateway/signed"
)

// desks keeps what the edge knows of each desk: its connections, how many of its
// requests, and of their bytes, are under way, its budgets, and its refusals since they
// were last handed on. Only desks that the register has get this far, so it stays small.
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
	budgets     map[string]*rate.Limiter
	refusals    int64
}

func newDesks() *desks { return &desks{known: map[signed.Address]*desk{}} }

// of is called with mu locked.
func (d *desks) of(address signed.Address) *desk {
	k := d.known[address]
	if k == nil {
		k = &desk{budgets: map[string]*rate.Limiter{}}
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

// budget returns a desk's budget for an operation. Each has its own, so that a
// desk that sends what is refused can still state what it received.
func (d *desks) budget(address signed.Address, op string) *rate.Limiter {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.of(address)
	if k.budgets[op] == nil {
		k.budgets[op] = rate.NewLimiter(budgetPace, budgetBurst)
	}
	return k.budgets[op]
}

// exhausted tells whether a desk has no budget left for an operation.
func (d *desks) exhausted(address signed.Address, op string) bool {
	return d.budget(address, op).TokensAt(time.Now()) < 1
}

// spend takes one final refusal from a desk's budget.
func (d *desks) spend(address signed.Address, op string) { d.budget(address, op).Allow() }

// refused adds to the sum of refusals that have no entry of their own.
func (d *desks) refused(address signed.Address, count int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.of(address).refusals += count
}

// takeSums returns the sums and begins new ones.
func (d *desks) takeSums() map[signed.Address]int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	sums := map[signed.Address]int64{}
	for address, k := range d.known {
		if k.refusals > 0 {
			sums[address], k.refusals = k.refusals, 0
		}
	}
	return sums
}
