// Package certs is the certificate profile of Samband: who may connect, and as
// whom.
//
// Every party has one issuing CA, which the register names. It issues
// certificates to that party's desks and to nobody else. A desk's certificate
// says who it is in exactly one place, its one URI SAN, which has the name of
// the exchange and the desk's address:
//
//	samband://nordic.example/se.spoc
//
// A broker's certificate is an ordinary server certificate with DNS names or IP
// addresses, issued by the broker's own CA, which the federation file names.
//
// [Check] turns the chain of a connection into an address. It reads the address
// from the certificate, asks for the CA of that address's party, and then trusts
// a pool of that CA alone, so a CA of one party can't vouch for another's desk:
//
//	ca, key, _ := certs.NewCA("se", "nordic.example", now)
//	leaf, _ := certs.IssueDesk(ca, key, "nordic.example", "se.spoc", public, now)
//	addr, err := certs.Check(chain, "nordic.example", caOf, now) // "se.spoc"
//
// Keys are ECDSA P-256, since tokens, TPMs and every TLS library have it, and
// connections are TLS 1.3. Nothing here is an identity by itself: what a desk
// says, it signs with the keys that the register names. SPEC §11.1 says the
// profile line by line.
package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"time"

	"samband/gateway/signed"
)

// Lifetimes. Certificates are renewed at a third of theirs, so that a CA's bad
// week silences nobody.
const (
	Lifetime   = 30 * 24 * time.Hour
	caLifetime = 10 * 365 * 24 * time.Hour

	// backdate lets a certificate work at once even if clocks differ.
	backdate = 5 * time.Minute
)

const scheme = "samband"

// URI is the one URI SAN of a desk's certificate (SPEC §11.1).
func URI(exchange string, desk signed.Address) string {
	return scheme + "://" + exchange + "/" + string(desk)
}

// parseURI reads what URI writes, and no other spelling of it.
func parseURI(u *url.URL, exchange string) (signed.Address, error) {
	addr, err := signed.ParseAddress(strings.TrimPrefix(u.Path, "/"))
	if err != nil || u.String() != URI(exchange, addr) {
		return "", fmt.Errorf("the URI SAN is not %s://%s/<desk's address>", scheme, exchange)
	}
	return addr, nil
}

// NewKey makes a key for TLS or for a CA.
func NewKey() (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make P-256 key: %w", err)
	}
	return key, nil
}

// MarshalPublicKey writes a public key as PKIX DER.
func MarshalPublicKey(key *ecdsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode P-256 public key: %w", err)
	}
	return der, nil
}

// ParsePublicKey reads a P-256 public key in its one PKIX DER spelling.
func ParsePublicKey(der []byte) (*ecdsa.PublicKey, error) {
	parsed, err := x509.ParsePKIXPublicKey(der)
	key, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok || key.Curve != elliptic.P256() {
		return nil, errors.New("a TLS key is not a P-256 public key in PKIX form")
	}
	if again, err := x509.MarshalPKIXPublicKey(key); err != nil || string(again) != string(der) {
		return nil, errors.New("a TLS key is not in its one spelling")
	}
	return key, nil
}

func newSerial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] &= 0x7f // positive in 16 bytes
	b[0] |= 0x40 // and never short
	return new(big.Int).SetBytes(b)
}
