package register

import (
	"crypto/ecdsa"
	"slices"
	"strings"

	"samband/certs"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// maxRequest bounds a desk's request with its signatures, in bytes.
const maxRequest = 12_000

// A Request is a desk's own word about its keys, which its party enters: its time zone
// and every public key, signed by each of them that signs. So nobody enters a key that is
// another's. Its TLS key, which signs no notes, signs the text above the line tls-proof.
type Request struct {
	Exchange signed.Hash
	Address  signed.Address
	Zone     Zone
	DeskKeys
	TLSKey []byte // public key in PKIX DER; see certs.ParsePublicKey
	Proof  []byte // by the TLS key, of the text above; see certs.Prove
}

// Bounds of a request's lines.
const (
	maxTLS = 512 // bytes of the DER of a public key
	proof  = "tls-proof"
)

var requestForm = signed.Form[Request]{Title: "samband/request/v1", Lines: func(c *Request, l *signed.Lines) {
	l.Exchange(&c.Exchange)
	l.Line("desk").Address(&c.Address)
	c.Zone.line(l)
	c.keyLines(l, c.Address)
	l.Line("tls").Bytes(&c.TLSKey, maxTLS)
	c.openingLines(l)
	l.Line(proof).Bytes(&c.Proof, certs.ProofBytes)
}, Check: func(c *Request) error {
	if _, err := certs.ParsePublicKey(c.TLSKey); err != nil {
		return problem.New(problem.TextMalformed, "line %q: %v", "tls", err)
	}
	c.TLS = signed.HashOf(c.TLSKey)
	return nil
}}

// Text writes the request.
func (c *Request) Text() string { return requestForm.Text(c) }

// ProofText is the text that the TLS key signs: all above the line tls-proof.
func (c *Request) ProofText() string {
	text := c.Text()
	return text[:strings.LastIndex(text, proof+" ")]
}

// SignRequest signs a request with all its keys: first the TLS key its text, then the
// message pair and the receipts key the whole.
func SignRequest(c *Request, tls *ecdsa.PrivateKey, keys ...*signed.PrivateKey) (_ []byte, err error) {
	if c.TLSKey, err = certs.MarshalPublicKey(&tls.PublicKey); err != nil {
		return nil, err
	}
	if c.Proof, err = certs.Prove(tls, c.ProofText()); err != nil {
		return nil, err
	}
	n, err := signed.Sign(c.Text(), keys...)
	if err != nil {
		return nil, err
	}
	return n.Bytes(), c.verify(n)
}

// ParseRequest reads a desk's request and verifies it by its own keys.
func ParseRequest(note []byte) (*Request, error) {
	n, c, err := readNote(note, maxRequest, requestForm.Parse)
	if err != nil {
		return nil, err
	}
	return c, c.verify(n)
}

func (c *Request) signers() []*signed.PublicKey {
	return slices.Concat(c.Message, c.Consignment)
}

// verify checks the signature of each key that signs.
func (c *Request) verify(n *signed.Note) error {
	if err := signed.Verify(n, c.signers()); err != nil {
		return err
	}
	if !certs.CheckProof(c.TLSKey, c.ProofText(), c.Proof) {
		return problem.New(problem.SignatureInvalid, "line %q of the request is not by its TLS key", proof)
	}
	return nil
}
