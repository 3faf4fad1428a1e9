package desk

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"

	"samband/gateway/api"
	"samband/gateway/problem"
)

// maxPause is the longest pause after failed calls.
const maxPause = 30 * time.Second

// workers are woken when there may be something for them; a wake-up while they
// work is not lost.
type workers struct {
	outbox     chan struct{}
	statements chan struct{}
	opening    chan struct{}
}

func newWorkers() workers {
	return workers{make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1)}
}

func wake(worker chan struct{}) {
	select {
	case worker <- struct{}{}:
	default:
	}
}

// A job is what one worker does, again and again. do returns nil when nothing is
// left to do until it is woken, an error when it is to be tried again after a
// pause. A job without a wake channel is tried again at once: it waits inside.
type job struct {
	name string
	wake <-chan struct{}
	do   func(context.Context) error
}

func (d *Desk) jobs() []job {
	return []job{
		{"outbox", d.workers.outbox, d.sendQueued},
		{"statements", d.workers.statements, d.sendStatements},
		{"opening", d.workers.opening, d.openConsigned},
		{"inbox", nil, d.followInbox()},
		{"progress", nil, d.followProgress()},
	}
}

// work does a job until ctx ends. After an error it pauses, longer each time,
// but not when it is woken: whatever woke it may be what it waits for.
func (d *Desk) work(ctx context.Context, j job) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval, pause.Multiplier = d.retry, maxPause, 2
	for ctx.Err() == nil {
		err := j.do(ctx)
		if ctx.Err() != nil {
			return
		}
		var after <-chan time.Time
		if err != nil {
			next := max(pause.NextBackOff(), askedPause(err))
			if code := problem.CodeOf(err); code == problem.HeadAhead || code == problem.HeadContradicts {
				d.show(ctx)
			}
			d.log.Warn("will try again", "job", j.name, "problem", err.Error(), "in", next.Round(time.Millisecond).String())
			after = time.After(next)
		} else {
			pause.Reset()
			if j.wake == nil {
				continue
			}
		}
		select {
		case <-ctx.Done():
		case <-after:
		case <-j.wake:
		}
	}
}

// askedPause is the pause that the broker asked for.
func askedPause(err error) time.Duration {
	var r *api.Refusal
	if errors.As(err, &r) {
		return min(r.RetryAfter, maxPause)
	}
	return 0
}

// heard notes whether the broker answered at all.
func (d *Desk) heard(err error) {
	if errors.Is(err, context.Canceled) {
		return // this desk ends
	}
	reached := err == nil || !errors.Is(err, api.ErrUnreachable)
	if d.reachable.Swap(reached) != reached {
		if reached {
			d.log.Info("the broker answers")
			wake(d.workers.outbox)
			wake(d.workers.statements)
		} else {
			d.log.Warn("the broker does not answer", "problem", err.Error())
		}
		d.touch()
	}
}
