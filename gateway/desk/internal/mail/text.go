package mail

import (
	"fmt"

	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Unreadable says, in a message's detail, that this desk can't read what it has of
// the message. LacksKey, LacksType and Heeds say why a received one can't be
// opened. The desk never refuses for them: the fault is its own.
const (
	Unreadable = "this desk can't read what it has of the message; its program's log says why"
	LacksKey   = "this desk's ring lacks the opening key that the header names"
	LacksType  = "this desk lacks the catalogue bundle with the message's type; it opens the message once it has that"
	Heeds      = "this desk heeds a revocation of the sender's keys that the register lacks; once the register has it, the register decides"
)

func isUrgent(h *envelope.Header) bool { return h.Urgency == envelope.Urgent }

// parseStored reads a text of the database. One that the disk has damaged is not the
// message that its row names.
func parseStored(b []byte, textHash signed.Hash) (*envelope.Envelope, error) {
	e, err := envelope.Parse(b)
	if err == nil && e.TextHash() != textHash {
		err = problem.New(problem.TextMalformed, "the text has another hash than its row")
	}
	if err != nil {
		return nil, fmt.Errorf("read message %s in the database: %w", textHash, err)
	}
	return e, nil
}

// ParseNote reads a header note of the database: an envelope without its sealed
// part, which what is proven of a message does not bind.
func ParseNote(note []byte) (*envelope.Envelope, error) {
	n, err := signed.ParseNote(note)
	if err != nil {
		return nil, fmt.Errorf("read a header in the database: %w", err)
	}
	h, err := envelope.ParseHeader(n.Text)
	if err != nil {
		return nil, err
	}
	return &envelope.Envelope{Header: *h, Note: n}, nil
}

// HeaderOf reads the header of a text that this desk has.
func HeaderOf(tx *store.Tx, textHash signed.Hash) (*envelope.Header, error) {
	header, err := tx.Header(textHash) // its signatures were checked before it came here
	if err != nil {
		return nil, err
	}
	h, err := envelope.ParseHeader(header)
	if err != nil {
		return nil, fmt.Errorf("read a header in the database: %w", err)
	}
	return h, nil
}
