package edge

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"samband/gateway/api"
	"samband/gateway/signed"
)

// desks keeps what the edge knows of each desk: its connections, how many of its
// requests, and of their bytes, are under way, its budgets, and its refusals since they
// were last handed on. Only desks that the register has, and whose key a finished
// handshake proved, get this far, so it stays small.
type desks struct {
	metrics *metrics

	mu    sync.Mutex
	known map[signed.Address]*desk
	total int // connections of all
}

type desk struct {
	conns   []*conn // oldest first, until they are closed
	slots   [kinds]slots
	polls   map[string]*underway // those that wait, by operation
	yields  api.Yields
	budgets map[string]*rate.Limiter

	refusals int64
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

func newDesks(m *metrics) *desks { return &desks{metrics: m, known: map[signed.Address]*desk{}} }

// of is called with mu locked.
func (d *desks) of(address signed.Address) *desk {
	k := d.known[address]
	if k == nil {
		k = &desk{budgets: map[string]*rate.Limiter{}, polls: map[string]*underway{}}
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
