package desk_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"samband/certs"
	"samband/gateway/authority"
	"samband/gateway/desk"
	"samband/gateway/envelope"
	"samband/gateway/register"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/schema"
)

// The exchange of these tests is made as people make one: a founder, parties
// with their authorities, desks with their cards. Making it costs a second, so
// it is made once; each test starts from copies of its folders.

const exchangeName = "nordic.example"

var passphrase = []byte("nine geese over Åland, 1987")

// morning is when the tests begin.
var morning = time.Date(2026, 11, 23, 3, 12, 0, 0, time.UTC)

// A clock that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// An exchange is the keys that its makers hold and the entries that they made.
type exchange struct {
	dir             string
	federation      []byte
	entries         [][]byte // after the federation file, in order
	audit, register *signed.PrivateKey
	agreement       signed.Hash
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var made = sync.OnceValue(func() *exchange {
	x := found(must(os.MkdirTemp("", "samband-desk-test-")), exchangeName)
	for _, party := range []string{"fi", "se"} {
		x.addDesk(x.admit(party))
	}
	x.settle()
	return x
})

// TestMain removes what made left. In the child of TestKilled it serves a desk.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childOf); dir != "" {
		serveChild(dir)
	}
	code := m.Run()
	os.RemoveAll(made().dir)
	os.Exit(code)
}

func found(dir, name string) *exchange {
	x := &exchange{dir: dir}
	key := func(n string) *signed.PrivateKey { return must(signed.GenerateKeys(n, signed.UseCheckpoint))[0] }
	x.audit, x.register = key(name+"/audit"), key(name+"/register")
	operator := key(register.OperatorName(name))
	ca, _, err := certs.NewBrokerCA(name, morning)
	must(0, err)
	broker := &register.BrokerCard{Name: name, Broker: register.Broker{
		Audit: x.audit.Public, Register: x.register.Public, Operator: operator.Public, BrokerCA: ca.Raw,
	}}
	founder := must(authority.CreateFounder(x.folder("se"), "se", nil))
	card := must(register.ParseFounderCard(must(os.ReadFile(filepath.Join(x.folder("se"), "root", "card")))))
	text := must(authority.DraftFederation(name, 1, []*register.FounderCard{card}, broker))
	x.federation = must(founder.Sign(text)).Note
	return x
}

func (x *exchange) folder(party string) string { return filepath.Join(x.dir, "parties", party) }

func (x *exchange) desk(addr signed.Address) string {
	return filepath.Join(x.dir, "desks", string(addr))
}

func (x *exchange) founder() *authority.Founder {
	return must(authority.OpenFounder(x.folder("se"), nil))
}
func (x *exchange) party(name string) *authority.Party {
	return must(authority.OpenParty(x.folder(name), nil))
}

func (x *exchange) enter(note []byte) { x.entries = append(x.entries, note) }

// admit makes a party and its CA.
func (x *exchange) admit(name string) *authority.Party {
	p := must(authority.CreateParty(x.folder(name), name, "Party "+name, nil))
	card := must(register.ParsePartyCard(must(os.ReadFile(filepath.Join(x.folder(name), "authority", "card")))))
	admission := must(x.founder().Sign(must(x.founder().DraftAdmit(card)))).Note
	x.enter(admission)
	must(0, p.Join(x.federation, admission))
	x.enter(must(p.CA(must(authority.CreateCA(x.folder(name), name, nil, morning)))).Note)
	return p
}

// addDesk makes a party's desk, "<party>.spoc".
func (x *exchange) addDesk(p *authority.Party) {
	addr := signed.Address(p.Name + ".spoc")
	setup := desk.Setup{Federation: x.federation, Passphrase: passphrase}
	setup.Address, setup.Broker = addr, "https://broker.nordic.example"
	request := must(desk.Init(x.desk(addr), setup))
	x.enter(must(p.Desk(request, directory)).Note)
	cheapen(filepath.Join(x.desk(addr), "keys", "locked.age"))
}

// cheapen protects a ring anew with less work, or unlocking it would take most
// of these tests' time.
func cheapen(ring string) {
	secret := must(seal.Unprotect(must(os.ReadFile(ring)), passphrase))
	to := must(age.NewScryptRecipient(string(passphrase)))
	to.SetWorkFactor(8)
	var b bytes.Buffer
	w := must(age.Encrypt(&b, to))
	must(w.Write(secret))
	must(0, w.Close())
	must(0, os.WriteFile(ring, b.Bytes(), 0o600))
}

var directory = register.Directory{
	Title: "Yhteyspiste, Kontaktpunkt", Functions: []register.Function{"spoc"},
	Languages: []string{"fi", "sv"}, Hours: "24/7", Telephone: "+358 295 000 000",
}

// settle enters the catalogue and an agreement of all parties.
func (x *exchange) settle() {
	var types []envelope.TypeRef
	var names []string
	for _, t := range schema.Catalogue() {
		types = append(types, envelope.TypeRef{Name: t.Name, Version: t.Version, Hash: t.Hash})
		names = append(names, t.Name)
	}
	x.enter(must(x.founder().Sign(must(x.founder().DraftCatalogue(types)))).Note)
	a := must(x.party("fi").Agreement(register.Agreement{
		Title: "Police cooperation in the North", Parties: []string{"se"}, Types: names,
		Purposes: []string{"INVESTIGATE_CRIME", "PREVENT_CRIME"}, Ceiling: envelope.Unclassified,
		From: signed.At(morning.AddDate(0, -6, 0)), Until: signed.At(morning.AddDate(1, 0, 0)),
	}))
	x.agreement = a.Hash
	x.enter(a.Note)
	x.enter(must(x.party("se").Accede(a.Note)).Note)
}

// A stage is one test's exchange: its own copy of the folders, a broker that the
// test plays, and the desks that it started.
type stage struct {
	t *testing.T
	*exchange
	edge  *edge
	clock *clock
}

func newStage(t *testing.T) *stage {
	t.Helper()
	x := *made()
	x.dir = t.TempDir()
	if err := os.CopyFS(x.dir, os.DirFS(made().dir)); err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, exchange: &x, clock: &clock{t: morning}}
	s.edge = newEdge(t, &x, s.clock)
	return s
}

// open opens a desk without running it.
func (s *stage) open(addr signed.Address) *desk.Desk {
	s.t.Helper()
	return s.openTo(addr, s.edge.as(addr))
}

func (s *stage) openTo(addr signed.Address, b desk.Broker) *desk.Desk {
	s.t.Helper()
	d, err := desk.New(desk.Config{Dir: s.desk(addr), Broker: b, Now: s.clock.now, Retry: time.Millisecond})
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

// start runs a desk until the test ends; stop ends it sooner.
func (s *stage) start(addr signed.Address) (d *desk.Desk, stop func()) {
	s.t.Helper()
	return s.startTo(addr, s.edge.as(addr))
}

// startTo is start with a broker of the test's own.
func (s *stage) startTo(addr signed.Address, b desk.Broker) (d *desk.Desk, stop func()) {
	s.t.Helper()
	d = s.openTo(addr, b)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("%s ran into: %v", addr, err)
		}
		if err := d.Close(); err != nil {
			s.t.Errorf("close %s: %v", addr, err)
		}
	})
	s.t.Cleanup(stop)
	return d, stop
}

func (s *stage) unlocked(addr signed.Address) *desk.Desk {
	s.t.Helper()
	d, _ := s.start(addr)
	s.unlock(d)
	return d
}

func (s *stage) unlock(d *desk.Desk) {
	s.t.Helper()
	if err := d.Unlock(context.Background(), passphrase); err != nil {
		s.t.Fatal(err)
	}
}

// patience bounds every wait; a test that needs it has failed.
const patience = 30 * time.Second

// await looks at each change of the desk until look is true.
func await(t *testing.T, d *desk.Desk, what string, look func() bool) {
	t.Helper()
	late := time.After(patience)
	for {
		changed := d.Changed()
		if look() {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("%s: never %s", d.Address(), what)
		}
	}
}

func outState(t *testing.T, d *desk.Desk, id signed.ID) desk.OutboxItem {
	t.Helper()
	items, err := d.Outbox(context.Background(), desk.Query{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return items[0]
}

func awaitOut(t *testing.T, d *desk.Desk, id signed.ID, state string) {
	t.Helper()
	await(t, d, "sent message "+state, func() bool { return outState(t, d, id).State == state })
}

// awaitIn waits for a received message, whose id both desks share.
func awaitIn(t *testing.T, d *desk.Desk, id signed.ID, state string) {
	t.Helper()
	await(t, d, "received message "+state, func() bool {
		items, err := d.Inbox(context.Background(), desk.Query{ID: id})
		return err == nil && items[0].State == state
	})
}

// awaitEvidence waits until the desk holds evidence of a breach.
func awaitEvidence(t *testing.T, d *desk.Desk, code string) desk.Evidence {
	t.Helper()
	var found desk.Evidence
	await(t, d, "evidence of "+code, func() bool {
		v, err := d.Verify(context.Background(), signed.ID{})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range v.Evidence {
			if string(e.Problem.Code) == code {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

func body(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "schema", "testdata", "case", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func request(t *testing.T) desk.Draft {
	return desk.Draft{
		To: []signed.Address{"fi.spoc"}, Type: "INFO_REQUEST", Urgent: true, Body: body(t, "01-info-request.json"),
		Attachments: []desk.Attachment{{Name: "photo.jpg", MediaType: "image/jpeg", Data: body(t, "photo.jpg")}},
	}
}

func send(t *testing.T, d *desk.Desk, draft desk.Draft) signed.ID {
	t.Helper()
	s, err := d.Send(context.Background(), draft)
	if err != nil {
		t.Fatal(err)
	}
	return s.Messages[0].ID
}
