package desk

import (
	"context"
	"errors"

	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/seal"
)

// withRing lends the locked ring to f; DESK_LOCKED when it is locked.
func (d *Desk) withRing(f func(*keys.Locked) error) error {
	return d.ring.use(func(ring *keys.Locked) error {
		if ring == nil {
			return problem.New(problem.DeskLocked, "the ring of %s is locked", d.Address())
		}
		return f(ring)
	})
}

// Locked reports whether the ring is locked.
func (d *Desk) Locked() bool {
	return d.withRing(func(*keys.Locked) error { return nil }) != nil
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
	if old := d.ring.set(ring); old != nil {
		old.Forget()
	}
	d.log.Info("unlocked")
	wake(d.workers.opening)
	wake(d.workers.outbox)
	wake(d.workers.statements)
	d.touch()
	return nil
}

// Lock forgets the locked ring. The desk goes on storing and consigning.
func (d *Desk) Lock(context.Context) error {
	if old := d.ring.set(nil); old != nil {
		old.Forget()
	}
	d.log.Info("locked")
	d.touch()
	return d.note("locked", "ring")
}

// note writes a line in the desk's own log.
func (d *Desk) note(event, subject string) error {
	return d.store.Update(func(tx *store.Tx) error { return tx.Log(d.entry(event, subject, nil)) })
}
