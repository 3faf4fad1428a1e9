package desk_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/authority"
	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// The exchange of these tests is Finland and Sweden, a desk each. It is made once;
// each test starts from a copy. Its broker is the true one (newStage), or one that
// the test plays and that lies (newLie).

var passphrase = []byte(gatewaytest.Passphrase)

// morning is when the tests begin: today, for certificates go by the true time.
var morning = time.Now().UTC().Truncate(time.Second)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var directory = register.Directory{
	Title: "Yhteyspiste, Kontaktpunkt", Functions: []register.Function{"spoc"},
	Languages: []string{"fi", "sv"}, Hours: "24/7", Telephone: "+358 295 000 000",
}

// madeIn is a folder of TestMain's.
var madeIn string

var made = sync.OnceValue(func() *gatewaytest.Exchange {
	plan := gatewaytest.Plan{Name: "nordic.example", Founders: []string{"se"}, Threshold: 1}
	for _, party := range []string{"fi", "se"} {
		plan.Parties = append(plan.Parties, gatewaytest.Party{Name: party, Title: "Party " + party, Desks: []gatewaytest.Desk{
			{Address: signed.Address(party + ".spoc"), Directory: directory},
		}})
	}
	plan.Agreements = []gatewaytest.Agreement{{
		Title: "Police cooperation in the North", Parties: []string{"fi", "se"}, Types: typeNames(),
		Purposes: []string{"INVESTIGATE_CRIME", "PREVENT_CRIME"}, Ceiling: envelope.Unclassified, Lasts: 366 * 24 * time.Hour,
	}}
	return must(gatewaytest.Make(filepath.Join(madeIn, "exchange"), plan))
})

func typeNames() (names []string) {
	for _, t := range schema.Embedded().Types() {
		names = append(names, t.Name)
	}
	return names
}

// TestMain removes what made left. In the child of a test of kills it serves a desk.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childOf); dir != "" {
		if word := os.Getenv(childDies); word != "" {
			serveMortal(dir, word)
		}
		serveChild(dir)
	}
	madeIn = must(os.MkdirTemp("", "samband-desk-test-"))
	code := m.Run()
	os.RemoveAll(madeIn)
	os.Exit(code)
}

// A stage is one test's exchange: its own copy of the folders, a broker, and the
// desks that it started.
type stage struct {
	t *testing.T
	*gatewaytest.Running
	clock    *gatewaytest.Clock
	register *register.Register // as the test entered it
	cables   map[signed.Address]*gatewaytest.Cable
	edge     *edge // nil if the broker is the true one
}

// newStage is a stage with the true broker.
func newStage(t *testing.T) *stage {
	t.Helper()
	s := still(t)
	s.cables = map[signed.Address]*gatewaytest.Cable{}
	for _, desk := range []signed.Address{"fi.spoc", "se.spoc"} {
		c := must(s.Cable(desk))
		t.Cleanup(func() { must(0, c.Close()) })
		s.cables[desk] = c
	}
	must(0, s.StartBroker(broker.Config{Clock: s.clock}))
	must(0, s.EnterAll(ctx))
	return s
}

// still is a stage in which nothing runs.
func still(t *testing.T) *stage { return stillOf(t, made()) }

func stillOf(t *testing.T, made *gatewaytest.Exchange) *stage {
	t.Helper()
	x := must(made.Copy(t.TempDir()))
	s := &stage{t: t, Running: x.Still(ctx), clock: gatewaytest.NewClock(morning)}
	s.register = must(register.Replay(append([][]byte{x.Federation()}, x.Entries...)))
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *stage) desk(addr signed.Address) string { return s.DeskDir(addr) }

func (s *stage) party(name string) *authority.Party { return s.Parties[name] }

// enter brings an entry into the register.
func (s *stage) enter(stored *authority.StoredEntry, err error) {
	s.t.Helper()
	must(0, err)
	s.enterNote(stored.Note)
}

func (s *stage) enterNote(note []byte) {
	s.t.Helper()
	if s.edge != nil {
		s.edge.enter(note)
		return
	}
	must(must(broker.NewClient(s.BrokerDir())).Enter(ctx, note))
	must(s.register.Append(note))
}

// cut cuts a desk off from the broker until it is mended.
func (s *stage) cut(addr signed.Address)  { s.cables[addr].Cut() }
func (s *stage) mend(addr signed.Address) { s.cables[addr].Mend() }

func (s *stage) conf(b desk.Broker) desk.Config {
	return desk.Config{Broker: b, Now: s.clock.Wall, Retry: time.Millisecond}
}

// broker is what a desk speaks to; nil is the one that its settings name.
func (s *stage) broker(addr signed.Address) desk.Broker {
	if s.edge != nil {
		return s.edge.as(addr)
	}
	return nil
}

// open opens a desk without running it.
func (s *stage) open(addr signed.Address) *desk.Desk {
	s.t.Helper()
	return must(s.OpenDesk(addr, s.conf(s.broker(addr))))
}

// start runs a desk until the test ends; stop ends it sooner.
func (s *stage) start(addr signed.Address) (d *desk.Desk, stop func()) {
	s.t.Helper()
	return s.startTo(addr, s.broker(addr))
}

// startTo is start with a broker of the test's own.
func (s *stage) startTo(addr signed.Address, b desk.Broker) (d *desk.Desk, stop func()) {
	s.t.Helper()
	d = must(s.StartDesk(addr, s.conf(b)))
	return d, func() {
		if err := s.StopDesk(d); err != nil {
			s.t.Errorf("%s ran into: %v", addr, err)
		}
	}
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

// ready waits until a desk knows that it is in the register.
func (s *stage) ready(d *desk.Desk) {
	s.t.Helper()
	await(s.t, d, "at the exchange", func() bool {
		st, err := d.Status(context.Background())
		return err == nil && st.Registered
	})
}

// rings opens a desk's rings as a thief who also knows the passphrase could.
func (s *stage) rings(addr signed.Address) (*keys.Online, *keys.Locked) {
	s.t.Helper()
	dir := filepath.Join(s.desk(addr), "keys")
	return must(keys.OpenOnline(dir)), must(keys.Unlock(dir, passphrase))
}

// A thief speaks to the true broker with a desk's own keys: what a desk would
// never say, said properly.
type thief struct {
	*gatewaytest.KeyedDesk
	s      *stage
	client *api.Client
	audit  signed.Head // claims to know nothing of the log
}

func (s *stage) thief(addr signed.Address) *thief {
	s.t.Helper()
	online, locked := s.rings(addr)
	h := &gatewaytest.KeyedDesk{Address: addr, Exchange: s.register.Exchange(),
		Message: locked.Message, Consignment: online.Receipts, TLS: online.TLS}
	f := s.register.Federation()
	c := must(h.Client(s.URL(), f))
	s.t.Cleanup(c.Close)
	return &thief{h, s, c, (&auditlog.Range{}).Head(f.Audit.Name)}
}

// message signs a message to a desk over bytes that nobody can open, and submits
// it.
func (h *thief) message(to signed.Address, typ string, edit func(*envelope.Header)) signed.ID {
	h.s.t.Helper()
	header := must(h.Header(h.s.register.Now(), h.audit, to, typ, h.s.clock.Wall()))
	edit(header)
	e := must(h.Sign(*header, []byte("not an age file")))
	must(gatewaytest.SubmitOne(ctx, h.client, api.Heads{Register: h.s.register.Size()}, e.Bytes()))
	return header.ID
}

// refused is message, and what the broker refuses it for.
func (h *thief) refused(to signed.Address, typ string, edit func(*envelope.Header)) error {
	h.s.t.Helper()
	header := must(h.Header(h.s.register.Now(), h.audit, to, typ, h.s.clock.Wall()))
	edit(header)
	e := must(h.Sign(*header, []byte("not an age file")))
	_, err := gatewaytest.SubmitOne(ctx, h.client, api.Heads{Register: h.s.register.Size()}, e.Bytes())
	return err
}

func (h *thief) state(said envelope.Statement) {
	h.s.t.Helper()
	note := must(h.State(said, h.audit, h.s.register.Head(), h.s.clock.Wall()))
	must(gatewaytest.StateOne(ctx, h.client, api.Heads{Register: h.s.register.Size()}, note))
}

// inbox is what the broker gives to who reads from the beginning.
func (h *thief) inbox() *api.InboxAnswer {
	h.s.t.Helper()
	return must(h.client.Inbox(ctx, api.Heads{Register: h.s.register.Size()}, api.Ask{Limit: api.MaxLimit}))
}

// patience bounds every wait; a test that needs it has failed.
const patience = 30 * time.Second

// await looks at each change of the desk until look is true.
func await(t *testing.T, d *desk.Desk, what string, look func() bool) {
	t.Helper()
	err := gatewaytest.Await(ctx, d, patience, func() (bool, error) { return look(), nil })
	if err != nil {
		t.Fatalf("%s: never %s", d.Address(), what)
	}
}

func outState(t *testing.T, d *desk.Desk, id signed.ID) client.OutboxItem {
	t.Helper()
	items, err := d.Outbox(context.Background(), client.Query{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	return items[0]
}

func awaitOut(t *testing.T, d *desk.Desk, id signed.ID, state client.State) {
	t.Helper()
	await(t, d, "sent message "+string(state), func() bool { return outState(t, d, id).State == state })
}

// awaitIn waits for a received message, whose id both desks share.
func awaitIn(t *testing.T, d *desk.Desk, id signed.ID, state client.State) {
	t.Helper()
	await(t, d, "received message "+string(state), func() bool {
		items, err := d.Inbox(context.Background(), client.Query{ID: id})
		return err == nil && items[0].State == state
	})
}

// awaitEvidence waits until the desk has evidence of a breach.
func awaitEvidence(t *testing.T, d *desk.Desk, code string) client.Evidence {
	t.Helper()
	var found client.Evidence
	await(t, d, "evidence of "+code, func() bool {
		v, err := d.Verify(context.Background(), client.Ref{})
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

func request(t *testing.T) client.Draft {
	return client.Draft{
		To: []signed.Address{"fi.spoc"}, Type: "INFO_REQUEST", Urgent: true, Body: body(t, "01-info-request.json"),
		Attachments: []client.Attachment{{Name: "photo.jpg", MediaType: "image/jpeg", Data: body(t, "photo.jpg")}},
	}
}

func send(t *testing.T, d *desk.Desk, draft client.Draft) signed.ID {
	t.Helper()
	s, err := d.Send(context.Background(), draft)
	if err != nil {
		t.Fatal(err)
	}
	return s.Messages[0].ID
}
