package mail

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// showRing shows the locked ring on the connection to the broker, so that a thief of the
// online ring alone takes no place there (SPEC §11.6). While the ring is locked there is
// nothing to show; the desk is woken when it is unlocked, and at each new connection.
func (m *Room) showRing(ctx context.Context) error {
	if m.Ring.Locked() {
		return nil
	}
	err := m.Broker.Ring(ctx, func(exporter signed.Hash) (note []byte, err error) {
		err = m.withRing(func(ring *keys.Locked) error {
			shown := api.Shown{Exchange: m.logs.Load().Register().Exchange(), Signer: m.Desk, Exporter: exporter}
			n, err := signed.Sign(shown.Text(), ring.Statement()...)
			if err == nil {
				note = n.Bytes()
			}
			return err
		})
		return note, err
	})
	if p, refused := problem.Of(err); refused && p.Class() == problem.Final {
		m.Log.Warn("the broker does not take the locked ring for this desk's", "problem", err.Error())
		return nil
	}
	return err
}

// sharedFor is how long the alarm stands after it was last raised.
const sharedFor = time.Hour

// A sharing is what this desk knows of others that use its online ring.
type sharing struct {
	mu     sync.Mutex
	yields api.Yields
	since  time.Time // the alarm stands
	last   time.Time // it was raised again
}

// raise raises the alarm, and tells whether it stood already.
func (s *sharing) raise(now time.Time) (stood bool) {
	stood = s.stands(now)
	if !stood {
		s.since = now
	}
	s.last = now
	return stood
}

func (s *sharing) stands(now time.Time) bool { return !s.last.IsZero() && now.Sub(s.last) < sharedFor }

// polled takes what the answer to a poll tells of others that use this desk's ring: polls
// that yield, three within a minute, or the broker's own word. One that yields alone may
// be this desk's own, over a connection that it gave up.
func (m *Room) polled(told bool, err error) {
	s := &m.sharing
	s.mu.Lock()
	now := m.Now()
	yielded := problem.CodeOf(err) == problem.PollYielded
	if yielded {
		m.Metrics.yielded.Inc()
	}
	alarm := yielded && s.yields.Add(now)
	raised := (told || alarm) && !s.raise(now)
	s.mu.Unlock()
	if !raised {
		return
	}
	m.Log.Error("alarm: " + errShared.Error())
	m.Touch()
	p := problem.New(problem.PollYielded, "%v", errShared)
	if err := m.Store.Update(func(tx *store.Tx) error { return tx.Log(m.Entry(alarmEvent, onlineRing, p)) }); err != nil {
		m.Log.Error("the alarm is not in this desk's log", "problem", err.Error())
	}
}

var errShared = errors.New("another program uses this desk's online ring: if it is no copy of this desk that your people run, have the party's authority revoke the online ring, and call the broker's operator")

// How the alarm stands in the desk's log: one line, when it is raised. It stands for an hour
// at least, so there are no more than one an hour.
const (
	alarmEvent = "alarm"
	onlineRing = "online ring"
)

// resumeAlarm has an alarm stand on that an earlier run of this desk raised.
func (m *Room) resumeAlarm() error {
	return m.Store.View(func(tx *store.Tx) error {
		at, err := tx.LastLog(alarmEvent, onlineRing)
		if err == nil && !at.IsZero() {
			m.sharing.since, m.sharing.last = at.AsTime(), at.AsTime()
		}
		return err
	})
}

// Shared is the alarm that another program uses this desk's online ring, and since when;
// nil when there is none.
func (m *Room) Shared() error {
	s := &m.sharing
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stands(m.Now()) {
		return nil
	}
	return fmt.Errorf("since %s %w", signed.At(s.since), errShared)
}
