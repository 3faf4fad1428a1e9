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

// Who may connect: whoever has the key that the register names for a desk, whatever his
// certificate says beside it, and nobody else gets as far as a request.
func TestConnections(t *testing.T) {
	t.Parallel()
	s := perform(t, borders(), broker.Config{})
	for _, row := range strangers {
		s.act("CERTIFICATE_REFUSED/"+row.name, func() { s.turnedAway(row.show(s)) })
	}
	s.act("CERTIFICATE_REFUSED/no certificate", func() { s.turnedAway(&tls.Certificate{}) })
	s.act("CERTIFICATE_REFUSED/its key was replaced", s.keyReplaced)
	s.act("its key alone counts", s.anyCertificate)
	s.act("DESK_BARRED", s.barred)
	s.act("DESK_BARRED/its party is revoked", s.partyRevoked)
	s.act("OVERSIZE", s.oversize)
	s.act("NOT_FOUND", s.notFound)
	s.act("BUDGET_EXHAUSTED", s.exhausted)
}

var strangers = []stranger{
	{"in a desk's name", func(s *scene) *tls.Certificate { return s.leaf(got(certs.NewKey())(s), "se.spoc") }},
	{"in the name of a desk that nobody entered", func(s *scene) *tls.Certificate { return s.leaf(got(certs.NewKey())(s), "se.nobody") }},
	{"by the key that the broker shows", func(s *scene) *tls.Certificate {
		return s.leaf(got(certs.DecodeKey(got(os.ReadFile(filepath.Join(s.BrokerDir(), "keys", "tls.key")))(s)))(s), "se.spoc")
	}},
	{"of another exchange", func(s *scene) *tls.Certificate {
		return got(s.foreign().KeyedDesks["se.spoc"].Certificate())(s)
	}},
	{"with another curve", func(s *scene) *tls.Certificate {
		return s.leaf(got(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))(s), "se.spoc")
	}},
	{"with a desk's certificate behind its own", func(s *scene) *tls.Certificate {
		own := s.leaf(got(certs.NewKey())(s), "se.spoc")
		own.Certificate = append(own.Certificate, got(s.callers["se.spoc"].Certificate())(s).Certificate...)
		return own
	}},
}

// leaf is a certificate of a key, in any name, that the PKI of an organisation issued and
// that expired long ago.
func (s *scene) leaf(key *ecdsa.PrivateKey, name string) *tls.Certificate {
	s.Helper()
	issuer := got(certs.NewKey())(s)
	pki := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "PKI"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0),
		IsCA: true, BasicConstraintsValid: true,
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"desk.example"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1, 0),
	}
	der := got(x509.CreateCertificate(rand.Reader, c, pki, key.Public(), issuer))(s)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// anyCertificate lets a desk connect by its key, with a certificate that names another desk
// and expired.
func (s *scene) anyCertificate() {
	c := s.desk(s.fresh("se"))
	in, err := s.with(s.leaf(c.TLS, "fi.spoc")).Inbox(s.Context(), c.heads(), api.Ask{Limit: 1})
	if err != nil {
		s.Fatalf("by its own key: %v, %v", in, err)
	}
	_, err = SubmitOne(s.Context(), s.with(s.leaf(c.TLS, "fi.spoc")), c.heads(), c.message("no.spoc").Bytes())
	got(0, err)(s)
}

// partyRevoked bars the desks of a party that the root revokes.
func (s *scene) partyRevoked() {
	dk := s.callers["dk.spoc"]
	for _, p := range s.register.Now().Parties() {
		if p.Name == "dk" {
			got(s.root(s.Founders[0].DraftRevoke(p, signed.Time{})))(s)
		}
	}
	s.follow()
	_, err := s.with(got(dk.Certificate())(s)).Inbox(s.Context(), api.Heads{}, api.Ask{Limit: 1})
	s.refusal(err, problem.DeskBarred)
}

func (s *scene) with(cert *tls.Certificate) *api.Client {
	s.Helper()
	conf := s.callers["se.spoc"].TLSConfig(s.register.Federation())
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	c := got(api.New(api.Config{URL: s.URL(), TLS: conf}))(s)
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

// keyReplaced lets a desk enter new keys: who still has the old one is turned
// away, on the connection that he has too.
func (s *scene) keyReplaced() {
	old := s.desk(s.fresh("se"))
	s.desk(old.Address).newest()
	_, err := old.client.Inbox(s.Context(), old.heads(), api.Ask{Limit: 1})
	s.refusal(err, problem.CertificateRefused)
	s.turnedAway(got(old.Certificate())(s))
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
	_, err = s.with(got(c.Certificate())(s)).Inbox(s.Context(), c.heads(), api.Ask{Limit: 1})
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
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: h.TLSConfig(s.register.Federation())}
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
