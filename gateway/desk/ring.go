package desk

import (
	"context"
	"errors"
	"time"

	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/seal"
)

// withRing lends the locked ring to f; DESK_LOCKED when it is locked.
func (d *Desk) withRing(f func(*keys.Locked) error) error {
	return mail.WithRing(&d.ring, d.Address(), f)
}

// Locked reports whether the ring is locked.
func (d *Desk) Locked() bool { return d.ring.Locked() }

// mayShow says why no content may be shown now: the ring is locked, or this desk does
// not know yet whether it was put back from a backup.
func (d *Desk) mayShow() error {
	if d.Locked() {
		return problem.New(problem.DeskLocked, "the ring of %s is locked", d.Address())
	}
	return d.room.Store.View(d.room.MayShow)
}

// showPatience is how long who reads waits for a desk that has just started.
const showPatience = 2 * time.Second

// settles waits for a moment until this desk knows what it erased: after a start that
// takes it two calls.
func (d *Desk) settles(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, showPatience)
	defer cancel()
	for {
		_, changed := d.room.Changed()
		if problem.CodeOf(d.mayShow()) != problem.ErasuresUnread {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// Unlock opens the locked ring; then what waited for it goes on by itself. A
// wrong passphrase is DESK_LOCKED.
func (d *Desk) Unlock(_ context.Context, passphrase []byte) error {
	ring, err := keys.Unlock(d.dir.keys(), passphrase)
	if errors.Is(err, seal.ErrPassphrase) {
		return problem.New(problem.DeskLocked, "the passphrase does not open the ring of %s", d.Address())
	}
	if err != nil {
		return err
	}
	if err := d.note("unlocked", "ring"); err != nil {
		return err
	}
	d.ring.Set(ring)
	d.subjects.begin()
	d.log.Info("unlocked")
	d.room.Unlocked()
	return nil
}

// Lock forgets the locked ring. The desk goes on keeping what arrives, and says so.
func (d *Desk) Lock(context.Context) error {
	d.ring.Set(nil)
	d.subjects.end()
	d.log.Info("locked")
	d.room.Touch()
	return d.note("locked", "ring")
}

// note writes a line in the desk's own log.
func (d *Desk) note(event, subject string) error {
	return d.room.Store.Update(func(tx *store.Tx) error { return tx.Log(d.room.Entry(event, subject, nil)) })
}
