package gatewaytest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"samband/certs"
	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A stranger is a certificate that gets nobody in.
type stranger struct {
	name string
	show func(*scene) *tls.Certificate
}

// Who may connect: a desk of the register, by a certificate of its own party's
// CA, and nobody else gets as far as a request.
func TestConnections(t *testing.T) {
	t.Parallel()
	s := perform(t, borders(), broker.Config{})
	for _, row := range strangers {
		s.act("CERTIFICATE_REFUSED/"+row.name, func() { s.turnedAway(row.show(s)) })
	}
	s.act("CERTIFICATE_REFUSED/no certificate", func() { s.turnedAway(&tls.Certificate{}) })
	s.act("CERTIFICATE_REFUSED/its CA was replaced", s.caReplaced)
	s.act("CERTIFICATE_REFUSED/its key was replaced", s.keyReplaced)
	s.act("DESK_BARRED", s.barred)
	s.act("OVERSIZE", s.oversize)
	s.act("NOT_FOUND", s.notFound)
	s.act("BUDGET_EXHAUSTED", s.exhausted)
}

var strangers = []stranger{
	{"of another party's CA", func(s *scene) *tls.Certificate { return s.issued("fi", "se.spoc", time.Now()) }},
	{"of a party that has no such desk", func(s *scene) *tls.Certificate { return s.issued("se", "se.nobody", time.Now()) }},
	{"of a party that nobody admitted", func(s *scene) *tls.Certificate { return s.issued("se", "lv.spoc", time.Now()) }},
	{"expired", func(s *scene) *tls.Certificate { return s.issued("se", "se.spoc", time.Now().AddDate(0, 0, -31)) }},
	{"of tomorrow", func(s *scene) *tls.Certificate { return s.issued("se", "se.spoc", time.Now().AddDate(0, 0, 1)) }},
	{"of another exchange", func(s *scene) *tls.Certificate {
		h := s.foreign().KeyedDesks["se.spoc"]
		pair := certs.Pair(h.Certificate, h.TLS)
		return &pair
	}},
	{"signed by itself", func(s *scene) *tls.Certificate {
		ca, key, err := certs.NewCA("se", s.Plan.Name, time.Now())
		got(ca, err)(s)
		pair := certs.Pair(ca, key)
		return &pair
	}},
	{"with a common name alone", changedLeaf(func(c *x509.Certificate) { c.URIs = nil })},
	{"with a common name alone, and a host's", changedLeaf(func(c *x509.Certificate) { c.URIs, c.DNSNames = nil, []string{"se.spoc"} })},
	{"with two names", changedLeaf(func(c *x509.Certificate) { c.URIs = append(c.URIs, c.URIs[0].JoinPath("..", "se.unit-1")) })},
	{"with a name and a host's", changedLeaf(func(c *x509.Certificate) { c.DNSNames = []string{"desk.example"} })},
	{"of a server", changedLeaf(func(c *x509.Certificate) { c.ExtKeyUsage[0] = x509.ExtKeyUsageServerAuth })},
	{"of a CA", changedLeaf(func(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign })},
	{"for a year", changedLeaf(func(c *x509.Certificate) { c.NotAfter = c.NotAfter.AddDate(1, 0, 0) })},
	{"with another curve", func(s *scene) *tls.Certificate {
		return s.leaf(got(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))(s), func(*x509.Certificate) {})
	}},
	{"of a party that is revoked", func(s *scene) *tls.Certificate {
		dk := s.callers["dk.spoc"]
		text := got(s.Founders[0].DraftRevoke("dk", signed.Time{}))(s)
		got(s.root(text, nil))(s)
		s.follow()
		pair := certs.Pair(dk.Certificate, dk.TLS)
		return &pair
	}},
}

// changedLeaf is a certificate of se.spoc by the right CA, changed.
func changedLeaf(change func(*x509.Certificate)) func(*scene) *tls.Certificate {
	return func(s *scene) *tls.Certificate { return s.leaf(got(certs.NewKey())(s), change) }
}

// issued is a certificate for a desk by the CA of any party.
func (s *scene) issued(party string, desk signed.Address, when time.Time) *tls.Certificate {
	s.Helper()
	key := got(certs.NewKey())(s)
	cert := got(certs.IssueDesk(s.Parties[party].CA.Certificate, s.caKey(party), s.Plan.Name, desk, &key.PublicKey, when))(s)
	pair := certs.Pair(cert, key)
	return &pair
}

func (s *scene) caKey(party string) *ecdsa.PrivateKey {
	s.Helper()
	return got(certs.DecodeKey(got(os.ReadFile(filepath.Join(s.PartyDir(party), "ca", "key")))(s)))(s)
}

// leaf is a certificate of se.spoc such as no CA of ours would issue.
func (s *scene) leaf(key *ecdsa.PrivateKey, change func(*x509.Certificate)) *tls.Certificate {
	s.Helper()
	now := time.Now()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "se.spoc"},
		URIs:      []*url.URL{got(url.Parse(certs.URI(s.Plan.Name, "se.spoc")))(s)},
		NotBefore: now.Add(-time.Minute), NotAfter: now.AddDate(0, 0, 7),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	change(c)
	der := got(x509.CreateCertificate(rand.Reader, c, s.Parties["se"].CA.Certificate, &key.PublicKey, s.caKey("se")))(s)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (s *scene) with(cert *tls.Certificate) *api.Client {
	s.Helper()
	ca := got(certs.ParseCA(s.register.Federation().BrokerCA))(s)
	c := got(api.New(api.Config{URL: s.URL(), TLS: certs.ClientConfig(ca, func() (*tls.Certificate, error) { return cert, nil })}))(s)
	s.Cleanup(c.Close)
	return c
}

func (s *scene) turnedAway(cert *tls.Certificate) {
	s.Helper()
	c := s.with(cert)
	_, err := c.Inbox(s.Context(), api.Heads{}, api.Ask{Limit: 1})
	s.refusal(err, problem.CertificateRefused)
	e := s.callers["se.spoc"].message("fi.spoc")
	_, err = SubmitOne(s.Context(), c, api.Heads{}, e.Bytes())
	s.refusal(err, problem.CertificateRefused)
}

// caReplaced lets a party enter a new CA: the certificates of the old one get
// nobody in any more, and carry nobody further.
func (s *scene) caReplaced() {
	old := s.callers["no.spoc"]
	pair := certs.Pair(old.Certificate, old.TLS)
	ca, _, err := certs.NewCA("no", s.Plan.Name, time.Now())
	got(ca, err)(s)
	renewed := *s.Parties["no"].CA
	renewed.Certificate = ca
	if err := s.Exchange.addEntry(s.Parties["no"].Party.CA(&renewed)); err != nil {
		s.Fatal(err)
	}
	s.follow()
	_, err = old.client.Inbox(s.Context(), old.heads(), api.Ask{Limit: 1})
	s.refusal(err, problem.CertificateRefused)
	s.turnedAway(&pair)
}

// keyReplaced lets a desk enter new keys: who still has the old one is turned
// away, on the connection that he has too.
func (s *scene) keyReplaced() {
	old := s.desk(s.fresh("se"))
	s.desk(old.Address).newest()
	_, err := old.client.Inbox(s.Context(), old.heads(), api.Ask{Limit: 1})
	s.refusal(err, problem.CertificateRefused)
	pair := certs.Pair(old.Certificate, old.TLS)
	s.turnedAway(&pair)
}

// barred revokes an online ring: it acts at once, on a connection that is there
// and on a poll that waits, while the locked ring alone bars nobody.
func (s *scene) barred() {
	c := s.desk(s.fresh("se"))
	s.revoke(c.Address, register.RingLocked)
	c.newest()
	heads := c.heads()
	polled := make(chan error, 1)
	go func() {
		_, err := c.client.Inbox(context.WithoutCancel(s.Context()), heads, api.Ask{Wait: api.MaxWait, Limit: 1})
		polled <- err
	}()
	s.revoke(c.Address, register.RingOnline)
	s.refusal(<-polled, problem.DeskBarred)
	_, err := c.client.Progress(s.Context(), c.heads(), api.Page{Limit: 1})
	s.refusal(err, problem.DeskBarred)
	_, err = SubmitOne(s.Context(), c.client, c.heads(), c.message("fi.spoc").Bytes())
	s.refusal(err, problem.DeskBarred)
	pair := certs.Pair(c.Certificate, c.TLS)
	_, err = s.with(&pair).Inbox(s.Context(), c.heads(), api.Ask{Limit: 1})
	s.refusal(err, problem.DeskBarred)
}

// oversize sends what passes the bounds of each call, with or without a length,
// and of each item.
func (s *scene) oversize() {
	c := s.callers["se.spoc"]
	_, err := c.submit(make([]byte, api.MaxEnvelope+1))
	s.refusal(err, problem.Oversize)
	_, err = c.state(make([]byte, api.MaxStatement+1))
	s.refusal(err, problem.Oversize)
	s.refusal(c.client.Show(s.Context(), make([]byte, api.MaxCheckpoint+1)), problem.Oversize)
	_, err = c.submit(make([]byte, api.MaxSequence))
	s.refusal(err, problem.Oversize)
	endless := io.MultiReader(bytes.NewReader(c.message("fi.spoc").Bytes()), bytes.NewReader(make([]byte, api.MaxSequence)))
	s.asks(http.MethodPost, "/v1/envelopes", api.EnvelopesType, endless, problem.Oversize)
}

func (s *scene) notFound() {
	s.asks(http.MethodGet, "/v1/envelopes", "", nil, problem.NotFound)
	s.asks(http.MethodDelete, "/v1/inbox", "", nil, problem.NotFound)
	s.asks(http.MethodGet, "/metrics", "", nil, problem.NotFound)
	s.asks(http.MethodPost, "/v1/envelopes", api.JSONType, bytes.NewReader([]byte("{}")), problem.TextMalformed)
}

// asks makes a request that no client of ours makes.
func (s *scene) asks(method, path, mediaType string, body io.Reader, code problem.Code) {
	s.Helper()
	h := s.callers["se.spoc"].KeyedDesk
	pair := certs.Pair(h.Certificate, h.TLS)
	ca := got(certs.ParseCA(s.register.Federation().BrokerCA))(s)
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: certs.ClientConfig(ca, func() (*tls.Certificate, error) { return &pair, nil })}
	defer transport.CloseIdleConnections()
	req := got(http.NewRequestWithContext(s.Context(), method, s.URL(), body))(s)
	req.URL.Path = path
	if mediaType != "" {
		req.Header.Set("Content-Type", mediaType)
	}
	resp := got(transport.RoundTrip(req))(s)
	defer resp.Body.Close()
	var d api.Document
	if err := json.NewDecoder(resp.Body).Decode(&d); err != nil {
		s.Fatal(err)
	}
	if d.Code != code || resp.StatusCode != code.Row().Status || resp.Header.Get("Content-Type") != api.ProblemType {
		s.Errorf("%s %s: %d %+v", method, path, resp.StatusCode, d)
	}
}

// exhausted refuses a desk so often that what is refused has to wait. What its locked
// ring says has a budget of its own, and others do not wait.
func (s *scene) exhausted() {
	c := s.desk(s.fresh("se"))
	var err error
	for n := 0; problem.CodeOf(err) != problem.BudgetExhausted; n++ {
		if n > 1000 {
			s.Fatalf("after %d refusals still %v", n, err)
		}
		if _, err = c.submit([]byte("%PDF-1.7")); n == 0 {
			s.refusal(err, problem.TextMalformed)
		}
	}
	r := s.refusal(err, problem.BudgetExhausted)
	if r.RetryAfter == 0 || r.Proof != "" {
		s.Errorf("the refusal is %+v", r)
	}
	c.accepted(c.message("fi.spoc")) // what may pass never waits
	_, err = c.state(c.hands(signed.HashOf("no message")))
	s.refusal(err, problem.UnknownMessage)
	_, err = c.state(c.consigns(signed.HashOf("no message")))
	s.refusal(err, problem.BudgetExhausted)
	other := s.desk(s.fresh("se"))
	other.accepted(other.message("fi.spoc"))
}
