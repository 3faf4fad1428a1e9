package mail

import (
	"context"
	"errors"
	"time"

	"samband/gateway/api"
	"samband/gateway/verify"
)

// A queue is what outbox and statements share: what waits goes in groups, one call
// each. It halves the next group after a call that failed or took long, since its size may
// be why, and doubles it after another.
type queue struct {
	*Room
	urgent bool
	most   int // items of the next call
	load   load
}

// A load is how many bytes one call, or one answer, is to carry beyond its first item: as
// many as this desk's line takes in a while.
type load int

const (
	firstCall load = 256 << 10 // an urgent one beside it shares its line
	firstPage load = 64 << 10  // an urgent message that comes waits for it
	leastLoad load = 8 << 10

	// longCall is how long a call may take without the next one being shorter. A call of
	// less than a quarter of it may be longer next time.
	longCall = 5 * time.Second
)

// failed says that a call failed.
func (l *load) failed() { *l = max(leastLoad, *l/2) }

// carried says what a call carried, and how long that took.
func (l *load) carried(bytes, most int, took time.Duration) {
	switch {
	case took > longCall:
		l.failed()
	case took < longCall/4 && load(bytes) >= *l/2:
		*l = min(load(most), *l*2)
	}
}

// page says what a page brought, and how long that took with the waiting for it: of one
// that is not full, the waiting.
func (l *load) page(bytes int, took time.Duration) {
	if load(bytes) >= *l/2 {
		l.carried(bytes, api.MaxPage, took)
	}
}

func catchupSize(c *api.Catchup) (size int) {
	for _, e := range c.Register.Entries {
		size += len(e)
	}
	return size
}

// An answered call is what it brought, and the logs before it and by it.
type answered[Item any] struct {
	*api.ItemsAnswer[Item]
	base  *verify.Logs   // before the call
	under *verify.Answer // its proofs stand under it
}

// call makes one call of items, and extends the logs by its answer.
func call[Item any](ctx context.Context, q *queue, items [][]byte,
	ask func(context.Context, api.Heads, [][]byte) (*api.ItemsAnswer[Item], error),
) (*answered[Item], error) {
	a := &answered[Item]{base: q.logs.Load()}
	began, size := time.Now(), 0
	for _, item := range items {
		size += len(item)
	}
	var err error
	a.ItemsAnswer, err = ask(ctx, heads(a.base), items)
	if !errors.Is(err, api.ErrBroken) { // the polls tell whether the broker answers
		q.heard(err)
	}
	if err == nil {
		a.under, err = q.extend(ctx, a.base, &a.Catchup)
	}
	took := time.Since(began)
	if err != nil {
		q.load.failed()
	} else {
		q.load.carried(size, api.MaxSequence, took)
	}
	if err != nil || took > longCall {
		q.most = max(1, q.most/2)
	} else {
		q.most = min(api.MaxItems, q.most*2)
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// drain submits group by group what next gives behind a place, until it gives no more.
// A group that fails doesn't keep up the others, unless they would fare no better. Where
// that is so after a call that broke off, the next drain begins behind that group: one
// that never passes keeps up none.
func drain[G any, Place comparable](ctx context.Context, from *Place, next func(Place) (group []G, last Place, err error),
	submit func(context.Context, []G) error, hopeless func(error) bool,
) error {
	var first Place
	var errs []error
	place := *from
	*from = first
	for around := place == first; ; {
		group, last, err := next(place)
		switch {
		case err != nil:
			return err
		case last == place && around:
			return errors.Join(errs...)
		case last == place:
			place, around = first, true
			continue
		}
		place = last
		if len(group) == 0 {
			continue
		}
		if err := submit(ctx, group); err != nil {
			if errors.Is(err, api.ErrBroken) {
				*from = place
			}
			if ctx.Err() != nil || hopeless(err) {
				return err
			}
			errs = append(errs, err)
		}
	}
}

// unreachable reports whether a call did not come as far as to the broker: no other
// would. One that broke off is alone in that.
func unreachable(err error) bool {
	return errors.Is(err, api.ErrUnreachable) && !errors.Is(err, api.ErrBroken)
}
