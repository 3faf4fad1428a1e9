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
		return d.waitForEnd(ctx, w)
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

func (d *Desk) waitForEnd(ctx context.Context, w client.Watch) (*client.Seen, error) {
	if err := d.room.Ended(ctx, w.Sent); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	n, _ := d.room.Changed()
	items, err := d.outboxItems(client.Query{ID: w.Sent})
	if err != nil {
		return nil, err
	}
	return &client.Seen{Changes: n, Sent: &items[0]}, nil
}
