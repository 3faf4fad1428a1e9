package mail

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// An opening key that another has replaced is kept for as long as a message may come that
// is sealed to it, and then destroyed: what was erased stays readable to whoever kept its
// sealed part as long as the key lives.
const (
	keepsReplaced = 30 * 24 * time.Hour // no message lives longer (SPEC §4.2)
	looksAtKeys   = 24 * time.Hour
)

// KeptUntil is when a replaced opening key may go.
func KeptUntil(k store.OpeningKey) signed.Time {
	if k.Replaced.IsZero() {
		return signed.Time{}
	}
	return k.Replaced.Add(keepsReplaced)
}

// oldKeys looks after the opening keys.
type oldKeys struct {
	*Room
	daily *time.Timer
}

// do notes which opening keys are replaced, and destroys those that nothing needs
// any more: after each unlock, when the register has grown, and daily.
func (m *oldKeys) do(context.Context) error {
	var ring []envelope.KeyID
	err := m.withRing(func(l *keys.Locked) error {
		ring = l.Openings()
		return nil
	})
	if problem.CodeOf(err) == problem.DeskLocked {
		return nil // unlocking wakes us
	}
	if err != nil || !m.shows.Load() { // what came while this desk was away may need a key
		return err
	}
	if m.daily != nil {
		m.daily.Stop()
	}
	m.daily = time.AfterFunc(looksAtKeys, func() { wake(m.workers.keys) })
	known, err := m.noteKeys(ring)
	if err != nil {
		return err
	}
	for _, k := range known {
		if !m.mayGo(&k) {
			continue // if the ring lacks it, that was said: see sayMissingKeys
		}
		if err := m.destroyKey(k.Key); err != nil {
			return err
		}
	}
	return nil
}

// mayGo reports whether an opening key was replaced long enough ago.
func (m *Room) mayGo(k *store.OpeningKey) bool {
	until := KeptUntil(*k)
	return !until.IsZero() && !signed.At(m.Now()).Before(until)
}

// sayMissingKeys says which opening keys the ring lacks although they were not to go yet:
// the file of the half is missing or damaged.
func (m *Room) sayMissingKeys() {
	err := m.withRing(func(l *keys.Locked) error {
		var known []store.OpeningKey
		err := m.Store.View(func(tx *store.Tx) (err error) {
			known, err = tx.OpeningKeys()
			return err
		})
		if err != nil {
			return err
		}
		ring := l.Openings()
		for _, k := range known {
			if slices.Contains(ring, k.Key) || m.mayGo(&k) {
				continue
			}
			file := fmt.Sprintf("opening-%x.half", k.Key[:])
			m.Log.Error("an opening key is missing: its half is not there or is damaged; put it back from the newest backup, then unlock again", "file", file)
			e := m.Entry("opening key missing", fmt.Sprintf("key %x", k.Key[:]), nil)
			e.Detail = "keys/" + file + " is not there or is damaged: what is sealed to it can't be opened"
			if err := m.Store.UpdateVital(func(tx *store.Tx) error { return tx.LogBounded(e) }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && problem.CodeOf(err) != problem.DeskLocked {
		m.Log.Error("it can't be told whether an opening key is missing", "problem", err.Error())
	}
}

// noteKeys keeps the ring's keys, and since when the register names a newer one.
func (m *Room) noteKeys(ring []envelope.KeyID) (known []store.OpeningKey, err error) {
	current := -1
	if d, ok := m.logs.Load().View().Desk(m.Desk); ok {
		current = slices.Index(ring, d.OpeningID())
	}
	err = m.write(synced, nil, func(c *change) error {
		for place, key := range ring {
			k := store.OpeningKey{Key: key, Place: place}
			if place < current {
				k.Replaced = signed.At(m.Now())
			}
			if err := c.PutOpeningKey(k); err != nil {
				return err
			}
		}
		known, err = c.OpeningKeys()
		return err
	})
	return known, err
}

// destroyKey destroys an opening key unless a message that is here needs it.
func (m *Room) destroyKey(key envelope.KeyID) error {
	needed := 0
	err := m.Store.View(func(tx *store.Tx) (err error) {
		needed, err = NeedKey(tx, key)
		return err
	})
	if err != nil || needed > 0 {
		return err
	}
	if err := keys.DestroyOpening(m.Keys, key); err != nil {
		return err
	}
	m.Ring.Drop(key)
	return m.write(synced, nil, func(c *change) error {
		c.logged = append(c.logged, func() { m.Log.Info("opening key destroyed", "key", hex.EncodeToString(key[:])) })
		if err := c.DropOpeningKey(key); err != nil {
			return err
		}
		return c.Log(m.Entry("opening key destroyed", fmt.Sprintf("key %x", key[:]), nil))
	})
}

// NeedKey counts the messages that are here, have not ended, and can't be opened without
// an opening key. One whose header can't be read may be any key's.
func NeedKey(tx *store.Tx, key envelope.KeyID) (n int, err error) {
	texts, err := tx.Unended()
	for _, text := range texts {
		if h, err := HeaderOf(tx, text); err != nil || h.ToKey == key {
			n++
		}
	}
	return n, err
}
