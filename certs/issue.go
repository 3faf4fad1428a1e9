package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	"samband/gateway/signed"
)

// IssueDesk issues a desk's certificate for the public key in its request. The
// caller answers for the desk being of the CA's party.
func IssueDesk(ca *x509.Certificate, key *ecdsa.PrivateKey, exchange string, desk signed.Address, public *ecdsa.PublicKey, now time.Time) (*x509.Certificate, error) {
	u, err := url.Parse(URI(exchange, desk))
	if err != nil {
		return nil, fmt.Errorf("form the URI of %s: %w", desk, err)
	}
	return issue(ca, key, &x509.Certificate{
		Subject:     pkix.Name{Organization: []string{exchange}, CommonName: string(desk)},
		URIs:        []*url.URL{u},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, public, now)
}

// IssueBroker issues a broker's certificate for the DNS names and IP addresses
// under which desks reach it.
func IssueBroker(ca *x509.Certificate, key *ecdsa.PrivateKey, hosts []string, public *ecdsa.PublicKey, now time.Time) (*x509.Certificate, error) {
	if len(hosts) == 0 {
		return nil, errors.New("a broker's certificate needs a host name or an address")
	}
	leaf := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "broker"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	return issue(ca, key, leaf, public, now)
}

func issue(ca *x509.Certificate, key *ecdsa.PrivateKey, leaf *x509.Certificate, public *ecdsa.PublicKey, now time.Time) (*x509.Certificate, error) {
	leaf.SerialNumber = newSerial()
	leaf.NotBefore, leaf.NotAfter = now.Add(-backdate), now.Add(Lifetime)
	leaf.KeyUsage = x509.KeyUsageDigitalSignature
	leaf.BasicConstraintsValid = true
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, public, key)
	if err != nil {
		return nil, fmt.Errorf("issue certificate of %s: %w", leaf.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

func isP256(cert *x509.Certificate) bool {
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	return ok && key.Curve == elliptic.P256()
}
