package certs

import (
	"crypto/tls"

	"samband/gateway/signed"
)

// ServerConfig is a broker's side of a connection: TLS 1.3, and whoever calls is asked
// for a certificate; no CA is named, since some libraries show none then that they made
// themselves. It is for whoever serves the connection to ask [KeyOf] what was shown,
// once the handshake is over: before that nobody has proven the key of a certificate.
// No session is resumed, which would bring back a caller that was checked long ago.
// current is asked at each handshake.
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

// ClientConfig is a desk's side: TLS 1.3, its own certificate, and a broker whose key
// check takes. current is asked at each handshake. What crypto/tls verifies by itself, an
// issuer, dates and a host's name, is not asked: a handshake ends only if the peer has the
// key of the certificate that it shows, and check knows which keys are the broker's.
func ClientConfig(check func(key signed.Hash) error, current func() (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{"h2"},
		InsecureSkipVerify: true, // VerifyConnection checks the key, and nothing else counts
		VerifyConnection: func(state tls.ConnectionState) error {
			key, err := KeyOf(state.PeerCertificates)
			if err != nil {
				return err
			}
			return check(key)
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return current()
		},
	}
}
