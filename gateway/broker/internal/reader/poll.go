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
	// againPause is how long a long poll keeps back an answer that brings nothing
	// but such messages: its caller comes again at once.
	againPause = 2 * time.Second
)

// poll asks until there is something, the caller is woken, or its time is over. What
// is asked may say that its answer has something to tell even without items.
func poll[Item, Lost any](ctx context.Context, r *Reader, caller signed.Address, wait time.Duration,
	ask func() (answer *api.FeedAnswer[Item, Lost], ready bool, err error)) (*api.FeedAnswer[Item, Lost], error) {
	woken, cancel := r.polls.watch(caller)
	defer cancel()
	began := time.Now()
	for {
		if err := r.seq.Ready(); err != nil {
			return nil, err
		}
		var answer *api.FeedAnswer[Item, Lost]
		var ready bool
		err := r.quota.Read(ctx, caller, func() (err error) {
			answer, ready, err = ask()
			return err
		})
		if err != nil || ready || len(answer.Items) > 0 {
			return answer, err
		}
		left := wait
		if len(answer.Again) > 0 {
			left = min(left, againPause)
		}
		if left -= time.Since(began); left <= 0 {
			return answer, nil
		}
		select {
		case <-woken:
		case <-time.After(left):
		case <-ctx.Done():
			return answer, nil
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
