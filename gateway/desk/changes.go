package desk

import (
	"context"
	"slices"
	"sync"

	"samband/gateway/desk/internal/store"
	"samband/gateway/signed"
)

// changing is a value that many read and few replace, with readers let in while
// they use it: a ring is not wiped under the hands of who signs with it.
type changing[T any] struct {
	mu sync.RWMutex
	v  T
}

func (c *changing[T]) use(f func(T) error) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return f(c.v)
}

// set puts in a new value and returns the old, which nobody uses any more.
func (c *changing[T]) set(v T) (old T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, c.v = c.v, v
	return old
}

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
func (e *ends) moved(id signed.ID, state store.State) {
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

// Ended returns a message that this desk sent as soon as it has ended, or as it
// stands when ctx ends. It waits for that message alone, and opens nothing.
func (d *Desk) Ended(ctx context.Context, id signed.ID) (*OutboxItem, error) {
	ended, cancel := d.ends.watch(id)
	defer cancel()
	var state store.State
	err := d.store.View(func(tx *store.Tx) error {
		o, err := tx.Outbox(id)
		state = o.State
		return unknown(err, id)
	})
	if err != nil {
		return nil, err
	}
	if !state.Ended() {
		select {
		case <-ended:
		case <-ctx.Done():
		}
	}
	items, err := d.outboxItems(Query{ID: id})
	if err != nil {
		return nil, err
	}
	return &items[0], nil
}

func (d *Desk) touch() { d.changes.touch() }

// Changed returns a channel that is closed at the next change of any message,
// ring or proof. Take it before you look, so that nothing happens in between:
//
//	for {
//		changed := d.Changed()
//		if items, _ := d.Inbox(ctx, desk.Query{}); len(items) > 0 {
//			return items
//		}
//		<-changed
//	}
func (d *Desk) Changed() <-chan struct{} {
	_, next := d.changes.look()
	return next
}

// Wait returns the number of changes so far as soon as it is not after, or as it
// is when ctx ends. Its caller looks, waits with what it got, and looks again; a
// number from before the process was started anew ends the wait at once.
func (d *Desk) Wait(ctx context.Context, after int64) (int64, error) {
	for {
		n, next := d.changes.look()
		if n != after {
			return n, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return n, nil
		}
	}
}
