package mail

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"samband/gateway/api"
	"samband/gateway/problem"
)

// maxPause is the longest pause after failed calls, maxIdle that after polls that ended
// early and brought nothing.
const (
	maxPause = 30 * time.Second
	maxIdle  = 5 * time.Second
)

// workers are woken when there may be something for them; a wake-up while they
// work is not lost.
type workers struct {
	urgent, outbox, large, urgentStatements, statements, inbox, open, bundles, erasures, keys, ring, inspection, entries chan struct{}
}

func newWorkers() workers {
	one := func() chan struct{} { return make(chan struct{}, 1) }
	return workers{one(), one(), one(), one(), one(), one(), one(), one(), one(), one(), one(), one(), one()}
}

func wake(worker chan struct{}) {
	select {
	case worker <- struct{}{}:
	default:
	}
}

// wakeOutboxes wakes those who submit messages.
func (m *Room) wakeOutboxes() {
	wake(m.workers.urgent)
	wake(m.workers.outbox)
	wake(m.workers.large)
}

// wakeStatements wakes those who submit statements.
func (m *Room) wakeStatements() {
	wake(m.workers.urgentStatements)
	wake(m.workers.statements)
}

// A job is what one worker does, again and again. do returns nil when nothing is
// left to do until it is woken, an error when it is to be tried again after a
// pause. A job without a wake channel is tried again at once: it waits inside.
type job struct {
	name  string
	wake  <-chan struct{}
	do    func(context.Context) error
	sends bool // this desk's messages: once a quota is used up, it waits as long as it was told
}

// jobs are made anew for each run, with no memory of the one before.
func (m *Room) jobs() []job {
	small, large := m.newInboxes()
	return []job{
		{"urgent", m.workers.urgent, (&outbox{queue: m.queue(true), part: api.Small}).do, true},
		{"outbox", m.workers.outbox, (&outbox{queue: m.queue(false), part: api.Small}).do, true},
		{"large", m.workers.large, (&outbox{queue: m.queue(false), part: api.Large}).do, true},
		{"urgent statements", m.workers.urgentStatements, (&statements{queue: m.queue(true), refused: map[statementKey]int64{}}).do, false},
		{"statements", m.workers.statements, (&statements{queue: m.queue(false), refused: map[statementKey]int64{}}).do, false},
		{"open", m.workers.open, m.opener.do, false},
		{"erasures", m.workers.erasures, (&erasures{queue: m.queue(false)}).do, false},
		{"opening keys", m.workers.keys, (&oldKeys{Room: m}).do, false},
		{"catalogue", m.workers.bundles, m.fetchBundles, false},
		{"ring", m.workers.ring, m.showRing, false},
		{"register entries", m.workers.entries, m.handIn, false},
		{"disk", nil, (&disk{Room: m}).do, false},
		{"inspection", m.workers.inspection, m.inspect, false},
		{"inbox", nil, small.do, false},
		{"large inbox", m.workers.inbox, large.do, false},
		{"progress", nil, m.newProgress().do, false},
	}
}

func (m *Room) queue(urgent bool) queue { return queue{m, urgent, api.MaxItems, firstCall} }

// Run works until ctx ends. After a commit that failed nobody knows what the disk
// has: all workers end, the database is opened anew, and they begin from what it
// has. The ring stays as it is. Where that fails, or the next commit fails soon, it
// pauses, longer each time: a disk that is broken is not asked without end.
func (m *Room) Run(ctx context.Context) {
	m.Broker.Clocks(m.Now, m.compareClocks)
	m.Broker.Connected(func() { wake(m.workers.ring) })
	pause, opened := m.pauses(maxPause), time.Time{}
	for ctx.Err() == nil {
		m.workUntilFailure(ctx)
		soon := time.Since(opened) < maxPause
		if !soon {
			pause.Reset()
		}
		for again := soon; ctx.Err() == nil; again = true {
			if again {
				select {
				case <-ctx.Done():
					return
				case <-time.After(pause.NextBackOff()):
				}
			}
			err := m.Store.Reopen()
			if err == nil {
				err = m.load()
			}
			if err == nil {
				opened = time.Now()
				m.opener.beginAnew()
				m.Log.Warn("the database was opened anew after a write that failed")
				break
			}
			m.Log.Error("the database can't be opened", "problem", err.Error())
		}
	}
}

func (m *Room) workUntilFailure(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	for _, j := range m.jobs() {
		all.Go(func() { m.work(ctx, j) })
	}
	select {
	case <-m.Store.Failed():
		m.Log.Error("a write to the database failed", "problem", m.Store.Check().Error())
	case <-ctx.Done():
	}
	cancel()
}

// pauses grow from the first one to the longest.
func (m *Room) pauses(longest time.Duration) *backoff.ExponentialBackOff {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval, pause.Multiplier = m.Retry, longest, 2
	return pause
}

// work does a job until ctx ends. After an error it pauses, longer each time,
// but not when it is woken: whatever woke it may be what it waits for. No message that
// comes brings the room that a quota lacks.
func (m *Room) work(ctx context.Context, j job) {
	pause, idle := m.pauses(maxPause), m.pauses(maxIdle)
	for ctx.Err() == nil {
		err := j.do(ctx)
		if ctx.Err() != nil {
			return
		}
		var after <-chan time.Time
		woken := j.wake
		if errors.Is(err, errIdle) {
			after = time.After(idle.NextBackOff())
		} else if err != nil {
			if problem.CodeOf(err) == problem.PollYielded {
				pause.Reset() // nothing failed: its turn comes again
			}
			next := max(pause.NextBackOff(), askedPause(err))
			if code := problem.CodeOf(err); code == problem.HeadAhead || code == problem.HeadContradicts {
				m.show(ctx)
			}
			m.Log.Warn("will try again", "job", j.name, "problem", err.Error(), "in", next.Round(time.Millisecond).String())
			after = time.After(next)
			if j.sends && problem.CodeOf(err) == problem.QuotaExhausted {
				woken = nil
			}
		} else {
			pause.Reset()
			idle.Reset()
			if j.wake == nil {
				continue
			}
		}
		select {
		case <-ctx.Done():
		case <-after:
		case <-woken:
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
func (m *Room) heard(err error) {
	if errors.Is(err, context.Canceled) {
		return // this desk ends
	}
	var unheard error
	if p, refused := problem.Of(err); errors.Is(err, api.ErrUnreachable) || refused && p.Code.Row().Subject == problem.Connection {
		unheard = err
	}
	before, _ := m.unheard.Swap(lastError{unheard}).(lastError)
	news := (before.err == nil) != (unheard == nil)
	reached := err == nil || !errors.Is(err, api.ErrUnreachable)
	if m.reachable.Swap(reached) != reached {
		news = true
		if reached {
			m.Log.Info("the broker answers")
			m.wakeOutboxes()
			wake(m.workers.inbox)
			wake(m.workers.bundles)
			wake(m.workers.entries)
			wake(m.workers.erasures)
			m.wakeStatements()
		} else {
			m.Log.Warn("the broker does not answer", "problem", err.Error())
		}
	}
	if news {
		m.Touch()
	}
}
