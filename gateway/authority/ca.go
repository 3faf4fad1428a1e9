package authority

import (
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"
	"time"

	"samband/certs"
	"samband/gateway/durable"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A CA issues TLS certificates to the desks of one party. It may be online; it
// can't sign an entry.
type CA struct {
	folder
	Party       string
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// CreateCA makes a party's issuing CA for the exchange that its folder belongs
// to.
func CreateCA(dir, party string, passphrase []byte, now time.Time) (*CA, error) {
	f := folder(dir)
	fed, err := f.federation()
	if err != nil {
		return nil, err
	}
	cert, key, err := certs.NewCA(party, fed.Name, now)
	if err != nil {
		return nil, err
	}
	pem, err := certs.EncodeKey(key)
	if err != nil {
		return nil, err
	}
	if err := absent(f.path("ca", keyFile)); err != nil {
		return nil, err
	}
	if err := write(f.path("ca", certificateFile), certs.EncodeCertificate(cert), private); err != nil {
		return nil, err
	}
	return &CA{f, party, cert, key}, writeSecret(f.path("ca", keyFile), pem, passphrase)
}

// OpenCA opens what CreateCA made.
func OpenCA(dir string, passphrase []byte) (*CA, error) {
	f := folder(dir)
	plain, err := readSecret(f.path("ca", keyFile), passphrase)
	if err != nil {
		return nil, err
	}
	key, err := certs.DecodeKey(plain)
	if err != nil {
		return nil, fmt.Errorf("key file %q: %w", f.path("ca", keyFile), err)
	}
	pem, err := durable.ReadFile(f.path("ca", certificateFile), durable.MaxSmall)
	if err != nil {
		return nil, fmt.Errorf("read CA certificate: %w", err)
	}
	cert, err := certs.DecodeCertificate(pem)
	if err != nil {
		return nil, fmt.Errorf("CA certificate %q: %w", f.path("ca", certificateFile), err)
	}
	if !key.PublicKey.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("key and certificate in %q do not belong together", f.path("ca"))
	}
	party, err := signed.ParseName(cert.Subject.CommonName)
	if err != nil {
		return nil, fmt.Errorf("CA certificate %q names no party", f.path("ca", certificateFile))
	}
	return &CA{f, party, cert, key}, nil
}

const certificateFile = "certificate.pem"

// Issued is a certificate that was issued to a desk and stored.
type Issued struct {
	Desk        signed.Address
	Certificate *x509.Certificate
	File        string
}

// Issue issues a certificate for the TLS key in the request of a desk of the
// party. That the desk is whom it says, people have settled.
func (c *CA) Issue(request []byte, now time.Time) (*Issued, error) {
	card, err := register.ParseRequest(request)
	if err != nil {
		return nil, err
	}
	fed, err := c.federationOf("the request of "+string(card.Address), card.Exchange)
	if err != nil {
		return nil, err
	}
	if card.Address.Party() != c.Party {
		return nil, problem.New(problem.NotEntitled, "%s is not a desk of %s", card.Address, c.Party)
	}
	key, err := certs.ParsePublicKey(card.TLS)
	if err != nil {
		return nil, err
	}
	cert, err := certs.IssueDesk(c.Certificate, c.key, fed.Name, card.Address, key, now)
	if err != nil {
		return nil, err
	}
	issued := &Issued{card.Address, cert, c.path("ca", "issued", string(card.Address)+".pem")}
	return issued, write(issued.File, certs.EncodeCertificate(cert), private)
}
