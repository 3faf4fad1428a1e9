package certs

import (
	"bytes"
	"crypto/x509"
	"testing"
)

// FuzzParse: what is read of DER from outside is what was written, and no bytes
// make Check fall over.
func FuzzParse(f *testing.F) {
	ca, key, err := NewCA("se", exchange, now)
	if err != nil {
		f.Fatal(err)
	}
	public, err := MarshalPublicKey(&key.PublicKey)
	if err != nil {
		f.Fatal(err)
	}
	leaf, err := IssueDesk(ca, key, exchange, "se.spoc", &key.PublicKey, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(public)
	f.Add(ca.Raw)
	f.Add(leaf.Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		if key, err := ParsePublicKey(der); err == nil {
			if again, err := MarshalPublicKey(key); err != nil || !bytes.Equal(again, der) {
				t.Errorf("a public key of two spellings: %v", err)
			}
		}
		if ca, err := ParsePartyCA(der, exchange); err == nil && !ca.IsCA {
			t.Error("a CA that is none")
		}
		if cert, err := x509.ParseCertificate(der); err == nil {
			desk, err := Check([]*x509.Certificate{cert}, exchange, party{ca: ca}.caOf, now)
			if err == nil && !bytes.Equal(cert.RawTBSCertificate, leaf.RawTBSCertificate) {
				t.Errorf("%s by a certificate that no CA issued", desk)
			}
		}
	})
}
