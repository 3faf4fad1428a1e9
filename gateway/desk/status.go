package desk

import (
	"context"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
)

// Status tells how the desk stands.
func (d *Desk) Status(context.Context) (*client.Status, error) {
	l := d.room.Logs()
	var evidence map[problem.Code]int
	var duties []client.Duty
	err := d.room.Store.View(func(tx *store.Tx) (err error) {
		if evidence, err = tx.CountEvidence(); err == nil {
			duties, err = d.room.Duties(tx, d.now())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s := &client.Status{
		Desk: d.Address(), Exchange: l.Register().Federation().Name, Hash: l.Register().Exchange(),
		Broker: d.settings.Broker, Locked: d.Locked(), Reachable: d.room.Reachable(),
		Registered: d.registered() == nil, Register: l.Register().Size(), Audit: l.Audit().Size,
		Duties: duties,
	}
	for _, count := range evidence {
		s.Evidence += count
	}
	return s, nil
}
