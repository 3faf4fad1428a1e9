package certs

import (
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// maxLifetime bounds what Check accepts, not what a CA may have meant.
const maxLifetime = Lifetime + 24*time.Hour

// Check tells which desk a chain speaks for. caOf returns the CA that the
// register names for a party now, nil when there is none. Each refusal is a
// CERTIFICATE_REFUSED that says why (SPEC §11.1):
//
//  1. The leaf says who it is in one URI SAN of this exchange and nowhere else.
//  2. It is a client's: no CA, client authentication alone, P-256, short-lived.
//  3. The CA of that desk's own party, and no other, issued it.
//  4. It is in time.
//
// What else the chain has is not looked at: nothing stands between the CA and
// the leaf.
func Check(chain []*x509.Certificate, exchange string, caOf func(party string) *x509.Certificate, now time.Time) (signed.Address, error) {
	if len(chain) == 0 {
		return "", refused("no certificate was shown")
	}
	leaf := chain[0]
	desk, err := checkLeaf(leaf, exchange)
	if err != nil {
		return "", refused("%v", err)
	}
	ca := caOf(desk.Party())
	if ca == nil {
		return "", refused("the register names no CA in force for the party of %s", desk)
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	_, err = leaf.Verify(x509.VerifyOptions{
		Roots:       pool,
		CurrentTime: now,
		KeyUsages:   []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return "", refused("the certificate of %s: %s", desk, reason(err))
	}
	return desk, nil
}

func checkLeaf(leaf *x509.Certificate, exchange string) (signed.Address, error) {
	switch {
	case leaf.IsCA:
		return "", errors.New("the certificate is that of a CA")
	case len(leaf.URIs) != 1:
		return "", errors.New("the certificate does not have exactly one URI SAN")
	case len(leaf.DNSNames)+len(leaf.IPAddresses)+len(leaf.EmailAddresses) != 0:
		return "", errors.New("the certificate has names beside its URI SAN")
	case !slices.Equal(leaf.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}) || len(leaf.UnknownExtKeyUsage) != 0:
		return "", errors.New("the certificate is not for client authentication alone")
	case leaf.KeyUsage != x509.KeyUsageDigitalSignature:
		return "", errors.New("the certificate's key is not for signatures alone")
	case !isP256(leaf):
		return "", errors.New("the certificate's key is not P-256")
	case leaf.NotAfter.Sub(leaf.NotBefore) > maxLifetime:
		return "", errors.New("the certificate lives longer than the profile allows")
	}
	return parseURI(leaf.URIs[0], exchange)
}

// reason puts a failed verification in words of ours: those of crypto/x509
// quote the certificate.
func reason(err error) string {
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch invalid.Reason {
		case x509.Expired:
			return "it is expired or not yet valid"
		case x509.CANotAuthorizedForThisName:
			return "its CA may not issue for this name"
		}
		return "it does not follow the profile"
	}
	return "the CA that the register names for its party did not issue it"
}

func refused(format string, args ...any) error {
	return problem.New(problem.CertificateRefused, format, args...)
}
