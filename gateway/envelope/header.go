package envelope

import (
	"encoding/base64"
	"errors"
	"time"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Form is the first line of a message header.
const Form = "samband/message/v1"

// MaxLifetime is the longest time from created to expires (SPEC §4.2).
const MaxLifetime = 30 * 24 * time.Hour

// RefusedUntil is how long a final refusal that was logged at a time binds a text
// which expires then: no text lives longer than MaxLifetime, whatever its header
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

// A TypeRef names a message type of the catalogue by name, version and the hash
// of its one file.
type TypeRef struct {
	Name, Version string
	Hash          signed.Hash
}

// Values are the three values of a type's line.
func (t TypeRef) Values() []string { return []string{t.Name, t.Version, t.Hash.String()} }

// A KeyID is the first 8 bytes of the SHA-256 of an opening key's string.
type KeyID [8]byte

// KeyIDOf names an opening key.
func KeyIDOf(openingKey string) KeyID {
	h := signed.HashOf(openingKey)
	return KeyID(h[:8])
}

func (k KeyID) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

// A Classification, in ascending order.
type Classification string

const (
	Unclassified Classification = "unclassified"
	BPL          Classification = "bpl" // basic protection level
)

var classifications = map[Classification]int{Unclassified: 0, BPL: 1}

// ParseClassification reads one of the version's classifications.
func ParseClassification(s string) (Classification, error) {
	if _, ok := classifications[Classification(s)]; !ok {
		return "", errors.New("a classification is not one of this version")
	}
	return Classification(s), nil
}

// Above reports whether c is higher than a ceiling.
func (c Classification) Above(ceiling Classification) bool {
	return classifications[c] > classifications[ceiling]
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

// Text writes the header.
func (h *Header) Text() string {
	w := h.write()
	w.Line("sealed", signed.FormatInt(h.Sealed.Length), h.Sealed.Hash.String())
	return w.Text()
}

// Bound writes the header above its sealed line: what the inner frame is bound
// to (SPEC §6.2).
func (h *Header) Bound() string { return h.write().Text() }

func (h *Header) write() *signed.Writer {
	w := signed.NewWriter(Form, h.Exchange)
	w.Line("id", h.ID.String())
	w.Line("type", h.Type.Values()...)
	w.Line("from", string(h.From))
	w.Line("to", string(h.To), h.ToKey.String())
	if h.OnBehalfOf != "" {
		w.Line("on-behalf-of", string(h.OnBehalfOf))
	}
	w.Line("conversation", h.Conversation.String())
	if h.InReplyTo != (signed.Hash{}) {
		w.Line("in-reply-to", h.InReplyTo.String())
	}
	w.Line("created", h.Created.String())
	w.Line("expires", h.Expires.String())
	w.Line("agreement", h.Agreement.String())
	w.Line("urgency", h.Urgency)
	w.Line("classification", string(h.Classification))
	w.Line("as-of", h.AsOfAudit.Values()...)
	w.Line("as-of", h.AsOfRegister.Values()...)
	w.Line("commitment", "body", h.Body.String())
	w.Line("commitment", "statistics", h.Statistics.String())
	if p := h.Parts; p != nil {
		w.Line("parts", signed.FormatInt(p.Count), signed.FormatInt(p.Bytes), p.Hash.String())
	}
	return w
}

// ParseHeader reads a header's text.
func ParseHeader(text string) (*Header, error) {
	if len(text) > MaxHeader {
		return nil, problem.New(problem.Oversize, "a header passes the bound of %d bytes", MaxHeader)
	}
	r := signed.NewReader(text, Form)
	h := &Header{Exchange: r.Exchange()}
	h.ID = r.ID(one(r, "id"))
	if v := r.Line("type", 3); v != nil {
		h.Type = TypeRef{r.Word(v[0]), r.Word(v[1]), r.Hash(v[2])}
	}
	h.From = r.Address(one(r, "from"))
	if v := r.Line("to", 2); v != nil {
		h.To, h.ToKey = r.Address(v[0]), keyID(r, v[1])
	}
	if r.Peek() == "on-behalf-of" {
		h.OnBehalfOf = r.Address(one(r, "on-behalf-of"))
	}
	h.Conversation = r.ID(one(r, "conversation"))
	if r.Peek() == "in-reply-to" {
		h.InReplyTo = r.Hash(one(r, "in-reply-to"))
	}
	h.Created = r.Time(one(r, "created"))
	h.Expires = r.Time(one(r, "expires"))
	h.Agreement = r.Hash(one(r, "agreement"))
	h.Urgency = oneOf(r, one(r, "urgency"), Urgent, NonUrgent)
	h.Classification = Classification(oneOf(r, one(r, "classification"), string(Unclassified), string(BPL)))
	h.AsOfAudit, h.AsOfRegister = asOf(r), asOf(r)
	h.Body, h.Statistics = commitment(r, "body"), commitment(r, "statistics")
	if r.Peek() == "parts" {
		if v := r.Line("parts", 3); v != nil {
			h.Parts = &PartsRef{r.Int(v[0]), r.Int(v[1]), r.Hash(v[2])}
		}
	}
	if v := r.Line("sealed", 2); v != nil {
		h.Sealed = SealedRef{r.Int(v[0]), r.Hash(v[1])}
	}
	return h, r.Close(text, h.Text())
}

// one reads a line of one value; "" after a fault.
func one(r *signed.Reader, name string) string {
	if v := r.Line(name, 1); v != nil {
		return v[0]
	}
	return ""
}

func oneOf(r *signed.Reader, s string, words ...string) string {
	for _, w := range words {
		if s == w {
			return s
		}
	}
	r.Fail(errors.New("a word is not one of the closed list for its line"))
	return ""
}

func keyID(r *signed.Reader, s string) (k KeyID) {
	b, err := signed.DecodeBytes(s, len(k))
	if err != nil || len(b) != len(k) {
		r.Fail(errors.New("a key's name is not 8 bytes in base64"))
		return k
	}
	return KeyID(b)
}

func asOf(r *signed.Reader) signed.Head { return r.Head(r.Line("as-of", 3)) }

func commitment(r *signed.Reader, of string) signed.Hash {
	v := r.Line("commitment", 2)
	if v == nil {
		return signed.Hash{}
	}
	if v[0] != of {
		r.Fail(errors.New("the commitments are not body, then statistics"))
	}
	return r.Hash(v[1])
}
