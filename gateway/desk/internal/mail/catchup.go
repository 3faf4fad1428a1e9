package mail

import (
	"context"
	"sync"
	"time"

	"samband/gateway/api"
)

// A catchup is the entries of the register that answers brought and that this desk has not
// made its own yet, since the rest of them are missing. A desk that is far behind goes on
// with them after a call that broke off, and calls that need the same entries at one time
// fetch them once. None of them is believed for lying here.
type catchup struct {
	fetching sync.Mutex
	load     load // under it

	mu      sync.Mutex // guards what follows
	from    int64      // the first one's index
	entries [][]byte
}

// behind is the index behind the last; it is called with mu locked.
func (c *catchup) behind() int64 { return c.from + int64(len(c.entries)) }

// add takes entries from an index on, as far as they follow those that are here.
func (c *catchup) add(from int64, entries [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if from < c.from || from > c.behind() {
		c.from, c.entries = from, nil
	}
	if known := c.behind() - from; known < int64(len(entries)) {
		c.entries = append(c.entries, entries[known:]...)
	}
}

// since are the entries that are here from an index on.
func (c *catchup) since(from int64) [][]byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if from < c.from || from >= c.behind() {
		return nil
	}
	return c.entries[from-c.from:]
}

// forget drops what is here: it led nowhere, or is this desk's own.
func (c *catchup) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from, c.entries = 0, nil
}

// entries are some that follow an index: those that are here, or a page of the broker's.
func (m *Room) entries(ctx context.Context, heads api.Heads, from int64) ([][]byte, error) {
	c := &m.catchup
	c.fetching.Lock()
	defer c.fetching.Unlock()
	if own := m.logs.Load().Register(); own.Size() > from {
		return own.Entries(from), nil
	}
	if here := c.since(from); len(here) > 0 {
		return here, nil
	}
	began := time.Now()
	page, err := m.Broker.Register(ctx, heads, from, api.MaxEntries, int(c.load))
	if err != nil {
		c.load.failed()
		return nil, err
	}
	size := 0
	for _, e := range page.Entries {
		size += len(e)
	}
	c.load.carried(size, api.MaxPage, time.Since(began))
	c.add(from, page.Entries)
	return page.Entries, nil
}
