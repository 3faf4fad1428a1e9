package quota

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"

	"samband/gateway/signed"
)

// Turns bound how much is done at once, for the whole broker. While some wait, the
// parties take turns, and the desks of each party take that party's turns, one thing
// each: who asks for much keeps another's one thing waiting for one of its own, and a
// party has no more turns for having more desks.
type Turns struct {
	mu      sync.Mutex
	free    int
	parties []string // that wait, next first
	waits   map[string]*line
}

// A line is the desks of one party that wait.
type line struct {
	desks []signed.Address                     // next first
	waits map[signed.Address][]chan<- struct{} // each closed when its turn has come
}

// NewTurns lets n things be done at once.
func NewTurns(n int) *Turns { return &Turns{free: n, waits: map[string]*line{}} }

// begin waits for a turn of a desk. A turn is short, so nobody who waits leaves.
func (t *Turns) begin(desk signed.Address) {
	t.mu.Lock()
	if t.free > 0 {
		t.free--
		t.mu.Unlock()
		return
	}
	mine := make(chan struct{})
	party := desk.Party()
	l := t.waits[party]
	if l == nil {
		l = &line{waits: map[signed.Address][]chan<- struct{}{}}
		t.waits[party] = l
		t.parties = append(t.parties, party)
	}
	if len(l.waits[desk]) == 0 {
		l.desks = append(l.desks, desk)
	}
	l.waits[desk] = append(l.waits[desk], mine)
	t.mu.Unlock()
	<-mine
}

// end passes a turn on: to the party that has waited longest for one.
func (t *Turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.parties) == 0 {
		t.free++
		return
	}
	party := t.parties[0]
	t.parties = t.parties[1:]
	l := t.waits[party]
	l.next()
	if len(l.desks) > 0 {
		t.parties = append(t.parties, party)
	} else {
		delete(t.waits, party)
	}
}

// next gives a turn to the desk of the line that has waited longest for one.
func (l *line) next() {
	desk := l.desks[0]
	l.desks = l.desks[1:]
	close(l.waits[desk][0])
	if l.waits[desk] = l.waits[desk][1:]; len(l.waits[desk]) > 0 {
		l.desks = append(l.desks, desk)
	} else {
		delete(l.waits, desk)
	}
}

// Each does something for each of n items of a desk, several at once, each in a
// turn of its own. It returns the first fault; the items that it did not come to
// are left alone.
func (t *Turns) Each(ctx context.Context, desk signed.Address, n int, do func(i int) error) error {
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
func (t *Turns) one(ctx context.Context, desk signed.Address, i int, do func(i int) error) (err error) {
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
