package router

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"samband/gateway/signed"
)

// turns bounds how many items are checked at once, for the whole broker: what costs
// most are signatures, and more than one for each processor only costs memory.
// While some wait, the desks take turns, one item each: a desk with many items
// keeps another desk's one item waiting for one of its own.
type turns struct {
	mu    sync.Mutex
	free  int
	desks []signed.Address                     // that wait, next first
	waits map[signed.Address][]chan<- struct{} // each closed when its turn has come
}

func newTurns(n int) *turns {
	return &turns{free: n, waits: map[signed.Address][]chan<- struct{}{}}
}

// begin waits for a turn of a desk. A turn is short, so nobody who waits leaves.
func (t *turns) begin(desk signed.Address) {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return
	}
	mine := make(chan struct{})
	if len(t.waits[desk]) == 0 {
		t.desks = append(t.desks, desk)
	}
	t.waits[desk] = append(t.waits[desk], mine)
	t.mu.Unlock()
	<-mine
}

// end passes a turn on: to the desk that has waited longest for one.
func (t *turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.desks) == 0 {
		t.free++
		return
	}
	desk := t.desks[0]
	t.desks = t.desks[1:]
	close(t.waits[desk][0])
	if t.waits[desk] = t.waits[desk][1:]; len(t.waits[desk]) > 0 {
		t.desks = append(t.desks, desk)
	} else {
		delete(t.waits, desk)
	}
}

// each does something for each of n items of a desk, several at once, each in a
// turn of its own. It returns the first fault; the items that it did not come to
// are left alone.
func (t *turns) each(ctx context.Context, desk signed.Address, n int, do func(i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	items := make(chan int, n)
	for i := range n {
		items <- i
	}
	close(items)
	var all sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		all.Go(func() {
			for i := range items {
				if err := t.one(ctx, desk, i, do); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// one does it for one item. A panic is a fault of the call like any other: it must
// not end the broker.
func (t *turns) one(ctx context.Context, desk signed.Address, i int, do func(i int) error) (err error) {
	t.begin(desk)
	defer t.end()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	defer func() {
		if v := recover(); v != nil {
			// The value may quote what the caller sent; its type can't.
			err = fmt.Errorf("panic with a %T:\n%s", v, debug.Stack())
		}
	}()
	return do(i)
}
