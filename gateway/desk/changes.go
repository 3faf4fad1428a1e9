package desk

import (
	"context"
	"sync"
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
