package local

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// The places are the connections of a server. When they are all taken, the newest one
// gets the place of the one that is idle for the longest time; where none is idle, of one
// that has not called yet; else of the one whose call is the oldest.
type places struct {
	max int
	mu  sync.Mutex
	all map[net.Conn]use
}

type use struct {
	state http.ConnState
	since time.Time
}

func newPlaces(max int) *places { return &places{max: max, all: map[net.Conn]use{}} }

// changed is a server's ConnState.
func (p *places) changed(c net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(p.all, c)
		return
	}
	p.all[c] = use{state, time.Now()}
	if len(p.all) <= p.max {
		return
	}
	var least net.Conn
	for other, u := range p.all {
		if other != c && (least == nil || u.less(p.all[least])) {
			least = other
		}
	}
	delete(p.all, least)
	least.Close()
}

// less reports whether a connection is worth less than another.
func (u use) less(than use) bool {
	worth := map[http.ConnState]int{http.StateIdle: 0, http.StateNew: 1, http.StateActive: 2}
	if worth[u.state] != worth[than.state] {
		return worth[u.state] < worth[than.state]
	}
	return u.since.Before(than.since)
}
