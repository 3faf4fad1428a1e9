package mail

import (
	"context"
	"slices"
	"sync"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/signed"
)

// changes counts changes of the desk's state and wakes who waits for the next.
type changes struct {
	mu   sync.Mutex
	n    int64
	next chan struct{}
}

func (c *changes) touch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	if c.next != nil {
		close(c.next)
		c.next = nil
	}
}

func (c *changes) look() (n int64, next <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = make(chan struct{})
	}
	return c.n, c.next
}

// ends are those who wait for the end of one message that this desk sent. Each
// hears of that message alone: one look at the database for each caller and
// change would cost callers times messages.
type ends struct {
	mu      sync.Mutex
	waiting map[signed.ID][]chan struct{}
}

// watch returns a channel that is closed once the message has ended, from now on.
func (e *ends) watch(id signed.ID) (ended <-chan struct{}, cancel func()) {
	c := make(chan struct{})
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiting == nil {
		e.waiting = map[signed.ID][]chan struct{}{}
	}
	e.waiting[id] = append(e.waiting[id], c)
	return c, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		left := slices.DeleteFunc(e.waiting[id], func(other chan struct{}) bool { return other == c })
		if e.waiting[id] = left; len(left) == 0 {
			delete(e.waiting, id)
		}
	}
}

// moved hears of each new state of a sent message.
func (e *ends) moved(id signed.ID, state client.State) {
	if !state.Ended() {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, c := range e.waiting[id] {
		close(c)
	}
	delete(e.waiting, id)
}

// Ended returns once a message that this desk sent has ended, or when ctx ends. It
// waits for that message alone.
func (m *Room) Ended(ctx context.Context, id signed.ID) error {
	ended, cancel := m.ends.watch(id)
	defer cancel()
	var row store.Row
	err := m.Store.View(func(tx *store.Tx) (err error) {
		row, err = tx.Sent(id)
		return err
	})
	if err != nil || row.State.Ended() {
		return err
	}
	select {
	case <-ended:
	case <-ctx.Done():
	}
	return nil
}

// Touch says that something has changed that people look at.
func (m *Room) Touch() { m.changes.touch() }

// Changed returns the number of changes so far, and a channel that is closed at the
// next change of any message, ring or proof.
func (m *Room) Changed() (int64, <-chan struct{}) { return m.changes.look() }
