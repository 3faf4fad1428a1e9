package envelope

import (
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"time"

	"samband/gateway/signed"
)

// MaxLifetime is the longest time from created to expires (SPEC §4.2).
const MaxLifetime = 30 * 24 * time.Hour

// LapsesAt is when a message lapses that expires then, was consigned and never ended
// (SPEC §8.3): its recipient has had as long again as any message may live.
func LapsesAt(expires signed.Time) signed.Time { return expires.Add(MaxLifetime) }

// WithdrawnFor is how long a withdrawn id is remembered of which no text was accepted:
// a text made before its withdrawal has expired by then, clocks that disagree included
// (SPEC §8.3).
const WithdrawnFor = MaxLifetime + 24*time.Hour

// RefusedUntil is how long a final refusal that was logged at a time binds a text, or the
// bytes of an envelope, which expires then: no text lives longer than MaxLifetime, whatever its header
// says, and one that has expired, or whose expiry is zero, is not bound at all
// (SPEC §7.1).
func RefusedUntil(expires, at signed.Time) signed.Time {
	longest := at.Add(MaxLifetime)
	switch {
	case expires.Before(at):
		return at
	case longest.Before(expires):
		return longest
	}
	return expires
}

// tagBytes begins what the hash of refused bytes covers: no header's text begins so, and no
// text has that hash.
const tagBytes = 0x04

// HashOfBytes names bytes that are refused as they are, and no text: SHA-256(0x04 ‖ bytes)
// (SPEC §7.1).
func HashOfBytes(b []byte) signed.Hash {
	h := sha256.New()
	h.Write([]byte{tagBytes})
	h.Write(b)
	return signed.Hash(h.Sum(nil))
}

// A TypeRef names a message type of the catalogue by name, version and the hash
// of its one file.
type TypeRef struct {
	Name, Version string
	Hash          signed.Hash
}

// Values describes the values of a line that names a type.
func (t *TypeRef) Values(l *signed.Lines) { l.Word(&t.Name).Word(&t.Version).Hash(&t.Hash) }

// A KeyID is the first 8 bytes of the SHA-256 of an opening key's string.
type KeyID [8]byte

// KeyIDOf names an opening key.
func KeyIDOf(openingKey string) KeyID {
	h := signed.HashOf(openingKey)
	return KeyID(h[:8])
}

func (k KeyID) String() string { return signed.EncodeBytes(k[:]) }

func parseKeyID(s string) (k KeyID, err error) {
	b, err := signed.DecodeBytes(s, len(k))
	if err != nil || len(b) != len(k) {
		return k, errors.New("a key's name is not 8 bytes in base64")
	}
	return KeyID(b), nil
}

// A Classification says how well a message must be kept.
type Classification string

const (
	Unclassified Classification = "unclassified"
	BPL          Classification = "bpl" // basic protection level
)

// Classifications are those of this version, in ascending order.
var Classifications = []Classification{Unclassified, BPL}

// ParseClassification reads one of the version's classifications.
func ParseClassification(s string) (Classification, error) {
	if !slices.Contains(Classifications, Classification(s)) {
		return "", errors.New("a classification is not one of this version")
	}
	return Classification(s), nil
}

// Above reports whether c is higher than a ceiling.
func (c Classification) Above(ceiling Classification) bool {
	return slices.Index(Classifications, c) > slices.Index(Classifications, ceiling)
}

// Urgencies of a header.
const (
	Urgent    = "urgent"
	NonUrgent = "non-urgent"
)

// SealedRef is length and hash of an age file.
type SealedRef struct {
	Length int64
	Hash   signed.Hash
}

// SealedOf names sealed bytes.
func SealedOf(sealed []byte) SealedRef {
	return SealedRef{int64(len(sealed)), signed.HashOf(sealed)}
}

// PartsRef counts files beside the envelope. It parses and is refused by
// PARTS_UNSUPPORTED until a later version carries them.
type PartsRef struct {
	Count, Bytes int64
	Hash         signed.Hash
}

// A Header is the open, signed part of a message. Its fields stand in the order
// of its lines (SPEC §4.2).
type Header struct {
	Exchange       signed.Hash
	ID             signed.ID
	Type           TypeRef
	From           signed.Address
	To             signed.Address
	ToKey          KeyID
	OnBehalfOf     signed.Address // "" when absent
	Conversation   signed.ID
	InReplyTo      signed.Hash // zero when absent: text hash of a message that went the other way
	Created        signed.Time
	Expires        signed.Time
	Agreement      signed.Hash // of the agreement's text
	Urgency        string
	Classification Classification
	AsOfAudit      signed.Head // the logs as the sender had verified them
	AsOfRegister   signed.Head
	Body           signed.Hash // commitments
	Statistics     signed.Hash
	Parts          *PartsRef
	Sealed         SealedRef
}

var headerForm = signed.Form[Header]{Title: "samband/message/v1", MaxBytes: maxHeader, Lines: (*Header).lines}

func (h *Header) lines(l *signed.Lines) {
	l.Exchange(&h.Exchange)
	l.Line("id").ID(&h.ID)
	h.Type.Values(l.Line("type"))
	l.Line("from").Address(&h.From)
	signed.Value(l.Line("to").Address(&h.To), "8 bytes in base64", &h.ToKey, KeyID.String, parseKeyID)
	l.Optional("on-behalf-of", h.OnBehalfOf != "").Address(&h.OnBehalfOf)
	l.Line("conversation").ID(&h.Conversation)
	l.Optional("in-reply-to", !h.InReplyTo.IsZero()).Hash(&h.InReplyTo)
	l.Line("created").Time(&h.Created)
	l.Line("expires").Time(&h.Expires)
	l.Line("agreement").Hash(&h.Agreement)
	signed.OneOf(l.Line("urgency"), &h.Urgency, Urgent, NonUrgent)
	signed.OneOf(l.Line("classification"), &h.Classification, Classifications...)
	l.Line("as-of").Head(&h.AsOfAudit)
	l.Line("as-of").Head(&h.AsOfRegister)
	l.Line("commitment").Is("body").Hash(&h.Body)
	l.Line("commitment").Is("statistics").Hash(&h.Statistics)
	if l := l.Optional("parts", h.Parts != nil); l != nil {
		if !l.Writing() {
			h.Parts = &PartsRef{}
		}
		l.Int(&h.Parts.Count).Int(&h.Parts.Bytes).Hash(&h.Parts.Hash)
	}
	l.Line("sealed").Int(&h.Sealed.Length).Hash(&h.Sealed.Hash)
}

// Text writes the header.
func (h *Header) Text() string { return headerForm.Text(h) }

// ParseHeader reads a header's text.
func ParseHeader(text string) (*Header, error) { return headerForm.Parse(text) }

// Bound writes the header above its sealed line: what the inner frame is bound
// to (SPEC §6.2).
func (h *Header) Bound() string {
	text := h.Text()
	return text[:strings.LastIndex(text, "\nsealed ")+1]
}
