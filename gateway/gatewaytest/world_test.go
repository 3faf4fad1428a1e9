package gatewaytest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"samband/gateway/broker"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// A world is an exchange whose broker and desks are processes of their own.
type world struct {
	*testing.T
	*Exchange
	ctx           context.Context
	cancel        context.CancelFunc
	rand          *rand.Rand
	broker        *process
	desks         []*station
	hand          *station       // the third desk, if it is driven by hand
	startFindings map[string]int // how often the broker's starts found each thing to repair
	kills         int

	mu    sync.Mutex
	ended *sync.Cond // one more message is handed over, or ctx ended
	sent  []*sending
	over  int        // messages that came to their end
	done  []*sending // of these, those that insist sent
}

// A sending is a message that a desk took, and what was in it.
type sending struct {
	id       signed.ID
	from, to *station
	subject  string
}

// newWorld makes an exchange of three parties and one agreement, and runs it.
// The third desk may be driven by hand.
func newWorld(t *testing.T, patience time.Duration, byHand bool) *world {
	t.Helper()
	w := makeWorld(t, patience, byHand)
	w.run()
	return w
}

// makeWorld makes the exchange, and runs nothing of it.
func makeWorld(t *testing.T, patience time.Duration, byHand bool) *world {
	t.Helper()
	seed := time.Now().UnixNano()
	if s := os.Getenv("SAMBAND_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseInt(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SAMBAND_SEED=%d", seed)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	w := &world{T: t, ctx: ctx, cancel: cancel, rand: rand.New(rand.NewPCG(uint64(seed), 0)), startFindings: map[string]int{}}
	w.ended = sync.NewCond(&w.mu)
	context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ended.Broadcast()
	})
	x, err := Make(t.TempDir(), plan(byHand))
	w.must(err)
	w.Exchange = x
	w.must(os.Mkdir(w.statementFile(""), 0o700))
	for _, p := range x.Plan.Parties {
		s := &station{world: w, address: p.Desks[0].Address, gate: newGate()}
		if p.Desks[0].Keyed {
			w.hand = s
			continue
		}
		s.Client = client.New(x.DeskDir(s.address))
		w.desks = append(w.desks, s)
	}
	return w
}

// run runs the broker and every desk, unlocked, until each knows the whole register.
func (w *world) run() {
	w.Helper()
	failed := w.Failed() // a test may go on in another world
	w.Cleanup(w.end)
	w.startBroker()
	w.must(w.EnterAll(w.ctx))
	var all sync.WaitGroup
	for _, s := range w.desks {
		all.Go(func() {
			s.start()
			s.unlock()
			s.until("the whole register", func() (bool, error) {
				st, err := s.Status(w.ctx)
				return err == nil && st.Register > int64(len(w.Entries)), err
			})
		})
	}
	all.Wait()
	if w.Failed() && !failed {
		w.FailNow()
	}
}

func plan(byHand bool) Plan {
	p := Plan{Name: "nordic.example", Founders: []string{"fi", "se"}, Threshold: 2}
	agreement := Agreement{Title: "Spontaneous information", Types: []string{"SPONTANEOUS"},
		Purposes: []string{"DETECT_CRIME"}, Ceiling: envelope.Unclassified, Lasts: year}
	for _, address := range []signed.Address{"fi.spoc", "se.spoc", "icpb.command"} {
		p.Parties = append(p.Parties, Party{address.Party(), strings.ToUpper(address.Party()), []Desk{{
			Address: address, Keyed: byHand && address == "icpb.command", Directory: register.Directory{
				Title: "Desk of " + address.Party(), Functions: []register.Function{"spoc"}, Languages: []string{"en"},
				Hours: "24/7", Telephone: "+46 8 000 00 00"}}}})
		agreement.Parties = append(agreement.Parties, address.Party())
	}
	p.Agreements = []Agreement{agreement}
	return p
}

// must ends the test. Only the goroutine of the test calls it.
func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) statementFile(name string) string { return filepath.Join(w.Dir, "said", name) }
func (w *world) data(name ...string) string {
	return filepath.Join(append([]string{w.BrokerDir(), "data"}, name...)...)
}

func (w *world) spawnBroker() (*process, error) {
	return spawn(roleBroker, w.BrokerDir(), w.statementFile(roleBroker))
}

// startBroker starts the broker and returns its status: it accepts, or it has stopped.
func (w *world) startBroker() (st broker.Status) {
	w.Helper()
	p, err := w.spawnBroker()
	w.must(err)
	w.broker = p
	stands, err := p.stands()
	w.must(err)
	w.must(json.Unmarshal(stands, &st))
	for _, f := range st.Found {
		w.startFindings[f]++
	}
	return st
}

// refusedStart starts a broker that must not start, and returns its words.
func (w *world) refusedStart() string {
	w.Helper()
	p, err := w.spawnBroker()
	w.must(err)
	_, err = p.stands()
	if err == nil {
		w.Fatalf("a broker started that must not: %v", p.kill())
	}
	return err.Error()
}

// brokerStatus asks the broker that runs.
func (w *world) brokerStatus() *broker.Status {
	w.Helper()
	c, err := broker.NewClient(w.BrokerDir())
	w.must(err)
	st, err := c.Status(w.ctx)
	w.must(err)
	return st
}

// poll asks until done, across the border of a process that gives no sign.
func (w *world) poll(what string, done func() bool) {
	w.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-w.ctx.Done():
			w.Errorf("waited in vain for %s", what)
			return
		}
	}
}

// end leaves no process behind, and shows what they said if a test failed.
// Whatever happened to them, none may have met a fault of the program.
func (w *world) end() {
	for _, p := range append([]*process{w.broker}, processesOf(w.desks)...) {
		if p != nil {
			_ = p.kill()
		}
	}
	files, err := readFolder(w.statementFile(""))
	if err != nil {
		w.Error(err)
	}
	for name, said := range files {
		for _, fault := range []string{"DATA RACE", "panic: ", "fatal error: "} {
			if i := strings.Index(said, fault); i >= 0 {
				w.Errorf("%s met a fault:\n%.4000s", name, said[i:])
			}
		}
		if w.Failed() {
			lines := strings.SplitAfter(said, "\n")
			w.Logf("%s said at last:\n%s", name, strings.Join(lines[max(0, len(lines)-30):], ""))
		}
	}
}

func processesOf(desks []*station) (out []*process) {
	for _, s := range desks {
		out = append(out, s.process)
	}
	return out
}

// A station is a desk: its process, and the client that officers use. One that is
// driven by hand has neither.
type station struct {
	*client.Client
	world   *world
	address signed.Address
	process *process
	gate    gate // open while the desk is unlocked
}

func (s *station) spawn() (*process, error) {
	return spawn(roleDesk, s.world.DeskDir(s.address), s.world.statementFile(string(s.address)))
}

// start starts the desk and waits until it is served. It stays locked.
func (s *station) start() {
	p, err := s.spawn()
	if err == nil {
		s.process = p
		_, err = p.stands()
	}
	if err != nil {
		s.world.Error(err)
		return
	}
	s.world.poll("the socket of "+string(s.address), func() bool {
		_, err := s.Status(s.world.ctx)
		return err == nil
	})
}

func (s *station) unlock() {
	if err := s.Unlock(s.world.ctx, []byte(Passphrase)); err != nil {
		s.world.Errorf("unlock %s: %v", s.address, err)
		return
	}
	s.gate.set(true)
}

func (s *station) kill() {
	s.gate.set(false)
	if err := s.process.kill(); err != nil {
		s.world.Error(err)
	}
}

// send has a desk send a message, and repeats what a kill cut off: the name
// keeps it from being sent twice.
func (s *station) send(subject string, to *station) (*sending, error) {
	draft := client.Draft{Name: subject, To: []signed.Address{to.address}, Type: "SPONTANEOUS", Body: bodyAbout(subject)}
	for {
		if err := s.gate.pass(s.world.ctx); err != nil {
			return nil, fmt.Errorf("send %s: %w", subject, err)
		}
		got, err := s.Send(s.world.ctx, draft)
		if err == nil {
			m := &sending{got.Messages[0].ID, s, to, subject}
			s.world.record(m)
			return m, nil
		}
		if p, refused := problem.Of(err); refused && p.Code != problem.DeskLocked {
			return nil, fmt.Errorf("send %s: %w", subject, err)
		}
	}
}

func (w *world) record(m *sending) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, m)
}

// bodyAbout is a body with a subject of its own.
func bodyAbout(subject string) []byte {
	var body map[string]any
	sample, err := schema.Samples.ReadFile("testdata/case/07-spontaneous.json")
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(sample)).Decode(&body)
	}
	if err != nil {
		panic(err)
	}
	body["subject"] = subject
	delete(body, "recipients")
	b, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return b
}

// until waits for something of a desk, whatever is killed meanwhile.
func (s *station) until(what string, done func() (bool, error)) error {
	ctx := s.world.ctx
	for {
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := client.Await(short, s, done)
		cancel()
		if err == nil {
			return nil
		}
		if _, refused := problem.Of(err); refused {
			return fmt.Errorf("%s of %s: %w", what, s.address, err)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			_ = s.gate.pass(ctx) // it is being started again
		}
		if ctx.Err() != nil {
			return fmt.Errorf("waited in vain for %s of %s", what, s.address)
		}
	}
}

// sees waits until a message that a desk sent has come to a state.
func (m *sending) sees(state client.State) error {
	return m.from.until(fmt.Sprintf("%s (%s) to be %s", m.subject, m.id, state), func() (bool, error) {
		items, err := m.from.Outbox(m.from.world.ctx, client.Query{ID: m.id})
		if err != nil {
			return false, err
		}
		return items[0].State == state, nil
	})
}

// arrives waits until a message has come to a state at its receiver.
func (m *sending) arrives(state client.State) error {
	return m.to.until(fmt.Sprintf("%s (%s) to be %s", m.subject, m.id, state), func() (bool, error) {
		items, err := m.to.Inbox(m.to.world.ctx, client.Query{ID: m.id})
		if problem.CodeOf(err) == problem.UnknownMessage {
			return false, nil
		}
		return err == nil && items[0].State == state, err
	})
}

// A gate keeps callers waiting while it is shut.
type gate struct {
	mu   *sync.Mutex
	open chan struct{} // closed while the gate is open
}

func newGate() gate { return gate{&sync.Mutex{}, make(chan struct{})} }

func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
		if !open {
			g.open = make(chan struct{})
		}
	default:
		if open {
			close(g.open)
		}
	}
}

func (g *gate) pass(ctx context.Context) error {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	select {
	case <-open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
