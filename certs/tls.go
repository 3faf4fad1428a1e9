package certs

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
)

// Pair joins a certificate and its key for crypto/tls.
func Pair(cert *x509.Certificate, key *ecdsa.PrivateKey) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// ServerConfig is a broker's side of a connection: TLS 1.3, and whoever calls is asked
// for a certificate. It is for whoever serves the connection to [Check] what was shown,
// once the handshake is over: before that nobody has proven the key of a certificate.
// No session is resumed, which would bring back a caller that was checked long ago.
// current is asked at each handshake, so that a renewed certificate needs no restart.
func ServerConfig(current func() (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{"h2"},
		ClientAuth:             tls.RequestClientCert,
		SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return current()
		},
	}
}

// ClientConfig is a desk's side: TLS 1.3, its own certificate, and a broker
// whose certificate the broker's CA of the federation file issued for the host
// that was dialled. current is asked at each handshake, so that a renewed
// certificate needs no restart.
func ClientConfig(brokerCA *x509.Certificate, current func() (*tls.Certificate, error)) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(brokerCA)
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		RootCAs:    pool,
		NextProtos: []string{"h2"},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return current()
		},
	}
}
