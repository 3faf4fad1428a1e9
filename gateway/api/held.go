package api

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"samband/gateway/signed"
)

// MaxHeld bounds the messages that a caller names as held. A desk that has more in hand
// than that asks for none.
const MaxHeld = 4096

// maxInbox is the body of an inbox call that names so many.
const maxInbox = int64(len(`{"held":""}`) + (MaxHeld*len(signed.Hash{})+2)/3*4)

// Held are the text hashes of messages that a desk has in hand: it has stored them, and
// no word of it about them is proven yet. On the wire they are one base64 string of 32
// bytes for each, in ascending order, each once.
type Held []signed.Hash

// MarshalText writes the hashes one behind the other, in base64.
func (h Held) MarshalText() ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, len(h)*len(signed.Hash{}))
	for i := range h {
		b = append(b, h[i][:]...)
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads what MarshalText wrote, in its one spelling.
func (h *Held) UnmarshalText(text []byte) error {
	b, err := signed.DecodeBytes(string(text), MaxHeld*len(signed.Hash{}))
	if err != nil {
		return fmt.Errorf("at most %d hashes: %w", MaxHeld, err)
	}
	if len(b)%len(signed.Hash{}) != 0 {
		return fmt.Errorf("%d bytes are no multiple of %d", len(b), len(signed.Hash{}))
	}
	var held Held
	for ; len(b) > 0; b = b[len(signed.Hash{}):] {
		held = append(held, signed.Hash(b[:len(signed.Hash{})]))
	}
	if err := held.check(); err != nil {
		return err
	}
	*h = held
	return nil
}

func (h Held) check() error {
	if len(h) > MaxHeld {
		return fmt.Errorf("%d hashes are more than %d", len(h), MaxHeld)
	}
	for i := 1; i < len(h); i++ {
		if bytes.Compare(h[i-1][:], h[i][:]) >= 0 {
			return errors.New("the hashes are not in ascending order, each once")
		}
	}
	return nil
}
