package mail

import (
	"context"
	"errors"

	"samband/gateway/api"
	"samband/gateway/verify"
)

// A queue is what outbox and statements share: what waits goes in groups, one call
// each. It halves the next group after a call that failed, since its size may be why,
// and doubles it after one that did not.
type queue struct {
	*Room
	urgent bool
	most   int // items of the next call
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
	var err error
	a.ItemsAnswer, err = ask(ctx, heads(a.base), items)
	q.heard(err)
	if err == nil {
		a.under, err = q.extend(ctx, a.base, &a.Catchup)
	}
	if err != nil {
		q.most = max(1, q.most/2)
		return nil, err
	}
	q.most = min(api.MaxItems, q.most*2)
	return a, nil
}

// drain submits group by group what next gives behind a place, until it gives no more.
// A group that fails doesn't keep up the others, unless they would fare no better.
func drain[G any](ctx context.Context, next func(after int64) (group []G, last int64, err error),
	submit func(context.Context, []G) error, hopeless func(error) bool,
) error {
	var errs []error
	for after := int64(0); ; {
		group, last, err := next(after)
		if err != nil {
			return err
		}
		if last == after {
			return errors.Join(errs...)
		}
		if len(group) > 0 {
			if err := submit(ctx, group); err != nil {
				if ctx.Err() != nil || hopeless(err) {
					return err
				}
				errs = append(errs, err)
			}
		}
		after = last
	}
}
