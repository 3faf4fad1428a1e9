// Package envelope is what crosses a border: a signed header that a person can
// read, followed at once by an age file that only the addressee can open.
//
//	samband/message/v1
//	exchange hEF/0kRg2SaquEQRRn64rUv9JZgH5EDd39ZF3tTbiBg=
//	id 632ZaV3RxCbhkqBgXHmLAg==
//	type INFO_REQUEST 1.0 t2MlRyh6sPzZSuIwZsqzEGtW8L9pFwyGdWbK0lKjv2c=
//	from se.spoc
//	to fi.spoc icNdMJn2T2c=
//	…
//	sealed 5755 fLgipF8nTYtDm5CKhHYYVk0vFZPzSlCBYh2nVrQX0hM=
//
//	— se.spoc …
//	— se.spoc …
//	age-encryption.org/v1
//	…
//
// [Parse] reads an envelope strictly and checks its bounds; it verifies no
// signature, which is the register's part, and opens nothing, which is seal's.
// [Consignment] and [Statement] are the two signed texts by which desks say
// what became of an envelope. SPEC §4, §5 and §7 say every byte.
package envelope

import (
	"bytes"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// Bounds (SPEC §4.1).
const (
	MaxEnvelope = 1 << 20 // bytes of a whole envelope
	maxHeader   = 8 << 10 // bytes of header text
)

// An Envelope is one message to one desk, taken apart.
type Envelope struct {
	Header
	Note   *signed.Note // header text and signatures
	Sealed []byte       // the age file
}

// TextHash names the message: the hash of the header's text. Signatures are
// left out, since ML-DSA makes new ones each time.
func (e *Envelope) TextHash() signed.Hash { return signed.HashOf(e.Note.Text) }

// Bytes writes the envelope as it crosses the wire.
func (e *Envelope) Bytes() []byte { return append(e.Note.Bytes(), e.Sealed...) }

// Sign closes an envelope: the header, which already names the sealed part, is
// signed by the sender's message keys. It returns what Parse makes of the bytes,
// so nobody signs what others would refuse.
func Sign(h Header, sealed []byte, keys []*signed.PrivateKey) (*Envelope, error) {
	n, err := signed.Sign(h.Text(), keys...)
	if err != nil {
		return nil, err
	}
	return Parse(append(n.Bytes(), sealed...))
}

// Parse reads an envelope: its bounds, its header's form, and that the sealed
// part has the length and hash that the header gives.
func Parse(b []byte) (*Envelope, error) {
	if len(b) > MaxEnvelope {
		return nil, problem.New(problem.Oversize, "an envelope passes the bound of %d bytes", MaxEnvelope)
	}
	n, sealed, err := signed.CutNote(b)
	if err != nil {
		return nil, err
	}
	h, err := ParseHeader(n.Text)
	if err != nil {
		return nil, err
	}
	if h.Sealed != SealedOf(sealed) {
		return nil, problem.New(problem.SealedMismatch, "the sealed part is not the %d bytes that the header names", h.Sealed.Length)
	}
	return &Envelope{Header: *h, Note: n, Sealed: bytes.Clone(sealed)}, nil
}
