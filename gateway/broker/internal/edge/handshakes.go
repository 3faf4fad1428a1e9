package edge

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
)

// strangers are connections that count for no desk: those whose handshake is not over,
// and those that are turned away. Anyone on the network can open them, so they have
// few places of their own, and whoever comes late finds one: the oldest goes, of its own
// source where that has too many. A desk's handshake takes two turns of the network; a
// stranger can take its place in that time only, and never that of a desk that is named.
type strangers struct {
	most     int // at once
	ofSource int // of these, from one source

	mu      sync.Mutex
	all     list.List // of *conn, oldest first
	entries map[*conn]*list.Element
	sources map[netip.Prefix]int
}

func newStrangers(most, ofSource int) *strangers {
	return &strangers{most: most, ofSource: ofSource, entries: map[*conn]*list.Element{}, sources: map[netip.Prefix]int{}}
}

// begin takes in a connection, and returns the one that it takes the place of.
func (h *strangers) begin(c *conn) (goes *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	crowded := h.sources[c.source] >= h.ofSource
	if crowded || h.all.Len() >= h.most {
		oldest := h.all.Front()
		for crowded && oldest.Value.(*conn).source != c.source {
			oldest = oldest.Next()
		}
		goes = oldest.Value.(*conn)
		h.remove(goes)
	}
	h.entries[c] = h.all.PushBack(c)
	h.sources[c.source]++
	return goes
}

// end lets a connection out; false when another has its place already.
func (h *strangers) end(c *conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.remove(c)
}

func (h *strangers) remove(c *conn) bool {
	e, there := h.entries[c]
	if !there {
		return false
	}
	h.all.Remove(e)
	delete(h.entries, c)
	if h.sources[c.source]--; h.sources[c.source] == 0 {
		delete(h.sources, c.source)
	}
	return true
}

// closeAll ends them all.
func (h *strangers) closeAll() {
	h.mu.Lock()
	all := make([]*conn, 0, len(h.entries))
	for c := range h.entries {
		all = append(all, c)
		h.remove(c)
	}
	h.mu.Unlock()
	for _, c := range all {
		c.Close()
	}
}

// sourceOf is whom an address counts for: itself, or its network where one
// caller has a whole one.
func sourceOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip, bits := tcp.AddrPort().Addr().Unmap(), 64
	if ip.Is4() {
		bits = 32
	}
	source, _ := ip.Prefix(bits)
	return source
}
