package quota

import (
	"context"
	"errors"
	"fmt"

	"samband/gateway/signed"
)

// Refused counts a refusal that has no entry of its own in the log.
func (r *Room) Refused(desk signed.Address) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusals[desk]++
}

// HandOn gives each desk's sum of such refusals to log, and begins new ones. Where that
// fails the sum is kept for the next time.
func (r *Room) HandOn(ctx context.Context, log func(ctx context.Context, desk signed.Address, count int64) error) error {
	r.mu.Lock()
	sums := r.refusals
	r.refusals = map[signed.Address]int64{}
	r.mu.Unlock()
	var errs []error
	for desk, count := range sums {
		if err := log(ctx, desk, count); err != nil {
			r.mu.Lock()
			r.refusals[desk] += count
			r.mu.Unlock()
			errs = append(errs, fmt.Errorf("hand on %d refusals of %s: %w", count, desk, err))
		}
	}
	return errors.Join(errs...)
}
