package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"testing"
	"time"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func hashOf(t *testing.T, key *ecdsa.PrivateKey) signed.Hash {
	t.Helper()
	h, err := HashOf(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A certificate of a program's own is in force by any clock, and names its key.
func TestOwn(t *testing.T) {
	key := newKey(t)
	own, err := Own(key, "se.spoc", Client)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := KeyOf([]*x509.Certificate{own.Leaf}); err != nil || got != hashOf(t, key) {
		t.Errorf("its key: %v, %v", got, err)
	}
	for _, at := range []time.Time{time.Unix(1, 0), time.Now(), time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if at.Before(own.Leaf.NotBefore) || at.After(own.Leaf.NotAfter) {
			t.Errorf("it is not in force at %s", at)
		}
	}
}

// Whatever else a certificate says, its key is what is read: also of one that is expired,
// of a CA, of another name, issued by somebody's PKI. Other kinds of keys are refused.
func TestKeyOf(t *testing.T) {
	key, issuer := newKey(t), newKey(t)
	ca := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "PKI of an organisation"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0), IsCA: true, BasicConstraintsValid: true}
	make := func(template *x509.Certificate, public any) *x509.Certificate {
		der, err := x509.CreateCertificate(rand.Reader, template, ca, public, issuer)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	for what, template := range map[string]*x509.Certificate{
		"expired, of another name": {SerialNumber: big.NewInt(2), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0), DNSNames: []string{"fi.spoc"}},
		"of a CA":                  {SerialNumber: big.NewInt(3), IsCA: true, BasicConstraintsValid: true},
	} {
		if got, err := KeyOf([]*x509.Certificate{make(template, key.Public()), ca}); err != nil || got != hashOf(t, key) {
			t.Errorf("%s: %v, %v", what, got, err)
		}
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for what, chain := range map[string][]*x509.Certificate{
		"none": nil, "P-384": {make(&x509.Certificate{SerialNumber: big.NewInt(4)}, p384.Public())},
	} {
		if _, err := KeyOf(chain); problem.CodeOf(err) != problem.CertificateRefused {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Two sides that know each other's key connect. A server with another key does not get a
// byte; a client that shows a certificate without its key finishes no handshake.
func TestConnections(t *testing.T) {
	client, server, stranger := newKey(t), newKey(t), newKey(t)
	own := func(key *ecdsa.PrivateKey, side Side) *tls.Certificate {
		c, err := Own(key, "somebody", side)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	stolen := own(client, Client)
	stolen.PrivateKey = stranger // the certificate is public, its key is not
	errOther := errors.New("another key than the broker's")
	for what, c := range map[string]struct {
		shown, serves *tls.Certificate
		fails         bool
	}{
		"both right":         {own(client, Client), own(server, Server), false},
		"another's server":   {own(client, Client), own(stranger, Server), true},
		"copied certificate": {stolen, own(server, Server), true},
	} {
		t.Run(what, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer ln.Close()
			served := make(chan error, 1)
			go func() {
				far, err := ln.Accept()
				if err != nil {
					served <- err
					return
				}
				defer far.Close()
				s := tls.Server(far, ServerConfig(func() (*tls.Certificate, error) { return c.serves, nil }))
				if err := s.Handshake(); err != nil {
					served <- err
					return
				}
				got, err := KeyOf(s.ConnectionState().PeerCertificates)
				if err == nil && got != hashOf(t, client) {
					err = errors.New("another key came than the client's")
				}
				s.Write([]byte("x"))
				served <- err
			}()
			conf := ClientConfig(func(key signed.Hash) error {
				if key != hashOf(t, server) {
					return errOther
				}
				return nil
			}, func() (*tls.Certificate, error) { return c.shown, nil })
			near, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			conn := tls.Client(near, conf)
			if err = conn.Handshake(); err == nil {
				_, err = io.ReadFull(conn, make([]byte, 1))
			}
			near.Close()
			if other := <-served; (err != nil || other != nil) != c.fails {
				t.Errorf("client: %v, server: %v", err, other)
			}
			if what == "another's server" && !errors.Is(err, errOther) {
				t.Errorf("the client says %v", err)
			}
		})
	}
}

func TestProofs(t *testing.T) {
	key, other := newKey(t), newKey(t)
	der, err := MarshalPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := Prove(key, "a request")
	if err != nil {
		t.Fatal(err)
	}
	if !CheckProof(der, "a request", proof) {
		t.Error("a proof does not count")
	}
	bent := append([]byte(nil), proof...)
	bent[63] ^= 1
	theirs, err := Prove(other, "a request")
	if err != nil {
		t.Fatal(err)
	}
	for what, bad := range map[string]struct {
		der   []byte
		text  string
		proof []byte
	}{
		"another text": {der, "a requesT", proof}, "a bent proof": {der, "a request", bent},
		"another key": {der, "a request", theirs}, "no key": {der[1:], "a request", proof},
		"short": {der, "a request", proof[:63]}, "zeros": {der, "a request", make([]byte, 64)},
	} {
		if CheckProof(bad.der, bad.text, bad.proof) {
			t.Errorf("%s: it counts", what)
		}
	}
}

func TestFilesRoundTrip(t *testing.T) {
	key := newKey(t)
	own, err := Own(key, "se.spoc", Client)
	if err != nil {
		t.Fatal(err)
	}
	file, err := EncodeKey(key)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := DecodeKey(file); err != nil || !again.Equal(key) {
		t.Errorf("key: %v", err)
	}
	if cert, err := DecodeCertificate(EncodeCertificate(own.Leaf)); err != nil || !cert.Equal(own.Leaf) {
		t.Errorf("certificate: %v", err)
	}
	der, err := MarshalPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParsePublicKey(der); err != nil || !again.Equal(&key.PublicKey) {
		t.Errorf("public key: %v", err)
	}
	for what, bad := range map[string][]byte{
		"nothing": nil, "a certificate": EncodeCertificate(own.Leaf), "two keys": append(file, file...), "cut": file[:len(file)/2],
	} {
		if _, err := DecodeKey(bad); err == nil {
			t.Errorf("%s is read as a key", what)
		}
	}
}
