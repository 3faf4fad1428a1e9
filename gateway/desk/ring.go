package desk

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/durable"
	"samband/gateway/problem"
	"samband/gateway/seal"
)

// withRing lends the locked ring to f; DESK_LOCKED when it is locked.
func (d *Desk) withRing(f func(*keys.Locked) error) error {
	return mail.WithRing(&d.ring, d.Address(), f)
}

// Locked reports whether the ring is locked.
func (d *Desk) Locked() bool { return d.ring.Locked() }

// StaysLocked reports whether the desk was locked and nobody has unlocked it since. A
// program that knows the passphrase by itself must then leave the desk locked: Unlock is
// for a person.
func (d *Desk) StaysLocked() (bool, error) {
	_, err := os.Lstat(d.dir.staysLocked())
	if !errors.Is(err, fs.ErrNotExist) {
		return err == nil, err
	}
	var last string
	err = d.room.Store.View(func(tx *store.Tx) (err error) {
		last, err = tx.LastEvent(ringSubject)
		return err
	})
	return last == ringLocked, err // the mark is gone, and an unlock writes its line before it removes that
}

// What the desk's own log says of the ring.
const (
	ringSubject  = "ring"
	ringLocked   = "locked"
	ringUnlocked = "unlocked"
)

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
// wrong passphrase is DESK_LOCKED, and so is a lock that comes meanwhile.
func (d *Desk) Unlock(_ context.Context, passphrase []byte) error {
	d.locking.Lock()
	locks := d.locks
	d.locking.Unlock()
	ring, err := keys.Unlock(d.dir.keys(), passphrase)
	if errors.Is(err, seal.ErrPassphrase) {
		return problem.New(problem.DeskLocked, "the passphrase does not open the ring of %s", d.Address())
	}
	if err != nil {
		return err
	}
	if err := d.unlockWith(ring, locks); err != nil {
		ring.Forget()
		return err
	}
	d.room.Unlocked()
	return nil
}

// unlockWith puts in the ring, unless the desk was locked since Unlock was called.
func (d *Desk) unlockWith(ring *keys.Locked, locks int) error {
	d.locking.Lock()
	defer d.locking.Unlock()
	if d.locks != locks || d.ended.Err() != nil {
		return problem.New(problem.DeskLocked, "%s is being locked", d.Address())
	}
	if err := d.noteOrOwe(ringUnlocked); err != nil {
		return err
	}
	if err := d.dir.unmark(); durable.NoRoom(err) {
		d.log.Warn("this desk is unlocked, and stays locked at its next start", "problem", err.Error())
	} else if err != nil {
		return err
	}
	d.ring.Set(ring)
	d.subjects.begin()
	d.log.Info("unlocked")
	return nil
}

// Lock forgets the locked ring, and marks the desk, so that it stays locked. The desk
// goes on keeping what arrives, and says so. If the Config says so, Run ends. An error
// says what is amiss with a desk that is locked.
func (d *Desk) Lock(context.Context) error {
	d.locking.Lock()
	defer d.locking.Unlock()
	d.locks++
	err := d.dir.mark()
	if durable.NoRoom(err) && d.room.Store.GiveReserve() {
		err = d.dir.mark()
	}
	d.ring.Set(nil)
	d.subjects.end()
	d.log.Info("locked")
	d.room.Touch()
	err = errors.Join(err, d.noteOrOwe(ringLocked))
	if d.lockEnds {
		d.end(ErrLocked)
	}
	return err
}

// served is a desk as its socket serves it. Where a lock ends Run, the lock is answered
// when the socket takes nobody any more: so whoever answers next is the desk anew.
type served struct {
	*Desk
	socket *socket
}

func (s served) Lock(ctx context.Context) error {
	err := s.Desk.Lock(ctx)
	if s.lockEnds {
		<-s.socket.closed
	}
	return err
}

// A socket tells when it is closed.
type socket struct {
	net.Listener
	once   sync.Once
	closed chan struct{}
}

func (s *socket) Close() error {
	err := s.Listener.Close()
	s.once.Do(func() { close(s.closed) })
	return err
}

// note writes a line in the desk's own log, on a full disk too.
func (d *Desk) note(event, subject string) error {
	mac := d.room.LogMAC()
	return store.Again(func() error {
		return d.room.Store.UpdateVital(func(tx *store.Tx) error {
			if err := tx.Log(d.room.Entry(event, subject, nil)); err != nil {
				return err
			}
			return tx.KeepLog(mac)
		})
	})
}

// noteOrOwe is note for what a person does with the ring: where no line finds room, not even
// in the reserve, it is written later, if this process lives until then.
func (d *Desk) noteOrOwe(event string) error {
	err := d.note(event, ringSubject)
	if durable.NoRoom(err) {
		d.log.Warn("the desk's own log has no room; the line is written later", "event", event)
		d.room.Owe(d.room.Entry(event, ringSubject, nil))
		return nil
	}
	return err
}
