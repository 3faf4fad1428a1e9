package mail

import (
	"slices"

	"samband/gateway/api"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/gateway/verify"
	"samband/schema"
)

// A Sealed is an envelope as it was just sealed and signed.
type Sealed struct {
	envelope.Header
	TextHash     signed.Hash
	note, sealed []byte
	wrapped      []byte // its file key
}

// fit seals content for the header's recipient, and completes the header with what that
// says of it.
func fit(l *verify.Logs, h *envelope.Header, content *seal.Content) (sealed []byte, key seal.FileKey, err error) {
	to, ok := l.View().Desk(h.To)
	if !ok {
		return nil, key, problem.New(problem.UnknownDesk, "%s is no desk in the register", h.To)
	}
	fresh := *content
	return seal.Seal(h, &fresh, to.Opening)
}

// Fit is Seal without the ring: all that Seal refuses, it refuses too, and what it returns
// nobody signed.
func (m *Room) Fit(l *verify.Logs, h envelope.Header, content *seal.Content) (*Sealed, error) {
	sealed, _, err := fit(l, &h, content)
	if err != nil {
		return nil, err
	}
	return &Sealed{Header: h, TextHash: signed.HashOf(h.Text()), sealed: sealed}, nil
}

// Seal seals content for the header's recipient and signs it. Its caller has asked
// the law.
func (m *Room) Seal(ring *keys.Locked, l *verify.Logs, h envelope.Header, content *seal.Content) (*Sealed, error) {
	sealed, key, err := fit(l, &h, content)
	if err != nil {
		return nil, err
	}
	m.Metrics.sealed.Inc()
	e, err := envelope.Sign(h, sealed, ring.Message)
	if err != nil {
		return nil, err
	}
	note := e.Note.Bytes()
	if len(note)+len(sealed) > envelope.MaxEnvelope {
		return nil, problem.New(problem.Oversize, "body and attachments make an envelope of %d bytes, and it may have %d", len(note)+len(sealed), envelope.MaxEnvelope)
	}
	return &Sealed{e.Header, e.TextHash(), note, sealed, ring.Wrap(key, "", e.TextHash())}, nil
}

// keep stores the text and its wrapped file key.
func (s *Sealed) keep(tx *store.Tx) error {
	if err := tx.AddText(s.TextHash, s.note, s.sealed); err != nil {
		return err
	}
	return tx.PutFileKey(s.TextHash, s.wrapped)
}

// A Sending is a draft as it was sealed for those to whom it goes.
type Sending struct {
	Name      string
	Digest    []byte // of the draft
	Says      store.Facts
	Type      *schema.Type
	Envelopes []*Sealed
	Blocked   []store.Blocked       // to whom it does not go
	Copies    []Sending             // of it, with an outcome and envelopes of their own
	Also      func(*store.Tx) error // what is written with it, first; nil: nothing
}

// Queue makes a sending durable, all of it or nothing. From then on it is sent,
// whatever happens to this process.
func (m *Room) Queue(sending *Sending) error {
	if err := m.Store.MayTakeIn(); err != nil {
		return err
	}
	err := m.Store.Update(func(tx *store.Tx) error {
		if sending.Also != nil {
			if err := sending.Also(tx); err != nil {
				return err
			}
		}
		if err := tx.AddSending(sending.Name, sending.Digest); err != nil {
			return err
		}
		for _, b := range sending.Blocked {
			if err := tx.AddBlocked(sending.Name, b); err != nil {
				return err
			}
		}
		if err := m.keepAll(tx, sending.Name, sending, false); err != nil {
			return err
		}
		for n := range sending.Copies {
			if err := m.keepAll(tx, sending.Name, &sending.Copies[n], true); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	wake(m.workers.urgent)
	wake(m.workers.outbox)
	if sending.anyLarge() {
		wake(m.workers.large)
	}
	m.Touch()
	return nil
}

// anyLarge reports whether an envelope of a sending is large.
func (s *Sending) anyLarge() bool {
	return slices.ContainsFunc(s.Envelopes, func(e *Sealed) bool { return api.Large.Has(int64(len(e.note) + len(e.sealed))) }) ||
		slices.ContainsFunc(s.Copies, func(c Sending) bool { return c.anyLarge() })
}

// keepAll keeps the envelopes of a sending, or of a copy of it.
func (m *Room) keepAll(tx *store.Tx, name string, sending *Sending, isCopy bool) error {
	for _, s := range sending.Envelopes {
		if err := s.keep(tx); err != nil {
			return err
		}
		row := store.Row{
			From: m.Desk, ID: s.ID, To: s.To, TextHash: s.TextHash, Send: name, Type: s.Type.Name, Urgent: isUrgent(&s.Header),
			Conversation: s.Conversation, ReplyTo: s.InReplyTo,
			Asks: sending.Type.Asks(), Closes: sending.Type.Closes(), Facts: sending.Says, State: client.Queued,
			Stands: signed.At(m.Now()), Expires: s.Expires,
		}
		if err := tx.Add(&row); err != nil {
			return err
		}
		if isCopy {
			if err := tx.AddCopy(row.Seq); err != nil {
				return err
			}
		}
		if err := tx.Log(m.Entry("queued", "message "+s.ID.String(), nil)); err != nil {
			return err
		}
	}
	return nil
}

// Content opens a text of ours, or one that was handed over, by its file key;
// store.ErrNotFound when it was erased. DESK_LOCKED while the ring is locked.
func (m *Room) Content(e *envelope.Envelope) (*seal.Content, error) {
	var wrapped []byte
	err := m.Store.View(func(tx *store.Tx) (err error) {
		wrapped, err = tx.FileKey(e.TextHash())
		return err
	})
	if err != nil {
		return nil, err
	}
	var key seal.FileKey
	err = m.withRing(func(ring *keys.Locked) (err error) {
		key, _, err = ring.Unwrap(wrapped, e.TextHash())
		return err
	})
	if err != nil {
		return nil, err
	}
	return seal.OpenWith(e, key)
}

// TryKey tries the file key of a text, which opens it or does not: what a received message
// says lies beside that key. DESK_LOCKED while the ring is locked.
func (m *Room) TryKey(tx *store.Tx, e *envelope.Envelope) error {
	wrapped, err := tx.FileKey(e.TextHash())
	if err != nil {
		return err
	}
	var key seal.FileKey
	err = m.withRing(func(ring *keys.Locked) (err error) {
		key, _, err = ring.Unwrap(wrapped, e.TextHash())
		return err
	})
	if err == nil {
		_, err = seal.OpenWith(e, key)
	}
	return err
}
