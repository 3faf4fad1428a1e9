package desk

import (
	"context"
	"errors"

	"samband/gateway/desk/internal/store"
	"samband/gateway/signed"
)

// Ended returns a message that this desk sent as soon as it has ended, or as it
// stands when ctx ends. It waits for that message alone, and opens nothing.
func (d *Desk) Ended(ctx context.Context, id signed.ID) (*OutboxItem, error) {
	if err := d.room.Ended(ctx, id); err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	items, err := d.outboxItems(Query{ID: id})
	if err != nil {
		return nil, err
	}
	return &items[0], nil
}

// Changed returns a channel that is closed at the next change of any message,
// ring or proof. Take it before you look, so that nothing happens in between:
//
//	for {
//		changed := d.Changed()
//		if items, _ := d.Inbox(ctx, desk.Query{}); len(items) > 0 {
//			return items
//		}
//		<-changed
//	}
func (d *Desk) Changed() <-chan struct{} {
	_, next := d.room.Changed()
	return next
}

// Wait returns the number of changes so far as soon as it is not after, or as it
// is when ctx ends. Its caller looks, waits with what it got, and looks again; a
// number from before the process was started anew ends the wait at once.
func (d *Desk) Wait(ctx context.Context, after int64) (int64, error) {
	for {
		n, next := d.room.Changed()
		if n != after {
			return n, nil
		}
		select {
		case <-next:
		case <-ctx.Done():
			return n, nil
		}
	}
}
