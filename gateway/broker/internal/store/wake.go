package store

import (
	"fmt"
	"slices"
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
	return s.open.Load().conn.Publish(wakeSubject(desk), nil)
}

// Woken calls do for each desk that is woken from now on, one at a time, until
// cancel is called; do must not block for long.
func (s *Store) Woken(do func(desk signed.Address)) (cancel func(), err error) {
	h := &hearing{do: do}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := h.listen(s.open.Load()); err != nil {
		return nil, err
	}
	s.heard = append(s.heard, h)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.heard = slices.DeleteFunc(s.heard, func(o *hearing) bool { return o == h })
		_ = h.sub.Unsubscribe()
	}, nil
}

func (h *hearing) listen(o *opened) (err error) {
	h.sub, err = o.conn.Subscribe("wake.*", func(m *nats.Msg) { h.do(wokenDesk(m.Subject)) })
	if err == nil {
		err = o.conn.Flush()
	}
	if err != nil {
		return fmt.Errorf("listen for wake-ups: %w", err)
	}
	return nil
}

// An address has dots and a subject has dots; an underscore, which no address
// has, makes the address one token.
func wakeSubject(desk signed.Address) string {
	return "wake." + strings.ReplaceAll(string(desk), ".", "_")
}

func wokenDesk(subject string) signed.Address {
	return signed.Address(strings.ReplaceAll(strings.TrimPrefix(subject, "wake."), "_", "."))
}
