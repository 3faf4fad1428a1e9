package certs

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"time"
)

// MaxCA bounds the DER of a CA certificate.
const MaxCA = 4 << 10

// NewCA makes the issuing CA of a party in an exchange. It issues leaves only,
// and only with URIs of this exchange: a CA of the training exchange is worth
// nothing in the live one.
func NewCA(party, exchange string, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	return selfSign(&x509.Certificate{
		Subject:                     pkix.Name{Organization: []string{exchange}, CommonName: party},
		PermittedDNSDomainsCritical: true,
		PermittedURIDomains:         []string{exchange},
	}, now)
}

// NewBrokerCA makes the CA of a broker, which issues its server certificates.
func NewBrokerCA(exchange string, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	return selfSign(&x509.Certificate{
		Subject: pkix.Name{Organization: []string{exchange}, CommonName: "broker CA"},
	}, now)
}

func selfSign(template *x509.Certificate, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := NewKey()
	if err != nil {
		return nil, nil, err
	}
	template.SerialNumber = newSerial()
	template.NotBefore, template.NotAfter = now.Add(-backdate), now.Add(caLifetime)
	template.KeyUsage = x509.KeyUsageCertSign
	template.BasicConstraintsValid, template.IsCA = true, true
	template.MaxPathLenZero = true
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, fmt.Errorf("make %s: %w", template.Subject.CommonName, err)
	}
	ca, err := ParseCA(der)
	return ca, key, err
}

// ParseCA reads the certificate of a party's or a broker's CA and checks what
// the profile asks of it; time is not its concern.
func ParseCA(der []byte) (*x509.Certificate, error) {
	if len(der) > MaxCA {
		return nil, fmt.Errorf("a CA certificate passes the bound of %d bytes", MaxCA)
	}
	ca, err := x509.ParseCertificate(der)
	switch {
	case err != nil:
		return nil, errors.New("a CA certificate is not X.509")
	case !ca.BasicConstraintsValid || !ca.IsCA || !ca.MaxPathLenZero:
		return nil, errors.New("a CA certificate is not that of a CA with path length 0")
	case ca.KeyUsage != x509.KeyUsageCertSign:
		return nil, errors.New("a CA certificate has other key usages than signing certificates")
	case !isP256(ca):
		return nil, errors.New("a CA's key is not P-256")
	case ca.CheckSignatureFrom(ca) != nil:
		return nil, errors.New("a CA certificate is not signed by its own key")
	}
	return ca, nil
}

// ParsePartyCA is ParseCA for a party: the CA is confined to its exchange.
func ParsePartyCA(der []byte, exchange string) (*x509.Certificate, error) {
	ca, err := ParseCA(der)
	if err == nil && !slices.Equal(ca.PermittedURIDomains, []string{exchange}) {
		return nil, fmt.Errorf("a party's CA certificate is not confined to URIs of %s", exchange)
	}
	return ca, err
}
