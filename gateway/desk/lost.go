package desk

import (
	"context"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
)

// Lost lists the messages that this desk had and that its database lost, as the log and the
// broker show them: those that a lost copy of it spoke of, or that others did, and that it
// lacks still.
func (d *Desk) Lost(_ context.Context, q client.Query) ([]client.LostMessage, error) {
	items := []client.LostMessage{}
	err := d.room.Store.View(func(tx *store.Tx) error {
		found, err := tx.LostMessages(limit(q))
		items = append(items, found...)
		return err
	})
	return items, err
}

// SettleLosses has what the database lost stand in the status no more, for a reason that
// the desk's log takes.
func (d *Desk) SettleLosses(_ context.Context, reason string) error {
	if err := checkReason(reason); err != nil {
		return err
	}
	_, err := d.room.SettleLosses(reason)
	return err
}
