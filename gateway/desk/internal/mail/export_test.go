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
