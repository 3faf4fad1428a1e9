package store

import (
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"

	"samband/gateway/signed"
)

// Wake tells every broker process that something lies ready for a desk. Nothing
// is kept: whoever doesn't hear it finds the same by its next poll.
func (s *Store) Wake(desk signed.Address) error {
	if _, err := signed.ParseAddress(string(desk)); err != nil { // it could be a wildcard, or more than one token
		return fmt.Errorf("wake %q: %w", desk, err)
	}
	return s.conn.Publish(wakeSubject(desk), nil)
}

// Woken calls do for each desk that is woken from now on, one at a time, until
// cancel is called; do must not block for long.
func (s *Store) Woken(do func(desk signed.Address)) (cancel func(), err error) {
	sub, err := s.conn.Subscribe("wake.*", func(m *nats.Msg) { do(wokenDesk(m.Subject)) })
	if err != nil {
		return nil, fmt.Errorf("listen for wake-ups: %w", err)
	}
	if err := s.conn.Flush(); err != nil {
		return nil, fmt.Errorf("listen for wake-ups: %w", err)
	}
	return func() { _ = sub.Unsubscribe() }, nil
}

// An address has dots and a subject has dots; an underscore, which no address
// has, makes the address one token.
func wakeSubject(desk signed.Address) string {
	return "wake." + strings.ReplaceAll(string(desk), ".", "_")
}

func wokenDesk(subject string) signed.Address {
	return signed.Address(strings.ReplaceAll(strings.TrimPrefix(subject, "wake."), "_", "."))
}
