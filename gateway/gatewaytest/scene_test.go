package gatewaytest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A scene is an exchange that runs, and desks in it that are driven by hand. It
// replays the register as every desk does, and believes a broker no more than a
// desk would.
type scene struct {
	*testing.T // that runs now
	*Running
	exchangeT *testing.T // whose end is that of the exchange
	register  *register.Register
	local     *broker.Client
	callers   map[signed.Address]*caller
	accepts   map[signed.Hash]bool // texts whose acceptance was proven
	other     *Exchange            // see foreign
	followed  int                  // of Entries
	ee        []*signed.PrivateKey // see estonia
	made      int                  // desks of strangers' names, see fresh
	poster    *caller              // see sender
	posted    int
}

// perform makes a plan true and runs its broker.
func perform(t *testing.T, plan Plan, conf broker.Config) *scene {
	t.Helper()
	x, err := Make(t.TempDir(), plan)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{T: t, exchangeT: t, Running: x.Still(t.Context()), callers: map[signed.Address]*caller{}, accepts: map[signed.Hash]bool{}}
	if err := s.StartBroker(conf); err != nil {
		t.Fatal(errors.Join(err, s.Stop()))
	}
	if err := x.EnterAll(t.Context()); err != nil {
		t.Fatal(errors.Join(err, s.Stop()))
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	s.local = got(broker.NewClient(x.BrokerDir()))(t)
	s.followed = len(x.Entries)
	s.register = got(register.Replay(append([][]byte{x.Federation()}, x.Entries...)))(t)
	for _, h := range x.KeyedDesks {
		s.call(h)
	}
	return s
}

// act runs a part of the scene as a test of its own.
func (s *scene) act(name string, part func()) {
	outer := s.T
	outer.Run(name, func(t *testing.T) {
		s.T = t
		defer func() { s.T = outer }()
		part()
	})
}

// got unwraps a result whose error ends the test: got(f())(t).
func got[V any](v V, err error) func(testing.TB) V {
	return func(t testing.TB) V {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// enterEntry brings an entry into the broker's register and into ours.
func (s *scene) enterEntry(note []byte) {
	s.Helper()
	if _, err := s.local.Enter(s.Context(), note); err != nil {
		s.Fatal(err)
	}
	got(s.register.Append(note))(s)
}

// follow enters what was made for the exchange since.
func (s *scene) follow() {
	s.Helper()
	for ; s.followed < len(s.Entries); s.followed++ {
		s.enterEntry(s.Entries[s.followed])
	}
}

// desk makes a desk and puts it on the line. One that is there gets new keys.
func (s *scene) desk(address signed.Address) *caller {
	s.Helper()
	h := got(s.NewKeyedDesk(address, anywhere))(s)
	s.follow()
	return s.call(h)
}

// anywhere is a directory entry like another.
var anywhere = register.Directory{
	Title: "Yhteyspiste, 国際連絡室", Functions: []register.Function{"spoc"},
	Languages: []string{"fi", "sv", "ja"}, Hours: "24/7", Telephone: "+358 29 000 0001",
}

// revoke revokes a ring of a desk.
func (s *scene) revoke(desk signed.Address, ring string) {
	s.Helper()
	stored, err := s.Parties[desk.Party()].Revoke(string(desk), ring, signed.Time{})
	if err := s.Exchange.addEntry(stored, err); err != nil {
		s.Fatal(err)
	}
	s.follow()
}

// deskEnds enters a desk anew, with an end that has come.
func (s *scene) deskEnds(c *caller) {
	s.Helper()
	stored, err := s.Parties[c.Address.Party()].Desk(got(c.Request())(s), anywhere, signed.At(time.Now().Add(-time.Minute)))
	if err := s.Exchange.addEntry(stored, err); err != nil {
		s.Fatal(err)
	}
	s.follow()
}

// enterAgreement enters an agreement to which the parties after the first accede, and
// returns its hash.
func (s *scene) enterAgreement(a register.Agreement, acceding ...string) signed.Hash {
	s.Helper()
	stored, err := s.Parties[a.Parties[0]].Agreement(a)
	if err := s.Exchange.addEntry(stored, err); err != nil {
		s.Fatal(err)
	}
	for _, p := range acceding {
		if err := s.Exchange.addEntry(s.Parties[p].Accede(stored.Note)); err != nil {
			s.Fatal(err)
		}
	}
	s.follow()
	return stored.Hash
}

// A caller is a keyed desk on the line.
type caller struct {
	*KeyedDesk
	s      *scene
	client *api.Client
	audit  signed.Head // as verified from the answers
}

func (s *scene) call(h *KeyedDesk) *caller {
	s.Helper()
	c := &caller{KeyedDesk: h, s: s, client: got(h.Client(s.URL(), s.register.Federation()))(s)}
	c.audit = (&auditlog.Range{}).Head(s.register.Federation().Audit.Name)
	s.callers[h.Address] = c
	s.exchangeT.Cleanup(c.client.Close)
	c.newest()
	return c
}

func (c *caller) heads() api.Heads {
	return api.Heads{Audit: c.audit.Size, Register: c.s.register.Size()}
}

// newest brings the caller up to the log's newest checkpoint.
func (c *caller) newest() signed.Head {
	c.s.Helper()
	c.inbox(0)
	return c.audit
}

func (c *caller) inbox(wait time.Duration) *api.InboxAnswer {
	c.s.Helper()
	a := got(c.client.Inbox(c.s.Context(), c.heads(), api.Ask{Wait: wait, Limit: api.MaxLimit}))(c.s)
	c.learn(&a.Catchup)
	return a
}

func (c *caller) progress(after api.Cursor, wait time.Duration) *api.ProgressAnswer {
	c.s.Helper()
	a := got(c.client.Progress(c.s.Context(), c.heads(), api.Page{After: after, Wait: wait, Limit: api.MaxLimit}))(c.s)
	c.learn(&a.Catchup)
	return a
}

// eventOf waits until the log has more of a message than its acceptance: the
// event that is asked for.
func (c *caller) eventOf(id signed.ID, event envelope.Event) api.ProgressItem {
	c.s.Helper()
	var after api.Cursor
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		a := c.progress(after, 5*time.Second)
		for _, i := range a.Items {
			if i.ID == id && i.Event == event {
				return i
			}
		}
		after = a.Next
	}
	c.s.Fatalf("%s: message %s is not %s within %s", c.Address, id, event, patience)
	return api.ProgressItem{}
}

// patience bounds every wait; a test that needs it has failed.
const patience = time.Minute

// learn checks an answer's checkpoints by all that the caller knew.
func (c *caller) learn(n *api.Catchup) {
	s := c.s
	s.Helper()
	f := s.register.Federation()
	head := got(auditlog.VerifyCheckpoint([]byte(n.Audit.Checkpoint), f.Audit))(s)
	if err := auditlog.CheckConsistency(c.audit, head, n.Audit.Consistency); err != nil {
		s.Fatal(err)
	}
	c.audit = head
	head = got(auditlog.VerifyCheckpoint([]byte(n.Register.Checkpoint), f.Register))(s)
	if err := s.register.CheckHead(head); err != nil {
		s.Fatal(err)
	}
}

// proven verifies a proof under the checkpoint that the caller learned last.
func (c *caller) proven(proof string) *auditlog.Record {
	c.s.Helper()
	p := got(auditlog.ParseProof([]byte(proof)))(c.s)
	r, head, err := p.Verify(c.s.register.Federation().Audit)
	if err == nil && head != c.audit {
		err = fmt.Errorf("the proof stands at size %d, its answer at %d", head.Size, c.audit.Size)
	}
	if err != nil {
		c.s.Fatal(err)
	}
	return r
}

// submit sends an envelope, state a statement. Both learn from a refusal too.
func (c *caller) submit(raw []byte) (*Submitted, error) {
	c.s.Helper()
	a, err := SubmitOne(c.s.Context(), c.client, c.heads(), raw)
	if a != nil {
		c.learn(&a.Catchup)
	}
	return a, err
}

func (c *caller) state(raw []byte) (*Stated, error) {
	c.s.Helper()
	a, err := StateOne(c.s.Context(), c.client, c.heads(), raw)
	if a != nil {
		c.learn(&a.Catchup)
	}
	return a, err
}

// accepted submits an envelope and returns the record of its acceptance.
func (c *caller) accepted(e *envelope.Envelope) *auditlog.Record {
	c.s.Helper()
	a := got(c.submit(e.Bytes()))(c.s)
	r := c.proven(a.Acceptance)
	if r.Kind != envelope.Accepted || r.Message != e.TextHash() || r.ID != e.ID || r.From != e.From || r.To != e.To {
		c.s.Fatalf("the acceptance is of %+v", r)
	}
	c.s.accepts[e.TextHash()] = true
	return r
}

// stated submits a statement and returns its record.
func (c *caller) stated(raw []byte) *auditlog.Record {
	c.s.Helper()
	return c.proven(got(c.state(raw))(c.s).Proof)
}

// message makes a request that may pass, changed by edit. What is sealed in it is
// nothing that opens: a broker can't tell.
func (c *caller) message(to signed.Address, edit ...func(*envelope.Header)) *envelope.Envelope {
	c.s.Helper()
	h := got(c.Header(c.s.register.Now(), c.audit, to, "INFO_REQUEST", time.Now()))(c.s)
	for _, e := range edit {
		e(h)
	}
	sealed := make([]byte, 200)
	rand.Read(sealed)
	return got(c.Sign(*h, sealed))(c.s)
}

// consigns and says sign what the caller says of a message, as it knows the logs.
func (c *caller) consigns(message signed.Hash) []byte {
	c.s.Helper()
	return got(c.Consign(message, c.audit, c.s.register.Head(), time.Now()))(c.s)
}

func (c *caller) says(st envelope.Statement) []byte {
	c.s.Helper()
	return got(c.State(st, c.audit, c.s.register.Head(), time.Now()))(c.s)
}

func (c *caller) hands(message signed.Hash) []byte {
	c.s.Helper()
	return c.says(envelope.Statement{Event: envelope.HandedOver, Message: message})
}

func (c *caller) withdraws(id signed.ID) []byte {
	c.s.Helper()
	return c.says(envelope.Statement{Event: envelope.Withdrawn, ID: id})
}

// refusal is err as the refusal of a code.
func (s *scene) refusal(err error, code problem.Code) *api.Refusal {
	s.Helper()
	var r *api.Refusal
	if !errors.As(err, &r) {
		r = &api.Refusal{Problem: problem.New(problem.Internal, "%v", err)}
		if p, ok := problem.Of(err); ok {
			r.Problem = p
		}
	}
	if err == nil || r.Problem.Code != code {
		s.Fatalf("want %s, got %v", code, err)
	}
	return r
}
