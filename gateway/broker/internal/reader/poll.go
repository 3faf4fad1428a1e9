package reader

import (
	"context"
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/signed"
)

const (
	// maxAgain bounds the messages of one answer that are to be sent again.
	maxAgain = api.MaxLimit
	// pace is how often a long poll asks although nobody woke it. Until then it keeps
	// back what its caller can wait for: messages to be sent again, since it comes again
	// at once, and words in its own name, of which it hears within a minute so.
	pace = 5 * time.Second
)

// poll asks until there is something, the caller is woken, or its time is over. It is
// asked for all when nobody was woken: then an answer must come.
func poll[A any](ctx context.Context, r *Reader, caller signed.Address, wait time.Duration,
	ask func(all bool) (answer *A, ready bool, err error)) (*A, error) {
	woken, cancel := r.polls.watch(caller)
	defer cancel()
	began := time.Now()
	for all := wait == 0; ; {
		if err := r.seq.Ready(); err != nil {
			return nil, err
		}
		var answer *A
		var ready bool
		err := r.quota.Read(ctx, caller, func() (err error) {
			answer, ready, err = ask(all)
			return err
		})
		if err != nil || ready || all && time.Since(began) >= wait {
			return answer, err
		}
		select {
		case <-woken:
			all = false
		case <-time.After(min(pace, max(0, wait-time.Since(began)))):
			all = true
		case <-ctx.Done():
			all, wait = true, 0
		}
	}
}

// polls are the long polls that wait for something to lie ready for a desk.
type polls struct {
	mu    sync.Mutex
	waits map[signed.Address]map[chan struct{}]bool
}

// watch returns a channel that gets a value once the desk is woken, from now on.
func (p *polls) watch(desk signed.Address) (woken <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waits == nil {
		p.waits = map[signed.Address]map[chan struct{}]bool{}
	}
	if p.waits[desk] == nil {
		p.waits[desk] = map[chan struct{}]bool{}
	}
	p.waits[desk][c] = true
	return c, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.waits[desk], c)
		if len(p.waits[desk]) == 0 {
			delete(p.waits, desk)
		}
	}
}

func (p *polls) wake(desk signed.Address) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.waits[desk] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
