package api

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"samband/gateway/signed"
)

// Bounds of a sequence, which is the body of a submission and of a statement call.
const (
	MaxItems    = 256     // items of a sequence; there is one at least
	MaxSequence = 4 << 20 // bytes of a sequence, lengths included
)

// lengthSize is the bytes of the length before an item.
const lengthSize = 4

// AppendItem adds an item to a sequence: its length, 4 bytes big-endian, and its
// bytes.
func AppendItem(sequence, item []byte) []byte {
	sequence = binary.BigEndian.AppendUint32(sequence, uint32(len(item)))
	return append(sequence, item...)
}

// CutSequence returns the items of a sequence, which lie in b itself. A sequence
// has 1 to [MaxItems] items and ends where its last item ends; anything else is
// TEXT_MALFORMED. An item may be empty, and may pass the bound of its own form:
// that is for whoever reads the item.
func CutSequence(b []byte) (items [][]byte, err error) {
	for rest := b; len(rest) > 0; {
		if len(items) == MaxItems {
			return nil, malformed("a sequence has more than %d items", MaxItems)
		}
		if len(rest) < lengthSize {
			return nil, malformed("a sequence ends within the length of item %d", len(items)+1)
		}
		n := uint64(binary.BigEndian.Uint32(rest))
		rest = rest[lengthSize:]
		if n > uint64(len(rest)) {
			return nil, malformed("item %d says that it has %d bytes, and the sequence has %d more", len(items)+1, n, len(rest))
		}
		items, rest = append(items, rest[:n:n]), rest[n:]
	}
	if len(items) == 0 {
		return nil, malformed("a sequence has no item")
	}
	return items, nil
}

// sequence writes items one behind the other.
func sequence(items [][]byte) []byte {
	size := 0
	for _, item := range items {
		size += lengthSize + len(item)
	}
	b := make([]byte, 0, size)
	for _, item := range items {
		b = AppendItem(b, item)
	}
	return b
}

// Hashes are a consistency proof (RFC 6962). On the wire they are one base64
// string of 32 bytes for each; if there are none the member is left out.
type Hashes []signed.Hash

// maxHashes bounds a consistency proof: a log of 2^53 entries needs fewer.
const maxHashes = 64

// MarshalText writes the hashes one behind the other, in base64.
func (h Hashes) MarshalText() ([]byte, error) {
	if len(h) > maxHashes {
		return nil, fmt.Errorf("a consistency proof has %d hashes, more than %d", len(h), maxHashes)
	}
	var b []byte
	for i := range h {
		b = append(b, h[i][:]...)
	}
	return base64.StdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads what MarshalText wrote, in its one spelling.
func (h *Hashes) UnmarshalText(text []byte) error {
	b, err := signed.DecodeBytes(string(text), maxHashes*len(signed.Hash{}))
	if err != nil {
		return fmt.Errorf("a consistency proof of at most %d hashes: %w", maxHashes, err)
	}
	if len(b)%len(signed.Hash{}) != 0 {
		return fmt.Errorf("a consistency proof has %d bytes, no multiple of %d", len(b), len(signed.Hash{}))
	}
	*h = nil
	for ; len(b) > 0; b = b[len(signed.Hash{}):] {
		*h = append(*h, signed.Hash(b[:len(signed.Hash{})]))
	}
	return nil
}
