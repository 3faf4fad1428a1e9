package register

import (
	"crypto/x509"

	"samband/certs"
	"samband/gateway/signed"
)

// A CA is an entry of a party that names its issuing CA. It replaces the one
// before: certificates of the old CA count no more.
type CA struct {
	Link
	DER []byte

	cert *x509.Certificate // set by check
}

func (c *CA) Text() string { return caForm.Text(c) }
func (*CA) author() author { return byParty }

var caForm = signed.Form[CA]{Title: "samband/ca/v1", Lines: func(c *CA, l *signed.Lines) {
	c.Link.lines(l)
	l.Line("ca").Bytes(&c.DER, certs.MaxCA)
}}

func (c *CA) check(s *state) error {
	cert, err := certs.ParsePartyCA(c.DER, s.federation.Name)
	if err != nil {
		return invalid("%v", err)
	}
	c.cert = cert
	before, ok := s.party(c.Signers[0]).ca.now()
	if ok && string(before.cert.RawSubjectPublicKeyInfo) == string(cert.RawSubjectPublicKeyInfo) {
		return nil // the same key, with a later end
	}
	return s.keys.freshRaw(cert.RawSubjectPublicKeyInfo)
}

func (c *CA) apply(s *state, at place) {
	s.party(c.Signers[0]).ca.set(at.index, c)
	s.keys.noteRaw(c.cert.RawSubjectPublicKeyInfo)
}
