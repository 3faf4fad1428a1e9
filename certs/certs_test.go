package certs

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"samband/gateway/problem"
)

const exchange = "nordic.example"

var now = time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC)

// A party as its CA sees it.
type party struct {
	ca  *x509.Certificate
	key *ecdsa.PrivateKey
}

func newParty(t *testing.T, name, exchange string) party {
	t.Helper()
	ca, key, err := NewCA(name, exchange, now)
	if err != nil {
		t.Fatal(err)
	}
	return party{ca, key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// leaf signs what no honest CA would.
func (p party) leaf(t *testing.T, edit func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	u, _ := url.Parse(URI(exchange, "se.spoc"))
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{CommonName: "se.spoc"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		URIs:                  []*url.URL{u},
		BasicConstraintsValid: true,
	}
	edit(template)
	der, err := x509.CreateCertificate(rand.Reader, template, p.ca, newKey(t).Public(), p.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestIssuedCertificatePasses(t *testing.T) {
	se := newParty(t, "se", exchange)
	key := newKey(t)
	cert, err := IssueDesk(se.ca, se.key, exchange, "se.spoc", &key.PublicKey, now)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{now, now.Add(Lifetime - time.Second)} {
		addr, err := Check([]*x509.Certificate{cert, se.ca}, exchange, se.caOf, at)
		if err != nil || addr != "se.spoc" {
			t.Errorf("at %s: %q, %v", at, addr, err)
		}
	}
}

func (p party) caOf(name string) *x509.Certificate {
	if name == "se" {
		return p.ca
	}
	return nil
}

func TestCheckRefuses(t *testing.T) {
	se, fi := newParty(t, "se", exchange), newParty(t, "fi", exchange)
	training := newParty(t, "se", "training.example")
	key := newKey(t)
	broker, err := IssueBroker(se.ca, se.key, []string{"broker.example"}, &key.PublicKey, now)
	if err != nil {
		t.Fatal(err)
	}
	stranger := func(string) *x509.Certificate { return nil }

	for name, c := range map[string]struct {
		leaf *x509.Certificate
		caOf func(string) *x509.Certificate
		at   time.Time
		want string
	}{
		"other party's CA": {leaf: fi.leaf(t, func(*x509.Certificate) {}), want: "did not issue it"},
		"party without CA": {leaf: se.leaf(t, func(*x509.Certificate) {}), caOf: stranger, want: "names no CA"},
		"CA of another exchange": {
			leaf: training.leaf(t, func(*x509.Certificate) {}), caOf: training.caOf, want: "may not issue for this name"},
		"two URI SANs": {leaf: se.leaf(t, func(c *x509.Certificate) {
			c.URIs = append(c.URIs, mustURL(t, URI(exchange, "se.ncb")))
		}), want: "exactly one URI SAN"},
		"only CN":            {leaf: se.leaf(t, func(c *x509.Certificate) { c.URIs = nil }), want: "exactly one URI SAN"},
		"DNS name beside it": {leaf: se.leaf(t, func(c *x509.Certificate) { c.DNSNames = []string{"se.spoc"} }), want: "names beside"},
		"address beside it": {leaf: se.leaf(t, func(c *x509.Certificate) {
			c.IPAddresses = []net.IP{net.IPv4(192, 0, 2, 1)}
		}), want: "names beside"},
		"expired":       {leaf: se.leaf(t, func(*x509.Certificate) {}), at: now.Add(25 * time.Hour), want: "expired or not yet valid"},
		"not yet valid": {leaf: se.leaf(t, func(*x509.Certificate) {}), at: now.Add(-2 * time.Hour), want: "expired or not yet valid"},
		"CA expired":    {leaf: se.leaf(t, func(c *x509.Certificate) {}), at: now.Add(caLifetime + time.Hour), want: "expired or not yet valid"},
		"CA's own":      {leaf: se.ca, want: "that of a CA"},
		"leaf marked CA": {leaf: se.leaf(t, func(c *x509.Certificate) {
			c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign
		}), want: "that of a CA"},
		"server's certificate": {leaf: broker, want: "exactly one URI SAN"},
		"for servers": {leaf: se.leaf(t, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}), want: "client authentication alone"},
		"for servers too": {leaf: se.leaf(t, func(c *x509.Certificate) {
			c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		}), want: "client authentication alone"},
		"for anything": {leaf: se.leaf(t, func(c *x509.Certificate) { c.ExtKeyUsage = nil }), want: "client authentication alone"},
		"signs certificates": {leaf: se.leaf(t, func(c *x509.Certificate) {
			c.KeyUsage |= x509.KeyUsageKeyEncipherment
		}), want: "signatures alone"},
		"lives a year": {leaf: se.leaf(t, func(c *x509.Certificate) { c.NotAfter = now.AddDate(1, 0, 0) }), want: "lives longer"},
		"not an address": {leaf: se.leaf(t, func(c *x509.Certificate) {
			c.URIs = []*url.URL{mustURL(t, "samband://nordic.example/spoc")}
		}), want: "URI SAN is not"},
		"other exchange's URI": {leaf: se.leaf(t, func(c *x509.Certificate) {
			c.URIs = []*url.URL{mustURL(t, URI("training.example", "se.spoc"))}
		}), want: "URI SAN is not"},
		"other scheme": {leaf: se.leaf(t, func(c *x509.Certificate) {
			c.URIs = []*url.URL{mustURL(t, "https://nordic.example/se.spoc")}
		}), want: "URI SAN is not"},
		"path beyond the address": {leaf: se.leaf(t, func(c *x509.Certificate) {
			c.URIs = []*url.URL{mustURL(t, "samband://nordic.example/se.spoc?as=fi.spoc")}
		}), want: "URI SAN is not"},
		"address escaped": {leaf: se.leaf(t, func(c *x509.Certificate) {
			c.URIs = []*url.URL{mustURL(t, "samband://nordic.example/%73e.spoc")}
		}), want: "URI SAN is not"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.caOf == nil {
				c.caOf = se.caOf
			}
			if c.at.IsZero() {
				c.at = now
			}
			addr, err := Check([]*x509.Certificate{c.leaf}, exchange, c.caOf, c.at)
			if problem.CodeOf(err) != problem.CertificateRefused || !strings.Contains(err.Error(), c.want) || addr != "" {
				t.Errorf("got %q, %v; want CERTIFICATE_REFUSED with %q", addr, err, c.want)
			}
		})
	}
	if _, err := Check(nil, exchange, se.caOf, now); problem.CodeOf(err) != problem.CertificateRefused {
		t.Errorf("no certificate: %v", err)
	}
}

func TestParseCARefuses(t *testing.T) {
	se, fi := newParty(t, "se", exchange), newParty(t, "fi", exchange)
	forge := func(edit func(*x509.Certificate), parent *x509.Certificate, key, own *ecdsa.PrivateKey) []byte {
		template := *se.ca
		template.PublicKey = own.Public()
		template.SignatureAlgorithm = x509.UnknownSignatureAlgorithm
		edit(&template)
		if parent == nil {
			parent = &template
		}
		der, err := x509.CreateCertificate(rand.Reader, &template, parent, own.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, der := range map[string][]byte{
		"garbage":         []byte("samband"),
		"oversize":        bytes.Repeat([]byte{0x30}, MaxCA+1),
		"a leaf":          se.leaf(t, func(*x509.Certificate) {}).Raw,
		"deeper path":     forge(func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 1, false }, nil, se.key, se.key),
		"more usages":     forge(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCRLSign }, nil, se.key, se.key),
		"signed by other": forge(func(*x509.Certificate) {}, fi.ca, fi.key, se.key),
		"P-384":           forge(func(*x509.Certificate) {}, nil, p384, p384),
		"no confinement":  forge(func(c *x509.Certificate) { c.PermittedURIDomains = nil }, nil, se.key, se.key),
		"other exchange":  newParty(t, "se", "training.example").ca.Raw,
	} {
		if _, err := ParsePartyCA(der, exchange); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := ParsePartyCA(se.ca.Raw, exchange); err != nil {
		t.Errorf("the CA itself: %v", err)
	}
}

func TestFilesRoundTrip(t *testing.T) {
	se := newParty(t, "se", exchange)
	file, err := EncodeKey(se.key)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := DecodeKey(file); err != nil || !key.Equal(se.key) {
		t.Errorf("key: %v", err)
	}
	if cert, err := DecodeCertificate(EncodeCertificate(se.ca)); err != nil || !cert.Equal(se.ca) {
		t.Errorf("certificate: %v", err)
	}
	der, err := MarshalPublicKey(&se.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	if public, err := ParsePublicKey(der); err != nil || !public.Equal(&se.key.PublicKey) {
		t.Errorf("public key: %v", err)
	}
	if _, err := DecodeKey(EncodeCertificate(se.ca)); err == nil {
		t.Error("a certificate passed as a key")
	}
	if _, err := DecodeKey(append(file, file...)); err == nil {
		t.Error("two keys in one file passed")
	}
	if _, err := ParsePublicKey(append(der, 0)); err == nil {
		t.Error("bytes after a public key passed")
	}
}

// TestHandshake lets both configurations meet over a pipe.
func TestHandshake(t *testing.T) {
	se, fi := newParty(t, "se", exchange), newParty(t, "fi", exchange)
	clock := time.Now()
	brokerCA, brokerKey, err := NewBrokerCA(exchange, clock)
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	server, err := IssueBroker(brokerCA, brokerKey, []string{"broker.example", "127.0.0.1"}, &key.PublicKey, clock)
	if err != nil {
		t.Fatal(err)
	}
	desk := func(p party) *tls.Certificate {
		cert, err := IssueDesk(p.ca, p.key, exchange, "se.spoc", &key.PublicKey, clock)
		if err != nil {
			t.Fatal(err)
		}
		pair := Pair(cert, key)
		return &pair
	}
	for name, c := range map[string]struct {
		ca   *x509.Certificate
		desk *tls.Certificate
		host string
		ok   bool
	}{
		"as it should be":  {brokerCA, desk(se), "broker.example", true},
		"other broker":     {fi.ca, desk(se), "broker.example", false},
		"other host":       {brokerCA, desk(se), "elsewhere.example", false},
		"other party's CA": {brokerCA, desk(fi), "broker.example", false},
		"no certificate":   {brokerCA, &tls.Certificate{}, "broker.example", false},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := net.Pipe()
			defer a.Close()
			pair := Pair(server, key)
			broker := tls.Server(a, ServerConfig(func() (*tls.Certificate, error) { return &pair, nil }))
			result := make(chan error, 1)
			go func() {
				defer a.Close()
				err := broker.Handshake()
				if err == nil {
					_, err = Check(broker.ConnectionState().PeerCertificates, exchange, se.caOf, clock)
				}
				result <- err
			}()
			config := ClientConfig(c.ca, func() (*tls.Certificate, error) { return c.desk, nil })
			config.ServerName = c.host
			client := tls.Client(b, config)
			err := client.Handshake()
			b.Close()
			if err2 := <-result; (err == nil && err2 == nil) != c.ok {
				t.Errorf("client: %v; server: %v", err, err2)
			}
		})
	}
}
