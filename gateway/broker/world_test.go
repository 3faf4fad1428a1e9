package broker_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"samband/certs"
	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

const exchangeName = "nordic.example"

var typeInquiry = envelope.TypeRef{Name: "INFO_REQUEST", Version: "1.0", Hash: signed.HashOf("a message type")}

// A world is an exchange with keys held openly, and its broker's folder. Sealed
// parts are random bytes: a broker can't tell.
type world struct {
	testing.TB
	dir        string
	register   *register.Register // as the world entered it
	root       []*signed.PrivateKey
	parties    map[string]*party
	desks      map[signed.Address]*hand
	agreement  signed.Hash
	federation []byte
}

type party struct {
	keys []*signed.PrivateKey
	ca   *x509.Certificate
	key  *ecdsa.PrivateKey
}

// A hand is a desk that a test drives.
type hand struct {
	world    *world
	address  signed.Address
	message  []*signed.PrivateKey
	receipts []*signed.PrivateKey
	opening  string
	cert     tls.Certificate
	client   *api.Client
	mu       sync.Mutex
	audit    signed.Head // as verified from the answers
	registry signed.Head
	sealed   int // bytes of its sealed parts
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newWorld makes an exchange of Sweden and Finland with one desk each, and a
// third party without agreement.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, dir: t.TempDir(), parties: map[string]*party{}, desks: map[signed.Address]*hand{}}
	card, err := broker.Init(w.dir, broker.Setup{Name: exchangeName, Settings: broker.Settings{
		Listen: "127.0.0.1:0", Hosts: []string{"127.0.0.1"}, Metrics: "127.0.0.1:0", JournalBytes: 256 << 20,
	}})
	check(t, err)
	b, err := register.ParseBrokerCard(card)
	check(t, err)
	w.root, err = signed.GenerateKeys("se/root", signed.UseEntry)
	check(t, err)
	federation := &register.Federation{
		Name: exchangeName, Nonce: signed.NewID(), Threshold: 1,
		Founders: []register.Founder{{Party: "se", Keys: signed.PublicKeys(w.root)}},
		Broker:   b.Broker, Policy: register.PolicyLogged,
	}
	w.federation = w.sign(federation.Text(), w.root)
	w.register, err = register.New(w.federation)
	check(t, err)
	check(t, broker.Install(w.dir, w.federation))
	w.root0(func(l register.Link) register.Entry {
		return &register.Catalogue{Link: l, Types: []envelope.TypeRef{typeInquiry}}
	})
	for _, name := range []string{"se", "fi", "no"} {
		w.admit(name)
	}
	for _, address := range []signed.Address{"se.spoc", "fi.spoc", "no.spoc"} {
		w.desk(address)
	}
	w.agree()
	return w
}

func (w *world) sign(text string, keys []*signed.PrivateKey) []byte {
	w.Helper()
	n, err := signed.Sign(text, keys...)
	check(w, err)
	return n.Bytes()
}

func (w *world) link(signer string) register.Link {
	previous, _ := w.register.Previous(signer)
	return register.Link{Exchange: w.register.Exchange(), Previous: previous, Signers: []string{signer}}
}

func (w *world) root0(entry func(register.Link) register.Entry) []byte {
	w.Helper()
	return w.enter(w.sign(entry(w.link("se/root")).Text(), w.root))
}

func (w *world) party(name string, entry func(register.Link) register.Entry) []byte {
	w.Helper()
	return w.enter(w.sign(entry(w.link(name)).Text(), w.parties[name].keys))
}

func (w *world) enter(note []byte) []byte {
	w.Helper()
	_, err := w.register.Append(note)
	check(w, err)
	return note
}

func (w *world) admit(name string) {
	w.Helper()
	keys, err := signed.GenerateKeys(name, signed.UseEntry)
	check(w, err)
	ca, key, err := certs.NewCA(name, exchangeName, time.Now())
	check(w, err)
	w.parties[name] = &party{keys, ca, key}
	w.root0(func(l register.Link) register.Entry {
		return &register.Party{Link: l, Name: name, Title: "Polisen i " + name, Keys: signed.PublicKeys(keys)}
	})
	w.party(name, func(l register.Link) register.Entry { return &register.CA{Link: l, DER: ca.Raw} })
}

func (w *world) desk(address signed.Address) {
	w.Helper()
	h := &hand{world: w, address: address, sealed: 5755, opening: "age1pq1" + signed.EncodeBytes([]byte(address))}
	var err error
	h.message, err = signed.GenerateKeys(string(address), signed.UseMessage)
	check(w, err)
	h.receipts, err = signed.GenerateKeys(string(address), signed.UseConsignment)
	check(w, err)
	key, err := certs.NewKey()
	check(w, err)
	p := w.parties[address.Party()]
	cert, err := certs.IssueDesk(p.ca, p.key, exchangeName, address, &key.PublicKey, time.Now())
	check(w, err)
	h.cert = certs.Pair(cert, key)
	h.audit = signed.Head{Origin: exchangeName + "/audit"}
	w.desks[address] = h
	w.enterDesk(h)
}

func (w *world) enterDesk(h *hand) []byte {
	w.Helper()
	return w.party(h.address.Party(), func(l register.Link) register.Entry {
		return &register.Desk{Link: l, Address: h.address,
			Directory: register.Directory{
				Title: "Yhteyspiste, 国際連絡室", Functions: []register.Function{"spoc"},
				Languages: []string{"sv"}, Hours: "24/7", Telephone: "+46 8 000 00 00",
			},
			DeskKeys: register.DeskKeys{
				Message: signed.PublicKeys(h.message), Consignment: signed.PublicKeys(h.receipts),
				TLS:     signed.HashOf(h.cert.Leaf.RawSubjectPublicKeyInfo),
				Opening: h.opening, Versions: []int64{1},
			},
		}
	})
}

func (w *world) agree() {
	w.Helper()
	now := time.Now()
	note := w.party("fi", func(l register.Link) register.Entry {
		return &register.Agreement{Link: l, Title: "Nordiskt samarbete", Parties: []string{"fi", "se"},
			Types: []string{typeInquiry.Name}, Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.Unclassified,
			From: signed.At(now.Add(-time.Hour)), Until: signed.At(now.AddDate(1, 0, 0))}
	})
	n, err := signed.ParseNote(note)
	check(w, err)
	w.agreement = signed.HashOf(n.Text)
	w.party("se", func(l register.Link) register.Entry { return &register.Accession{Link: l, Agreement: w.agreement} })
}

// A running broker.
type running struct {
	*broker.Broker
	stop func()
}

// start runs the broker and brings its register to the world's.
func (w *world) start(edit ...func(*broker.Config)) *running {
	w.Helper()
	cfg := broker.Config{Dir: w.dir}
	for _, e := range edit {
		e(&cfg)
	}
	b, err := broker.New(cfg)
	check(w, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	r := &running{b, sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-ended, b.Close()); err != nil {
			w.Errorf("the broker ended with %v", err)
		}
	})}
	w.Cleanup(r.stop)
	if b.Started().Stopped == "" {
		w.bringUp(b.Enter, b.Started().Register.Size)
	}
	for _, h := range w.desks {
		h.connect(b.Address())
	}
	return r
}

func (w *world) bringUp(enter func(context.Context, []byte) (*broker.Entered, error), from int64) {
	w.Helper()
	for _, note := range w.register.Entries(from) {
		_, err := enter(context.Background(), note)
		check(w, err)
	}
}

func (h *hand) connect(address string) {
	if h.client != nil {
		h.client.Close()
	}
	client, err := api.New(api.Config{URL: "https://" + address, TLS: certs.ClientConfig(h.world.brokerCA(),
		func() (*tls.Certificate, error) { return &h.cert, nil })})
	check(h.world, err)
	h.client = client
}

func (w *world) brokerCA() *x509.Certificate {
	ca, err := x509.ParseCertificate(w.register.Federation().BrokerCA)
	check(w, err)
	return ca
}

// envelope makes a message that may pass, after edit.
func (h *hand) envelope(to signed.Address, edit ...func(*envelope.Header)) *envelope.Envelope {
	h.world.Helper()
	sealed := make([]byte, h.sealed)
	rand.Read(sealed)
	now := signed.At(time.Now())
	h.mu.Lock()
	audit, registry := h.audit, h.world.register.Head()
	h.mu.Unlock()
	header := envelope.Header{
		Exchange: h.world.register.Exchange(), ID: signed.NewID(), Type: typeInquiry,
		From: h.address, To: to, ToKey: envelope.KeyIDOf(h.world.desks[to].opening),
		Conversation: signed.NewID(), Created: now, Expires: now.Add(24 * time.Hour),
		Agreement: h.world.agreement, Urgency: envelope.Urgent, Classification: envelope.Unclassified,
		AsOfAudit: audit, AsOfRegister: registry,
		Body: signed.HashOf("body"), Statistics: signed.HashOf("statistics"), Sealed: envelope.SealedOf(sealed),
	}
	for _, e := range edit {
		e(&header)
	}
	e, err := envelope.Sign(header, sealed, h.message)
	check(h.world, err)
	return e
}

func (h *hand) heads() api.Heads {
	h.mu.Lock()
	defer h.mu.Unlock()
	return api.Heads{Audit: h.audit.Size, Register: h.registry.Size}
}

// learn verifies what leads from the heads that h knows, and knows more then.
func (h *hand) learn(asked api.Heads, c *api.Catchup) {
	w := h.world
	w.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	head, err := auditlog.VerifyCheckpoint([]byte(c.Audit.Checkpoint), w.register.Federation().Audit)
	check(w, err)
	if asked.Audit == h.audit.Size && head.Size >= h.audit.Size {
		check(w, auditlog.CheckConsistency(h.audit, head, c.Audit.Consistency))
		h.audit = head
	}
	head, err = auditlog.VerifyCheckpoint([]byte(c.Register.Checkpoint), w.register.Federation().Register)
	check(w, err)
	check(w, w.register.CheckHead(head))
	if h.registry.Size < head.Size {
		h.registry = head
	}
}

// prove verifies a proof and returns its record.
func (w *world) prove(proof string) *auditlog.Record {
	w.Helper()
	p, err := auditlog.ParseProof([]byte(proof))
	check(w, err)
	key := w.register.Federation().Audit
	if p.Entry.Record.Tree() == auditlog.Register {
		key = w.register.Federation().Register
	}
	r, _, err := p.Verify(key)
	check(w, err)
	return r
}

func (h *hand) submit(e *envelope.Envelope) (*api.SubmitAnswer, error) {
	heads := h.heads()
	a, err := h.client.Submit(context.Background(), heads, e.Bytes())
	if err == nil {
		h.learn(heads, &a.Catchup)
	}
	return a, err
}

// accepted submits and holds the acceptance against the envelope.
func (h *hand) accepted(e *envelope.Envelope) *api.SubmitAnswer {
	h.world.Helper()
	a, err := h.submit(e)
	check(h.world, err)
	r := h.world.prove(a.Acceptance)
	if r.Kind != envelope.Accepted || r.Message != e.TextHash() || r.ID != e.ID || r.From != e.From || r.To != e.To {
		h.world.Fatalf("the acceptance is %+v", r)
	}
	return a
}

func (h *hand) consignment(message signed.Hash) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &envelope.Statement{Event: envelope.Consigned, Exchange: h.world.register.Exchange(), Signer: h.address, Message: message,
		Time: signed.At(time.Now()), AsOfAudit: h.audit, AsOfRegister: h.world.register.Head()}
	return h.world.sign(c.Text(), h.receipts)
}

func (h *hand) statement(event envelope.Event, e *envelope.Envelope) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &envelope.Statement{Exchange: h.world.register.Exchange(), Signer: h.address, Event: event,
		Message: e.TextHash(), ID: e.ID, Code: problem.BodyInvalid,
		Time: signed.At(time.Now()), AsOfAudit: h.audit, AsOfRegister: h.world.register.Head()}
	return h.world.sign(s.Text(), h.message[:1])
}

func (h *hand) state(note []byte) (*api.StateAnswer, error) {
	heads := h.heads()
	a, err := h.client.State(context.Background(), heads, note)
	if err == nil {
		h.learn(heads, &a.Catchup)
	}
	return a, err
}

func (h *hand) stated(note []byte) *auditlog.Record {
	h.world.Helper()
	a, err := h.state(note)
	check(h.world, err)
	return h.world.prove(a.Proof)
}

func (h *hand) inbox(after api.Cursor, wait time.Duration) *api.InboxAnswer {
	h.world.Helper()
	heads := h.heads()
	a, err := h.client.Inbox(context.Background(), heads, api.Page{After: after, Wait: wait, Limit: 100})
	check(h.world, err)
	h.learn(heads, &a.Catchup)
	return a
}

func (h *hand) progress(after api.Cursor, wait time.Duration) *api.ProgressAnswer {
	h.world.Helper()
	heads := h.heads()
	a, err := h.client.Progress(context.Background(), heads, api.Page{After: after, Wait: wait, Limit: 100})
	check(h.world, err)
	h.learn(heads, &a.Catchup)
	return a
}

// hears reads the sender's progress until it has an event of a message: from
// then on the index has it too, which trails the answers.
func (h *hand) hears(event envelope.Event, e *envelope.Envelope) {
	h.world.Helper()
	for after := api.Cursor(0); ; {
		a := h.progress(after, 20*time.Second)
		if len(a.Items) == 0 {
			h.world.Fatalf("%s never heard that the message is %s", h.address, event)
		}
		for _, i := range a.Items {
			if i.Event == event && i.ID == e.ID {
				return
			}
		}
		after = a.Next
	}
}

// wants asserts the code of a refusal and returns the refusal.
func wants(t testing.TB, err error, code problem.Code) *api.Refusal {
	t.Helper()
	var r *api.Refusal
	if !errors.As(err, &r) || r.Problem.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	return r
}

// checkLogs verifies both logs of a broker that has ended, from files alone.
func (w *world) checkLogs() (audit, registry signed.Head) {
	w.Helper()
	log := filepath.Join(w.dir, "data", "log")
	f := w.register.Federation()
	audit, err := auditlog.VerifyFolder(os.DirFS(filepath.Join(log, "audit")), f.Audit)
	check(w, err)
	registry, err = auditlog.VerifyFolder(os.DirFS(filepath.Join(log, "register")), f.Register)
	check(w, err)
	return audit, registry
}

// untilRemoved waits until the broker has removed its last group from JOURNAL.
func (w *world) untilRemoved(b *running) {
	w.Helper()
	last := b.LastGroup()
	deadline := time.Now().Add(20 * time.Second)
	for b.HasGroup(last) {
		if time.Now().After(deadline) {
			w.Fatalf("group %d stays in JOURNAL", last)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
