package quota

import (
	"context"
	"runtime"
	"time"

	"samband/gateway/signed"
)

// readers is how many read at once, for the whole broker: the index answers as many
// questions at a time.
var readers = max(4, runtime.GOMAXPROCS(0))

// Read reads for a desk, once its rate allows it and it has its turn. It never refuses:
// its error is that of read, or of a caller that left while it waited.
func (r *Room) Read(ctx context.Context, desk signed.Address, read func() error) error {
	if pause := r.readPause(desk); pause > 0 {
		wait := time.NewTimer(pause)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return r.reading.one(ctx, desk, 0, func(int) error { return read() })
}

// readPause takes one read, and says how long it waits for room. Who waits has a place
// in the order of time, so as many wait as ask, each longer than the one before.
func (r *Room) readPause(desk signed.Address) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, c := r.of(desk), []cost{{reads, 1}}
	var pause time.Duration
	if refused := r.missing(p, c[0]); refused != nil {
		pause = refused.RetryAfter
	}
	p.add(c, 1)
	return pause
}
