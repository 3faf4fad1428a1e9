package broker

import (
	"sync"

	"samband/gateway/signed"
)

// waiters are the long polls that wait for something to lie ready for a desk.
type waiters struct {
	mu    sync.Mutex
	polls map[signed.Address]map[chan struct{}]bool
}

func newWaiters() *waiters {
	return &waiters{polls: map[signed.Address]map[chan struct{}]bool{}}
}

// watch returns a channel that gets a value once the desk is woken, from now on.
func (w *waiters) watch(desk signed.Address) (woken <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.polls[desk] == nil {
		w.polls[desk] = map[chan struct{}]bool{}
	}
	w.polls[desk][c] = true
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.polls[desk], c)
		if len(w.polls[desk]) == 0 {
			delete(w.polls, desk)
		}
	}
}

func (w *waiters) wake(desk signed.Address) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.polls[desk] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
