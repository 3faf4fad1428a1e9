package certs

import (
	"bytes"
	"crypto/x509"
	"testing"
)

// FuzzParse: a key that is read of DER from outside is what was written, and no bytes
// make KeyOf fall over.
func FuzzParse(f *testing.F) {
	key, err := NewKey()
	if err != nil {
		f.Fatal(err)
	}
	public, err := MarshalPublicKey(&key.PublicKey)
	if err != nil {
		f.Fatal(err)
	}
	own, err := Own(key, "se.spoc", Client)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(public)
	f.Add(own.Leaf.Raw)
	f.Fuzz(func(t *testing.T, der []byte) {
		if key, err := ParsePublicKey(der); err == nil {
			if again, err := MarshalPublicKey(key); err != nil || !bytes.Equal(again, der) {
				t.Errorf("a public key of two spellings: %v", err)
			}
		}
		if cert, err := x509.ParseCertificate(der); err == nil {
			_, _ = KeyOf([]*x509.Certificate{cert})
		}
		CheckProof(der, "text", make([]byte, ProofBytes))
	})
}
