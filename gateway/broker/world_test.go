package broker_test

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// madeIn is a folder of TestMain's.
var madeIn string

// made is the exchange of these tests: Sweden and Finland with one desk each, and
// Norway without agreement. It is made once; each test has a copy.
var made = sync.OnceValues(func() (*gatewaytest.Exchange, error) {
	plan := gatewaytest.Plan{Name: "nordic.example", Founders: []string{"se"}, Threshold: 1}
	for _, party := range []string{"se", "fi", "no"} {
		plan.Parties = append(plan.Parties, gatewaytest.Party{Name: party, Title: "Polisen i " + party, Desks: []gatewaytest.Desk{
			{Address: signed.Address(party + ".spoc"), Directory: directory, Keyed: true},
		}})
	}
	plan.Agreements = []gatewaytest.Agreement{{
		Title: "Nordiskt samarbete", Parties: []string{"fi", "se"}, Types: []string{"INFO_REQUEST"},
		Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.Unclassified, Lasts: 366 * 24 * time.Hour,
	}}
	return gatewaytest.Make(filepath.Join(madeIn, "exchange"), plan)
})

var directory = register.Directory{
	Title: "Yhteyspiste, 国際連絡室", Functions: []register.Function{"spoc"},
	Languages: []string{"sv"}, Hours: "24/7", Telephone: "+46 8 000 00 00",
}

// A world is one test's exchange, its broker's folder, and its desks, driven by
// hand. Sealed parts are random bytes: a broker can't tell.
type world struct {
	testing.TB
	*gatewaytest.Exchange
	dir       string             // the broker's
	register  *register.Register // as the world entered it
	desks     map[signed.Address]*keyedDesk
	agreement signed.Hash
}

// A keyedDesk is a desk that a test drives.
type keyedDesk struct {
	*gatewaytest.KeyedDesk
	world        *world
	client       *api.Client
	mu           sync.Mutex
	audit        signed.Head // as verified from the answers
	registerHead signed.Head
	sealed       int // bytes of its sealed parts
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	origin, err := made()
	check(t, err)
	x, err := origin.Copy(t.TempDir())
	check(t, err)
	w := &world{TB: t, Exchange: x, dir: x.BrokerDir(), desks: map[signed.Address]*keyedDesk{}}
	check(t, broker.WriteSettings(w.dir, broker.Settings{
		Listen: "127.0.0.1:0", Metrics: "127.0.0.1:0", JournalBytes: 256 << 20, ReserveBytes: broker.MinReserve,
	}))
	w.register, err = register.Replay(append([][]byte{x.Federation()}, x.Entries...))
	check(t, err)
	w.agreement = w.register.Now().AgreementsBetween("fi", "se", signed.At(time.Now()))[0].Hash()
	for address, h := range x.KeyedDesks {
		w.desks[address] = &keyedDesk{KeyedDesk: h, world: w, sealed: 5755,
			audit: (&auditlog.Range{}).Head(w.register.Federation().Audit.Name)}
	}
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

// party signs an entry of a party, and the world's register has it.
func (w *world) party(name string, entry func(register.Link) register.Entry) []byte {
	w.Helper()
	keys, err := w.PartyKeys(name)
	check(w, err)
	return w.enter(w.sign(entry(w.link(name)).Text(), keys))
}

func (w *world) enter(note []byte) []byte {
	w.Helper()
	_, err := w.register.Append(note)
	check(w, err)
	return note
}

// enterDesk enters a desk's keys, whatever they are.
func (w *world) enterDesk(h *keyedDesk) []byte {
	w.Helper()
	return w.party(h.Address.Party(), h.entry)
}

// entry is what a party signs of a desk.
func (h *keyedDesk) entry(l register.Link) register.Entry {
	request, err := h.Request()
	check(h.world, err)
	d, err := register.NewDesk(l, directory, signed.Time{}, request)
	check(h.world, err)
	return d
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

func (h *keyedDesk) connect(address string) {
	if h.client != nil {
		h.client.Close()
	}
	client, err := h.Client("https://"+address, h.world.register.Federation())
	check(h.world, err)
	h.client = client
}

// rings names rings of a desk that are in force, in the order of a revocation's lines.
func (w *world) rings(desk signed.Address, rings ...register.Ring) (named []register.RingHash) {
	w.Helper()
	d, ok := w.register.Now().Desk(desk)
	if !ok {
		w.Fatalf("%s is no desk", desk)
	}
	for _, r := range rings {
		named = append(named, d.RingHash(r))
	}
	return named
}

// envelope makes a message that may pass, after edit.
func (h *keyedDesk) envelope(to signed.Address, edit ...func(*envelope.Header)) *envelope.Envelope {
	h.world.Helper()
	sealed := make([]byte, h.sealed)
	rand.Read(sealed)
	h.mu.Lock()
	audit := h.audit
	h.mu.Unlock()
	header, err := h.Header(h.world.register.Now(), audit, to, "INFO_REQUEST", time.Now())
	check(h.world, err)
	header.Expires, header.Urgency, header.Agreement = header.Created.Add(24*time.Hour), envelope.Urgent, h.world.agreement
	header.Body, header.Statistics, header.Sealed = signed.HashOf("body"), signed.HashOf("statistics"), envelope.SealedOf(sealed)
	for _, e := range edit {
		e(header)
	}
	e, err := envelope.Sign(*header, sealed, h.Message)
	check(h.world, err)
	return e
}

func (h *keyedDesk) heads() api.Heads {
	h.mu.Lock()
	defer h.mu.Unlock()
	return api.Heads{Audit: h.audit.Size, Register: h.registerHead.Size}
}

// learn verifies what leads from the heads that h knows, and knows more then.
func (h *keyedDesk) learn(asked api.Heads, c *api.Catchup) {
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
	if h.registerHead.Size < head.Size {
		h.registerHead = head
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

func (h *keyedDesk) submit(e *envelope.Envelope) (*gatewaytest.Submitted, error) {
	heads := h.heads()
	a, err := gatewaytest.SubmitOne(context.Background(), h.client, heads, e.Bytes())
	if err == nil {
		h.learn(heads, &a.Catchup)
	}
	return a, err
}

// accepted submits, and verifies the acceptance for the envelope.
func (h *keyedDesk) accepted(e *envelope.Envelope) *gatewaytest.Submitted {
	h.world.Helper()
	a, err := h.submit(e)
	check(h.world, err)
	r := h.world.prove(a.Acceptance)
	if r.Kind != envelope.Accepted || r.Message != e.TextHash() || r.ID != e.ID || r.From != e.From || r.To != e.To {
		h.world.Fatalf("the acceptance is %+v", r)
	}
	return a
}

func (h *keyedDesk) consignment(message signed.Hash) []byte {
	h.world.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	note, err := h.Consign(message, h.audit, h.world.register.Head(), time.Now())
	check(h.world, err)
	return note
}

func (h *keyedDesk) statement(event envelope.Event, e *envelope.Envelope) []byte {
	h.world.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	note, err := h.State(envelope.Statement{Event: event, Message: e.TextHash(), ID: e.ID, Code: problem.BodyInvalid},
		h.audit, h.world.register.Head(), time.Now())
	check(h.world, err)
	return note
}

func (h *keyedDesk) state(note []byte) (*gatewaytest.Stated, error) {
	heads := h.heads()
	a, err := gatewaytest.StateOne(context.Background(), h.client, heads, note)
	if err == nil {
		h.learn(heads, &a.Catchup)
	}
	return a, err
}

func (h *keyedDesk) stated(note []byte) *auditlog.Record {
	h.world.Helper()
	a, err := h.state(note)
	check(h.world, err)
	return h.world.prove(a.Proof)
}

func (h *keyedDesk) inbox(wait time.Duration, held ...signed.Hash) *api.InboxAnswer {
	h.world.Helper()
	heads := h.heads()
	a, err := h.client.Inbox(context.Background(), heads, api.Ask{Held: held, Wait: wait, Limit: 100})
	check(h.world, err)
	h.learn(heads, &a.Catchup)
	return a
}

func (h *keyedDesk) progress(after api.Cursor, wait time.Duration) *api.ProgressAnswer {
	h.world.Helper()
	heads := h.heads()
	a, err := h.client.Progress(context.Background(), heads, api.Page{After: after, Wait: wait, Limit: 100})
	check(h.world, err)
	h.learn(heads, &a.Catchup)
	return a
}

// hears reads the sender's progress until it has an event of a message: from
// then on the index has it too, which trails the answers.
func (h *keyedDesk) hears(event envelope.Event, e *envelope.Envelope) {
	h.world.Helper()
	for after := api.Cursor(0); ; {
		a := h.progress(after, 20*time.Second)
		if len(a.Items) == 0 {
			h.world.Fatalf("%s never heard that the message is %s", h.Address, event)
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
	w.untilGone(b, b.LastGroup())
}

// untilGone waits until a group is gone from JOURNAL.
func (w *world) untilGone(b *running, group uint64) {
	w.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for b.HasGroup(group) {
		if time.Now().After(deadline) {
			w.Fatalf("group %d stays in JOURNAL", group)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
