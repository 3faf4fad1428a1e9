package keys

import (
	"errors"
	"sync"

	"samband/gateway/envelope"
)

// ErrLocked says that the locked ring is locked.
var ErrLocked = errors.New("the ring is locked")

// A Ring is the locked ring's place: empty while it is locked. Whoever uses the
// ring keeps it from being wiped meanwhile.
type Ring struct {
	mu     sync.RWMutex
	locked *Locked
}

// Use lends the ring to f; ErrLocked while it is locked. f must be quick: to lock
// waits for it.
func (r *Ring) Use(f func(*Locked) error) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.locked == nil {
		return ErrLocked
	}
	return f(r.locked)
}

// Drop drops an opening key that was destroyed.
func (r *Ring) Drop(id envelope.KeyID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.locked != nil {
		r.locked.drop(id)
	}
}

// Locked reports whether the ring is locked.
func (r *Ring) Locked() bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.locked == nil
}

// Set puts in a ring, nil to lock, and forgets the one before.
func (r *Ring) Set(l *Locked) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.locked != nil {
		r.locked.Forget()
	}
	r.locked = l
}
