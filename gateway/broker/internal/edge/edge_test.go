package edge

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"samband/certs"
	"samband/gateway/api"
	"samband/gateway/broker/internal/quota"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// A desk that asks a service which keeps its contract in the smallest way: what
// is submitted to it is accepted, and lies in the caller's own inbox.
type echo struct {
	mu        sync.Mutex
	envelopes map[signed.Address][][]byte
	heads     api.Heads
	arrived   chan struct{} // closed and made anew at each envelope
	polling   chan struct{} // receives when a poll begins to wait
	fail      error         // what Submit answers instead, when set
	refuse    *problem.Problem
	quota     *quota.Room   // where what it refuses for good is taken from
	hold      chan struct{} // when set, Submit waits until it is closed
	held      chan struct{} // receives when Submit begins to wait

	ringRevoked map[signed.Address]bool // the locked one
}

var _ api.Service = (*echo)(nil)

func newEcho() *echo {
	return &echo{
		envelopes: map[signed.Address][][]byte{}, arrived: make(chan struct{}), polling: make(chan struct{}, 100), held: make(chan struct{}),
	}
}

func (s *echo) failWith(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

// refuseWith makes Submit refuse each envelope that begins with "bad", for good
// where the budget has one left.
func (s *echo) refuseWith(p *problem.Problem) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = p
}

func (s *echo) Submit(_ context.Context, caller signed.Address, heads api.Heads, envelopes [][]byte) (*api.SubmitAnswer, error) {
	s.mu.Lock()
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		s.held <- struct{}{}
		<-hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	a := &api.SubmitAnswer{}
	for _, envelope := range envelopes {
		item := api.SubmitItem{Hash: signed.HashOf(envelope)}
		switch refusal := s.refuse; {
		case bytes.Equal(envelope, []byte("panic")):
			panic(string(envelope))
		case refusal != nil && bytes.HasPrefix(envelope, []byte("bad")):
			var err error = refusal
			if refusal.Class() == problem.Final {
				err = cmp.Or(s.quota.Draft().Refuse(caller, quota.Online), err)
			}
			item.Problem = api.RefusalOf(err).Document()
		default:
			s.heads = heads
			s.deliver(caller, envelope)
			item.Acceptance = "proof for " + string(caller)
		}
		a.Items = append(a.Items, item)
	}
	return a, nil
}

// deliver is called with mu locked.
func (s *echo) deliver(desk signed.Address, envelope []byte) {
	s.envelopes[desk] = append(s.envelopes[desk], envelope)
	close(s.arrived)
	s.arrived = make(chan struct{})
}

func (s *echo) State(_ context.Context, _ signed.Address, _ api.Heads, notes [][]byte) (*api.StateAnswer, error) {
	a := &api.StateAnswer{}
	for _, note := range notes {
		a.Items = append(a.Items, api.StateItem{Hash: signed.HashOf(note), Proof: string(note)})
	}
	return a, nil
}

// Enter answers that each entry is the first.
func (s *echo) Enter(_ context.Context, _ signed.Address, _ api.Heads, entry []byte) (*api.EnterAnswer, error) {
	return &api.EnterAnswer{Items: []api.EnterItem{{Hash: signed.HashOf(entry), Index: 1}}}, nil
}

// Consistency proves whatever is asked by two hashes that name it.
func (s *echo) Consistency(_ context.Context, _ signed.Address, from, to int64) (*api.ConsistencyAnswer, error) {
	return &api.ConsistencyAnswer{Consistency: api.Hashes{signed.HashOf(signed.FormatInt(from)), signed.HashOf(signed.FormatInt(to))}}, nil
}

// Catalogue has the bundle that its program was built with, and no other.
func (s *echo) Catalogue(_ context.Context, _ signed.Address, hash schema.BundleHash) (api.Bundle, error) {
	own := schema.EmbeddedBundle()
	if hash != own.Hash {
		return nil, problem.New(problem.BundleMissing, "no bundle %s", hash)
	}
	return own.Zip, nil
}

func (s *echo) Inbox(ctx context.Context, caller signed.Address, _ api.Heads, ask api.Ask) (*api.InboxAnswer, error) {
	timeout := time.After(ask.Wait)
	for {
		s.mu.Lock()
		mine, arrived := s.envelopes[caller], s.arrived
		s.mu.Unlock()
		a := &api.InboxAnswer{}
		for _, envelope := range mine {
			if !slices.Contains(ask.Held, signed.HashOf(envelope)) && len(a.Items) < ask.Limit {
				a.Items = append(a.Items, api.InboxItem{Envelope: envelope})
			}
		}
		if len(a.Items) > 0 || ask.Wait == 0 {
			return a, nil
		}
		s.polling <- struct{}{}
		select {
		case <-arrived:
		case <-timeout:
			return a, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *echo) Progress(context.Context, signed.Address, api.Heads, api.Page) (*api.ProgressAnswer, error) {
	return &api.ProgressAnswer{}, nil
}

func (s *echo) Show(context.Context, signed.Address, []byte) error { return nil }

// Ring takes a note that is the exporter itself.
func (s *echo) Ring(_ context.Context, caller signed.Address, exporter signed.Hash, note []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ringRevoked[caller] {
		return problem.New(problem.KeyRevoked, "the locked ring of %s is revoked", caller)
	}
	if string(note) != string(exporter[:]) {
		return problem.New(problem.SignatureInvalid, "the note was signed for another connection")
	}
	return nil
}

func (s *echo) Want(_ context.Context, _ signed.Address, _ api.Heads, want api.Want) error {
	return problem.New(problem.UnknownMessage, "no open message has the hash %s", want.Message)
}

func (s *echo) Register(_ context.Context, _ signed.Address, _ api.Heads, from int64, limit, _ int) (*api.RegisterAnswer, error) {
	return &api.RegisterAnswer{Entries: [][]byte{[]byte(signed.FormatInt(from)), []byte(signed.FormatInt(int64(limit)))}}, nil
}

// A bench is an edge on loopback, its parties and what it wrote.
type bench struct {
	t       testing.TB
	edge    *Edge
	service *echo
	url     string
	server  signed.Hash // the edge's TLS key
	metrics *prometheus.Registry
	log     *syncBuffer
	entries atomic.Int64 // of the register

	mu      sync.Mutex
	keys    map[signed.Address]*ecdsa.PrivateKey // that the register names
	barred  map[signed.Address]bool
	told    map[signed.Address]signed.Time // what desks said of their clocks
	summed  map[signed.Address]int64
	sumFail error
	quota   *quota.Room
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, service: newEcho(), quota: quota.New(quota.Defaults, clock()), metrics: prometheus.NewRegistry(), log: &syncBuffer{},
		keys: map[signed.Address]*ecdsa.PrivateKey{}, barred: map[signed.Address]bool{}, summed: map[signed.Address]int64{}, told: map[signed.Address]signed.Time{}}
	for _, desk := range []signed.Address{"se.spoc", "fi.spoc"} {
		b.keys[desk] = must(certs.NewKey())(t)
	}
	key := must(certs.NewKey())(t)
	own := must(certs.Own(key, "broker", certs.Server))(t)
	b.server = must(certs.HashOf(&key.PublicKey))(t)
	b.service.quota = b.quota
	b.edge = New(Config{
		Certificate: func() (*tls.Certificate, error) { return own, nil },
		Identify:    b.identify, Register: b.entries.Load,
		Told: b.isTold, Logged: func() signed.Time { return logged },
		Barred: b.isBarred, Quota: b.quota, Service: b.service, Log: slog.New(slog.NewJSONHandler(b.log, nil)), Metrics: b.metrics,
	})
	ln := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	b.url = "https://" + ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- b.edge.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := b.edge.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return b
}

func (b *bench) identify(chain []*x509.Certificate) (signed.Address, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	shown, err := certs.KeyOf(chain)
	if err != nil {
		return "", err
	}
	for desk, key := range b.keys {
		if named, err := certs.HashOf(&key.PublicKey); err == nil && named == shown {
			return desk, nil
		}
	}
	return "", problem.New(problem.CertificateRefused, "the register names this TLS key for no desk")
}

// logged is the log's time on a bench.
var logged = signed.At(time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC))

func (b *bench) isTold(desk signed.Address, at signed.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told[desk] = at
}

func (b *bench) isBarred(desk signed.Address) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.barred[desk]
}

// clock never goes on: what a test takes from a budget doesn't come back.
func clock() func() time.Duration { return func() time.Duration { return 0 } }

func (b *bench) handOn(ctx context.Context) error { return b.quota.HandOn(ctx, b.refusals) }

func (b *bench) refusals(_ context.Context, desk signed.Address, count int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sumFail != nil {
		return b.sumFail
	}
	b.summed[desk] += count
	return nil
}

// pair is what a desk shows.
func (b *bench) pair(desk signed.Address) *tls.Certificate {
	b.t.Helper()
	return must(certs.Own(b.keys[desk], string(desk), certs.Client))(b.t)
}

// tls is a desk's side of a connection.
func (b *bench) tls(desk signed.Address) *tls.Config {
	b.t.Helper()
	return b.shows(b.pair(desk))
}

// unknown is the side of somebody who says that he is a desk, by a key that the register
// does not name.
func (b *bench) unknown(desk signed.Address) *tls.Config {
	b.t.Helper()
	return b.shows(must(certs.Own(must(certs.NewKey())(b.t), string(desk), certs.Client))(b.t))
}

// shows is the side of whoever shows a certificate.
func (b *bench) shows(pair *tls.Certificate) *tls.Config {
	return certs.ClientConfig(func(key signed.Hash) error {
		if key != b.server {
			return errors.New("another broker")
		}
		return nil
	}, func() (*tls.Certificate, error) { return pair, nil })
}

func (b *bench) clientOf(conf *tls.Config) *api.Client {
	b.t.Helper()
	c := must(api.New(api.Config{URL: b.url, TLS: conf, Timeout: 10 * time.Second}))(b.t)
	b.t.Cleanup(c.Close)
	return c
}

func (b *bench) client(desk signed.Address) *api.Client {
	b.t.Helper()
	return b.clientOf(b.tls(desk))
}

// metric returns the value of a series as it is written, such as
// `samband_edge_tls_failures_total` or `name{desk="se.spoc"}`; 0 when absent.
func (b *bench) metric(name string, labels ...string) float64 {
	b.t.Helper()
	families := must(b.metrics.Gather())(b.t)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	series:
		for _, m := range f.GetMetric() {
			for i, l := range m.GetLabel() {
				if i >= len(labels) || l.GetValue() != labels[i] {
					continue series
				}
			}
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return 0
}

// submit sends one envelope; the error is a refusal of the call or of the envelope.
func submit(c *api.Client, heads api.Heads, envelope []byte) (*api.SubmitItem, error) {
	a, err := c.Submit(context.Background(), heads, [][]byte{envelope})
	if err != nil {
		return nil, err
	}
	return &a.Items[0], a.Items[0].Refusal()
}

func state(c *api.Client, note []byte) (*api.StateItem, error) {
	a, err := c.State(context.Background(), api.Heads{}, [][]byte{note})
	if err != nil {
		return nil, err
	}
	return &a.Items[0], a.Items[0].Refusal()
}

func codeOf(t *testing.T, err error) problem.Code {
	t.Helper()
	p, ok := problem.Of(err)
	if !ok {
		t.Fatalf("%v is not a problem", err)
	}
	return p.Code
}

func TestACallCrossesTheWire(t *testing.T) {
	b := newBench(t)
	c, ctx := b.client("se.spoc"), context.Background()
	a, err := submit(c, api.Heads{Audit: 4711, Register: 12}, []byte("sealed bytes"))
	if err != nil || a.Acceptance != "proof for se.spoc" {
		t.Fatalf("submit: %+v, %v", a, err)
	}
	if b.service.heads != (api.Heads{Audit: 4711, Register: 12}) {
		t.Errorf("the service saw heads %+v", b.service.heads)
	}
	in, err := c.Inbox(ctx, api.Heads{}, api.Ask{Limit: 10})
	if err != nil || len(in.Items) != 1 || string(in.Items[0].Envelope) != "sealed bytes" {
		t.Fatalf("inbox: %+v, %v", in, err)
	}
	if in, err = c.Inbox(ctx, api.Heads{}, api.Ask{Held: api.Held{signed.HashOf("sealed bytes")}, Limit: 10}); err != nil || len(in.Items) != 0 {
		t.Errorf("inbox but for what is held: %+v, %v", in, err)
	}
	if in, err := b.client("fi.spoc").Inbox(ctx, api.Heads{}, api.Ask{Limit: 10}); err != nil || len(in.Items) != 0 {
		t.Errorf("another desk's inbox: %+v, %v", in, err)
	}
	reg, err := c.Register(ctx, api.Heads{}, 7, 9, 0)
	if err != nil || string(reg.Entries[0]) != "7" || string(reg.Entries[1]) != "9" {
		t.Errorf("register: %+v, %v", reg, err)
	}
	if st, err := state(c, []byte("a note")); err != nil || st.Proof != "a note" {
		t.Errorf("state: %+v, %v", st, err)
	}
	cons, err := c.Consistency(ctx, 7, 9)
	if err != nil || !slices.Equal(cons.Consistency, api.Hashes{signed.HashOf("7"), signed.HashOf("9")}) {
		t.Errorf("consistency: %+v, %v", cons, err)
	}
	if _, err := c.Progress(ctx, api.Heads{}, api.Page{}); err != nil {
		t.Errorf("progress: %v", err)
	}
	if err := c.Want(ctx, api.Heads{}, api.Want{}); codeOf(t, err) != problem.UnknownMessage {
		t.Errorf("want: %v", err)
	}
	if n := b.metric("samband_desk_connected", "se.spoc"); n != 2 { // one is for what is large
		t.Errorf("se.spoc has %v connections", n)
	}
	if b.metric("samband_desk_last_seen_timestamp_seconds", "se.spoc") == 0 {
		t.Error("se.spoc was never seen")
	}
	if n := b.metric("samband_http_request_duration_seconds", "2xx", "POST /v1/envelopes"); n != 1 {
		t.Errorf("%v submissions were measured", n)
	}
}

func TestStrangersDoNotConnect(t *testing.T) {
	b := newBench(t)
	for name, conf := range map[string]*tls.Config{
		"no certificate":        b.shows(&tls.Certificate{}),
		"unknown desk":          b.unknown("no.liaison-ankara"),
		"a desk by another key": b.unknown("se.spoc"),
	} {
		t.Run(name, func(t *testing.T) {
			before := b.metric("samband_edge_tls_failures_total")
			for range 5 { // a large request is on its way when the answer comes; the client must see that each time
				_, err := submit(b.clientOf(conf), api.Heads{}, bytes.Repeat([]byte("x"), 1<<20))
				if code := codeOf(t, err); code != problem.CertificateRefused {
					t.Fatalf("code %s", code)
				}
			}
			if b.metric("samband_edge_tls_failures_total") == before {
				t.Error("no failure was counted")
			}
		})
	}
	// Who showed no key is noise; for the others the log has one line each, with the reason.
	if n := strings.Count(b.log.String(), "\n"); n != 2*5 || strings.Count(b.log.String(), "names this TLS key for no desk") != n {
		t.Errorf("the log has %s", b.log.String())
	}
}

func TestOldTLSIsTurnedAway(t *testing.T) {
	b := newBench(t)
	conf := b.tls("se.spoc")
	conf.MinVersion, conf.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if _, err := tls.Dial("tcp", strings.TrimPrefix(b.url, "https://"), conf); err == nil {
		t.Fatal("TLS 1.2 was accepted")
	}
}

// A desk whose online ring was copied gets new keys. Connections of the old ones are worth
// nothing from then on, and the desk comes back with its new one by itself.
func TestAReplacedKeyEndsLiveConnections(t *testing.T) {
	b := newBench(t)
	ctx := context.Background()
	thief := b.client("se.spoc")
	mine := b.pair("se.spoc")
	conf := b.tls("se.spoc")
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return mine, nil }
	desk := b.clientOf(conf)
	for _, c := range []*api.Client{thief, desk} {
		if _, err := c.Progress(ctx, api.Heads{}, api.Page{}); err != nil {
			t.Fatal(err)
		}
	}
	b.mu.Lock()
	b.keys["se.spoc"] = must(certs.NewKey())(t)
	b.mu.Unlock()
	b.entries.Add(1)
	mine = b.pair("se.spoc")
	for _, c := range []*api.Client{thief, desk} {
		if _, err := c.Progress(ctx, api.Heads{}, api.Page{}); codeOf(t, err) != problem.CertificateRefused {
			t.Errorf("by the old key: %v", err)
		}
	}
	if _, err := desk.Progress(ctx, api.Heads{}, api.Page{}); err != nil {
		t.Errorf("by the new key: %v", err)
	}
	if _, err := thief.Progress(ctx, api.Heads{}, api.Page{}); codeOf(t, err) != problem.CertificateRefused {
		t.Errorf("by a new connection with the old key: %v", err)
	}
}

func TestABarredDeskIsStoppedOnALiveConnection(t *testing.T) {
	b := newBench(t)
	c, ctx := b.client("se.spoc"), context.Background()
	if _, err := c.Progress(ctx, api.Heads{}, api.Page{}); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.barred["se.spoc"] = true
	b.mu.Unlock()
	if _, err := c.Progress(ctx, api.Heads{}, api.Page{}); codeOf(t, err) != problem.DeskBarred {
		t.Errorf("after the bar: %v", err)
	}
	polled := make(chan error)
	go func() {
		_, err := b.client("fi.spoc").Inbox(ctx, api.Heads{}, api.Ask{Wait: api.MaxWait, Limit: 1})
		polled <- err
	}()
	<-b.service.polling
	b.mu.Lock()
	b.barred["fi.spoc"] = true
	b.mu.Unlock()
	b.service.mu.Lock()
	b.service.deliver("fi.spoc", []byte("sealed bytes"))
	b.service.mu.Unlock()
	if err := <-polled; codeOf(t, err) != problem.DeskBarred {
		t.Errorf("a poll that began before the bar: %v", err)
	}
	if n := b.metric("samband_message_rejections_total", "DESK_BARRED", "se.spoc"); n != 1 {
		t.Errorf("%v rejections were counted", n)
	}
}

func TestFaultsAreNamedAndKept(t *testing.T) {
	b := newBench(t)
	c := b.client("se.spoc")
	for name, envelope := range map[string]string{"error": "x", "panic": "panic"} {
		t.Run(name, func(t *testing.T) {
			b.service.failWith(nil)
			if name == "error" {
				b.service.failWith(errors.New("open /var/secret: no such file"))
			}
			_, err := submit(c, api.Heads{}, []byte(envelope))
			var refusal *api.Refusal
			if !errors.As(err, &refusal) || refusal.Problem.Code != problem.Internal {
				t.Fatalf("answer: %v", err)
			}
			if strings.Contains(refusal.Problem.Detail, "secret") {
				t.Error("the caller is shown the fault's text")
			}
			if refusal.Request == "" || !strings.Contains(b.log.String(), refusal.Request) {
				t.Errorf("the log does not name request %q", refusal.Request)
			}
		})
	}
}

func TestBudgetTurnsFinalRefusalsIntoRetry(t *testing.T) {
	b := newBench(t)
	c, ctx := b.client("se.spoc"), context.Background()
	b.service.refuseWith(problem.New(problem.NoAgreement, "no agreement carries this"))
	for range quota.Defaults.Refusals {
		if _, err := submit(c, api.Heads{}, []byte("bad")); codeOf(t, err) != problem.NoAgreement {
			t.Fatalf("within the budget: %v", err)
		}
	}
	_, err := submit(c, api.Heads{}, []byte("bad"))
	var refusal *api.Refusal
	if !errors.As(err, &refusal) || refusal.Problem.Code != problem.BudgetExhausted || refusal.RetryAfter == 0 {
		t.Fatalf("beyond the budget: %v", err)
	}
	if _, err := submit(c, api.Heads{}, []byte("good")); err != nil {
		t.Errorf("what may pass waits for the budget: %v", err)
	}
	if _, err := state(c, []byte("a note")); err != nil {
		t.Errorf("a statement within its own budget: %v", err)
	}
	if _, err := submit(b.client("fi.spoc"), api.Heads{}, []byte("bad")); codeOf(t, err) != problem.NoAgreement {
		t.Errorf("another desk: %v", err)
	}
	if n := b.metric("samband_message_rejections_total", "NO_AGREEMENT", "se.spoc"); n != float64(quota.Defaults.Refusals) {
		t.Errorf("%v rejections were counted", n)
	}
	if n := b.metric("samband_message_rejections_total", "BUDGET_EXHAUSTED", "se.spoc"); n != 1 {
		t.Errorf("%v rejections beyond the budget were counted", n)
	}
	b.sumFail = errors.New("the writer is stopped")
	if err := b.handOn(ctx); err == nil {
		t.Error("a failed hand-on is silent")
	}
	b.sumFail = nil
	if err := b.handOn(ctx); err != nil || b.summed["se.spoc"] != 1 || b.summed["fi.spoc"] != 0 {
		t.Errorf("sums handed on: %v, %v", b.summed, err)
	}
	if err := b.handOn(ctx); err != nil || b.summed["se.spoc"] != 1 {
		t.Errorf("sums were handed on twice: %v, %v", b.summed, err)
	}
}

// A call that the edge itself refuses for good takes its budget too.
func TestBudgetOfMalformedCalls(t *testing.T) {
	b := newBench(t)
	c, ctx := b.client("se.spoc"), context.Background()
	for range quota.Defaults.Refusals {
		if _, err := c.Submit(ctx, api.Heads{}, nil); codeOf(t, err) != problem.TextMalformed {
			t.Fatalf("within the budget: %v", err)
		}
	}
	var refusal *api.Refusal
	if _, err := c.Submit(ctx, api.Heads{}, nil); !errors.As(err, &refusal) || refusal.Problem.Code != problem.BudgetExhausted || refusal.RetryAfter == 0 {
		t.Fatalf("beyond the budget: %v", err)
	}
	if _, err := submit(c, api.Heads{}, []byte("good")); err != nil {
		t.Errorf("what may pass waits for the budget: %v", err)
	}
	if err := b.handOn(ctx); err != nil || b.summed["se.spoc"] != quota.Defaults.Refusals+1 {
		t.Errorf("sums handed on: %v, %v", b.summed, err)
	}
}

func TestRetryableRefusalsCostNoBudget(t *testing.T) {
	b := newBench(t)
	c := b.client("se.spoc")
	for _, refuse := range []func(){
		func() { b.service.refuseWith(problem.New(problem.StoreFull, "four fifths are full")) },
		func() { b.service.failWith(problem.New(problem.StoreFull, "four fifths are full")) },
	} {
		refuse()
		for range quota.Defaults.Refusals + 5 {
			if _, err := submit(c, api.Heads{}, []byte("bad")); codeOf(t, err) != problem.StoreFull {
				t.Fatalf("answer: %v", err)
			}
		}
	}
}

func TestLongPollWakesAndEnds(t *testing.T) {
	b := newBench(t)
	c, ctx := b.client("se.spoc"), context.Background()
	type answer struct {
		*api.InboxAnswer
		error
	}
	poll := func(held ...signed.Hash) chan answer {
		got := make(chan answer, 1)
		go func() {
			a, err := c.Inbox(ctx, api.Heads{}, api.Ask{Held: held, Wait: api.MaxWait, Limit: 1})
			got <- answer{a, err}
		}()
		<-b.service.polling
		return got
	}
	first := poll()
	if _, err := submit(c, api.Heads{}, []byte("x")); err != nil {
		t.Fatal(err)
	}
	a := <-first
	if a.error != nil || len(a.Items) != 1 {
		t.Fatalf("woken poll: %+v", a)
	}
	second := poll(signed.HashOf("x"))
	b.edge.endPolls()
	if a := <-second; codeOf(t, a.error) != problem.BrokerBusy {
		t.Errorf("poll of a broker that stops: %+v", a)
	}
}
