package desk

import (
	"context"
	"errors"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
)

// Wait returns once what is watched for has happened, or when ctx ends. A number of
// changes from before the process was started anew ends the wait at once. Whoever
// waits for the end of one message costs nothing at any other change: hundreds may.
func (d *Desk) Wait(ctx context.Context, w client.Watch) (*client.Seen, error) {
	if !w.Sent.IsZero() {
		if err := d.room.Ended(ctx, w.Sent); err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		n, _ := d.room.Changed()
		o, err := d.sent(w.Sent)
		return &client.Seen{Changes: n, Sent: o}, err
	}
	for {
		n, next := d.room.Changed()
		if n != w.After {
			return &client.Seen{Changes: n}, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return &client.Seen{Changes: n}, nil
		}
	}
}
