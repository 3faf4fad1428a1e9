package certs_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"fmt"

	"samband/certs"
	"samband/gateway/signed"
)

// The register names Sweden's key. Whoever shows it is Sweden's desk; a certificate that
// says so of another key is not.
func Example() {
	own, err := certs.NewKey()
	if err != nil {
		panic(err)
	}
	stranger, err := certs.NewKey()
	if err != nil {
		panic(err)
	}
	named, err := certs.HashOf(&own.PublicKey)
	if err != nil {
		panic(err)
	}
	register := map[signed.Hash]signed.Address{named: "se.spoc"}
	for _, key := range []*ecdsa.PrivateKey{own, stranger} {
		shown, err := certs.Own(key, "se.spoc", certs.Client)
		if err != nil {
			panic(err)
		}
		proven, err := certs.KeyOf([]*x509.Certificate{shown.Leaf})
		if err != nil {
			panic(err)
		}
		desk, ok := register[proven]
		fmt.Println(desk, ok)
	}
	// Output:
	// se.spoc true
	//  false
}
