package mail

import (
	"time"

	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
)

// A Verdict is what a message was found to be.
type Verdict = verdict

// OpenBy puts open in the place of the room's own opening of messages, which it may
// call, and bounds how long one may take. Run must not have been called.
func (m *Room) OpenBy(limit time.Duration, open func(e *envelope.Envelope, own func() *Verdict) *Verdict) {
	m.opener.limit = limit
	m.opener.check = func(e *envelope.Envelope, accepted store.ProvenEvent) *verdict {
		return open(e, func() *verdict { return m.open(e, accepted) })
	}
}

// SaysAnew is what the room says next of messages whose words were refused for good, now
// that the register has grown.
func (m *Room) SaysAnew(seq int64, event envelope.Event) (notes [][]byte, err error) {
	w := &statements{queue: m.queue(false), refused: map[statementKey]int64{{seq, event}: 0}}
	group, _, err := w.next(0)
	for _, s := range group {
		notes = append(notes, s.Unproven.Note)
	}
	return notes, err
}

// Accuse is accuse.
func (m *Room) Accuse(err error) { m.accuse(err) }
