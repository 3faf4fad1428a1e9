package certs_test

import (
	"crypto/x509"
	"fmt"
	"time"

	"samband/certs"
)

// Sweden's CA issues a certificate to its own desk; in the name of Finland's desk it
// is refused, since Finland's CA is another.
func Example() {
	const exchange = "nordic.example"
	now := time.Now()
	swedish, key, err := certs.NewCA("se", exchange, now)
	if err != nil {
		panic(err)
	}
	finnish, _, err := certs.NewCA("fi", exchange, now)
	if err != nil {
		panic(err)
	}
	register := map[string]*x509.Certificate{"se": swedish, "fi": finnish}
	caOf := func(party string) *x509.Certificate { return register[party] }

	own, err := certs.NewKey()
	if err != nil {
		panic(err)
	}
	leaf, err := certs.IssueDesk(swedish, key, exchange, "se.spoc", &own.PublicKey, now)
	if err != nil {
		panic(err)
	}
	fmt.Println(certs.Check([]*x509.Certificate{leaf}, exchange, caOf, now))

	leaf, err = certs.IssueDesk(swedish, key, exchange, "fi.spoc", &own.PublicKey, now)
	if err != nil {
		panic(err)
	}
	fmt.Println(certs.Check([]*x509.Certificate{leaf}, exchange, caOf, now))
	// Output:
	// se.spoc <nil>
	//  CERTIFICATE_REFUSED: the certificate of fi.spoc: the CA that the register names for its party did not issue it
}
