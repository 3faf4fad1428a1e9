// Package certs is the profile of TLS keys and certificates of Samband: who may
// connect, and as whom.
//
// The register names the key of each desk's connections, and of the broker's. That key
// alone counts. A certificate is what TLS carries a key in: whoever has the key makes
// one for it, which ends never, or has it made by the PKI of its organisation. The other
// side reads the key of the first certificate of a finished handshake, since that is the
// key that was proven, and asks nothing else of it: no issuer, no dates, no names.
//
//	key, _ := certs.NewKey()                            // kept by the desk, named in its request
//	pair, _ := certs.Own(key, "se.spoc", certs.Client)  // what it shows
//	shown, err := certs.KeyOf(state.PeerCertificates)   // what the broker asks the register for
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
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// NewKey makes a TLS key.
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

// HashOf names a TLS key as the register does: by the SHA-256 of its PKIX DER.
func HashOf(key *ecdsa.PublicKey) (signed.Hash, error) {
	der, err := MarshalPublicKey(key)
	return signed.HashOf(der), err
}

// KeyOf names the key that the peer of a finished handshake has proven: that of its first
// certificate. CERTIFICATE_REFUSED: none was shown, or it is for another kind of key.
func KeyOf(chain []*x509.Certificate) (signed.Hash, error) {
	if len(chain) == 0 {
		return signed.Hash{}, problem.New(problem.CertificateRefused, "no certificate was shown")
	}
	key, ok := chain[0].PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return signed.Hash{}, problem.New(problem.CertificateRefused, "the certificate's key is not P-256")
	}
	return HashOf(key)
}

// A Side of a connection is what a certificate may be used for.
type Side x509.ExtKeyUsage

const (
	Client = Side(x509.ExtKeyUsageClientAuth)
	Server = Side(x509.ExtKeyUsageServerAuth)
)

// noEnd is the date of a certificate that has none (RFC 5280, 4.1.2.5).
var noEnd = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

// Own makes a certificate for a key, signed by that very key. It has a name for people who
// look at it; nobody else reads it. Its dates hold by any clock.
func Own(key *ecdsa.PrivateKey, name string, side Side) (*tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Unix(0, 0), NotAfter: noEnd,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsage(side)},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of %s: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make the certificate of %s: %w", name, err)
	}
	return Pair(cert, key), nil
}

// Pair joins a certificate and its key for crypto/tls.
func Pair(cert *x509.Certificate, key *ecdsa.PrivateKey) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}
