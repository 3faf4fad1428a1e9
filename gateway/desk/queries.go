package desk

import (
	"slices"
	"sync"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/hit"
	"samband/gateway/signed"
)

// A hindrance is why a machine has not answered a query: a label of a metric.
type hindrance string

const (
	none         hindrance = "none" // it is being answered, or will be at once
	locked       hindrance = "locked"
	limited      hindrance = "limited"
	noSource     hindrance = "no_source"
	noDataset    hindrance = "no_dataset"
	sourceFailed hindrance = "source_failed"
	notPermitted hindrance = "not_permitted"
	notReadable  hindrance = "not_readable" // by the source: its keys, or what this desk has of it
	replyLost    hindrance = "reply_lost"
)

var hindrances = []hindrance{none, locked, limited, noSource, noDataset, sourceFailed, notPermitted, notReadable, replyLost}

// waits is what an officer sees in the inbox.
func (h hindrance) waits(detail string) string {
	switch h {
	case locked:
		return "a machine answers it once this desk is unlocked, or you do"
	case limited:
		return "its sender has asked as often as the limit of this desk allows: a machine answers it when its turn comes, or you do"
	case noSource:
		return "it waits for a person: this desk has no data to search"
	case noDataset:
		return "it waits for a person: this desk has no data set " + detail
	case sourceFailed:
		return "it waits for a person: the data could not be searched; a machine tries again"
	case notPermitted:
		return "it waits for a person: a machine may not answer it: " + detail
	case notReadable:
		return "it waits for a person: a machine can't read what it asks: " + detail
	case replyLost:
		return "it waits for a person: a machine's answer was sent, and did not arrive"
	}
	return ""
}

// A query is a message that was handed over and that a machine may answer.
type query struct {
	text  signed.Hash
	ref   client.Ref
	asker *asker
	since time.Time // when this process saw it first

	counted bool // by the limiter
	limited bool // it had to wait for the limit
	running bool
	why     hindrance
	detail  string
	pause   time.Duration // of the last attempt
	again   time.Time     // of the next one
}

// An asker is a desk with its queries, the oldest first.
type asker struct {
	address signed.Address
	fresh   []*query
	until   time.Time // the limit allows none before
}

// queries are those that wait, one queue for each asking desk. They take turns, so that
// one that asks much doesn't keep up the others.
type queries struct {
	limiter *hit.Limiter
	now     func() time.Time

	mu      sync.Mutex
	all     map[signed.Hash]*query
	askers  []*asker
	turn    int
	later   []*query  // that wait for their next attempt
	stopped hindrance // what keeps up all of them
}

func newQueries(limit hit.Limit, now func() time.Time) *queries {
	return &queries{limiter: hit.NewLimiter(limit, now), now: now, all: map[signed.Hash]*query{}, stopped: none}
}

// add puts a query behind the others of its sender, and reports whether it was not there.
func (l *queries) add(text signed.Hash, ref client.Ref) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all[text] != nil {
		return false
	}
	i := slices.IndexFunc(l.askers, func(a *asker) bool { return a.address == ref.From })
	if i < 0 {
		i = len(l.askers)
		l.askers = append(l.askers, &asker{address: ref.From})
	}
	q := &query{text: text, ref: ref, asker: l.askers[i], since: l.now(), why: none}
	q.asker.fresh = append(q.asker.fresh, q)
	l.all[text] = q
	return true
}

// remove forgets a query that needs no answer any more.
func (l *queries) remove(text signed.Hash) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.all[text]
	if q == nil {
		return
	}
	delete(l.all, text)
	is := func(other *query) bool { return other == q }
	q.asker.fresh = slices.DeleteFunc(q.asker.fresh, is)
	l.later = slices.DeleteFunc(l.later, is)
}

// keep forgets all but those.
func (l *queries) keep(waiting map[signed.Hash]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	gone := func(q *query) bool { return !waiting[q.text] }
	for text := range l.all {
		if !waiting[text] {
			delete(l.all, text)
		}
	}
	for _, a := range l.askers {
		a.fresh = slices.DeleteFunc(a.fresh, gone)
	}
	l.later = slices.DeleteFunc(l.later, gone)
}

// take returns the query whose turn it is and counts it for the limit. If there is
// none, it returns how long at most until there may be one; zero: nothing waits for
// time to pass.
func (l *queries) take() (q *query, wait time.Duration, newlyLimited int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	soonest := func(at time.Time) {
		if d := max(at.Sub(now), time.Millisecond); wait == 0 || d < wait {
			wait = d
		}
	}
	l.later = slices.DeleteFunc(l.later, func(q *query) bool {
		if now.Before(q.again) {
			soonest(q.again)
			return false
		}
		q.asker.fresh = append(q.asker.fresh, q)
		return true
	})
	for range l.askers {
		l.turn = (l.turn + 1) % len(l.askers)
		a := l.askers[l.turn]
		if len(a.fresh) == 0 {
			continue
		}
		if now.Before(a.until) {
			soonest(a.until)
			continue
		}
		q := a.fresh[0]
		if !q.counted {
			if d := l.limiter.Take(a.address); d > 0 {
				a.until = now.Add(d)
				soonest(a.until)
				if !q.limited {
					q.limited = true
					newlyLimited++
				}
				continue
			}
		}
		q.counted, q.running, a.fresh = true, true, a.fresh[1:]
		return q, 0, newlyLimited
	}
	return nil, wait, newlyLimited
}

// maxQueryPause is the longest pause between two attempts to answer a query.
const maxQueryPause = time.Minute

// putBack ends an attempt that did not answer a query. It comes again at once where
// nothing hinders it but the lock, else after a pause, longer each time.
func (l *queries) putBack(q *query, why hindrance, detail string, first time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	q.running, q.why, q.detail = false, why, detail
	if l.all[q.text] != q {
		return
	}
	if why == none || why == locked {
		q.why = none
		q.asker.fresh = append([]*query{q}, q.asker.fresh...)
		return
	}
	q.pause = min(max(first, 2*q.pause), maxQueryPause)
	q.again = l.now().Add(q.pause)
	l.later = append(l.later, q)
}

// hinders notes what keeps up all queries, and reports whether that is news to some.
func (l *queries) hinders(all hindrance) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	news := l.stopped != all && len(l.all) > 0
	l.stopped = all
	return news
}

// hindrance is what a query waits for. l.mu is locked.
func (l *queries) hindrance(q *query) hindrance {
	switch {
	case q.running:
		return none
	case q.why == none && l.stopped != none:
		return l.stopped
	case q.why == none && (q.limited && !q.counted || l.now().Before(q.asker.until)):
		return limited
	}
	return q.why
}

// waits says in words what a query waits for; "" for what is no waiting query.
func (l *queries) waits(text signed.Hash) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.all[text]
	if q == nil {
		return ""
	}
	return l.hindrance(q).waits(q.detail)
}

// count says how many wait for what, and how long the oldest has.
func (l *queries) count() (by map[hindrance]int, oldest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	by = map[hindrance]int{}
	now := l.now()
	for _, q := range l.all {
		by[l.hindrance(q)]++
		oldest = max(oldest, now.Sub(q.since))
	}
	return by, oldest
}
