package mail

import (
	"context"
	"sync"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
)

// lookEvery is how often the disk is looked at.
const lookEvery = time.Second

// A disk watches the disk: it tells when there is too little room, makes the reserve again
// once there is enough, and then writes the lines that the desk's log is owed.
type disk struct {
	*Room
	full bool
}

func (d *disk) do(ctx context.Context) error {
	r := d.Store.Room()
	if r.Full != d.full {
		if d.full = r.Full; r.Full {
			d.Log.Error("the disk is full: nothing is taken in or sent; mail waits at the broker", "free", r.Free, "needed", r.Needed)
		} else {
			d.Log.Info("the disk has room again", "free", r.Free)
		}
		d.Touch()
	}
	if !r.Full {
		if err := d.Store.Replenish(); err != nil {
			d.Log.Error("no room is reserved on the disk for what must work when it is full", "problem", err.Error())
		}
		if err := d.owed.pay(d.Store); err != nil {
			return err
		}
	}
	select {
	case <-time.After(lookEvery):
	case <-ctx.Done():
	}
	return nil
}

// diskHasRoom waits until the disk has room for what arrives, or ctx ends.
func (m *Room) diskHasRoom(ctx context.Context) {
	for m.Store.MayTakeIn() != nil {
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
			return
		}
	}
}

// owed are lines of the desk's own log that found no room.
type owed struct {
	mu    sync.Mutex
	lines []client.LogEntry
}

// Owe keeps a line in memory until there is room for it.
func (m *Room) Owe(line client.LogEntry) {
	m.owed.mu.Lock()
	defer m.owed.mu.Unlock()
	m.owed.lines = append(m.owed.lines, line)
}

func (o *owed) pay(s *store.Store) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.lines) == 0 {
		return nil
	}
	err := s.Update(func(tx *store.Tx) error {
		for _, line := range o.lines {
			if err := tx.Log(line); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		o.lines = nil
	}
	return err
}
