package mail

import (
	"maps"

	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// heeds are the revocations that were handed in at this desk, that the register lacks and
// would admit. An operator who holds one back must not have this desk send to stolen keys,
// or open what they signed. It ends once the register has it: then the register decides.
type heeds struct {
	by      map[signed.Hash]bool // the entries
	desks   map[signed.Address]bool
	parties map[string]bool
}

// heed looks which revocations are to be heeded; it is called with mu locked.
func (m *Room) heed() {
	next := heeds{map[signed.Hash]bool{}, map[signed.Address]bool{}, map[string]bool{}}
	r := m.logs.Load().Register()
	for _, h := range m.handed.all {
		v, ok := h.entry.(*register.Revocation)
		if !ok || r.Check(h.note) != nil {
			continue
		}
		next.by[h.hash] = true
		if v.Party != "" {
			next.parties[v.Party] = true
		} else {
			next.desks[v.Desk] = true
		}
	}
	before := m.handed.heeds
	m.handed.heeds = next
	if !maps.Equal(before.by, next.by) {
		for hash := range next.by {
			if !before.by[hash] {
				m.Log.Warn("this desk heeds a revocation that the register lacks", "entry", hash)
			}
		}
		m.Touch()
		m.wakeOutboxes() // what is queued shows why it waits
	}
}

// Heeded is why this desk sends nothing to a desk, and opens nothing from it, by a
// revocation that the register lacks; nil: it does.
func (m *Room) Heeded(desk signed.Address) error {
	m.handed.mu.Lock()
	defer m.handed.mu.Unlock()
	if m.handed.heeds.desks[desk] || m.handed.heeds.parties[desk.Party()] {
		return problem.New(problem.KeyRevoked, "this desk heeds a revocation of %s that was handed in here and that the register lacks", desk)
	}
	return nil
}

// registerGrew asks again of all that was handed in: the register may have it, or no longer
// admit it.
func (m *Room) registerGrew() {
	m.handed.mu.Lock()
	none := len(m.handed.all) == 0
	if !none {
		m.heed()
	}
	m.handed.mu.Unlock()
	if !none {
		m.goOn()
		wake(m.workers.entries)
	}
}

// goOn lets go what waited while a revocation was heeded.
func (m *Room) goOn() {
	m.Touch()
	m.wakeOutboxes()
	m.opener.lookAgain()
}
