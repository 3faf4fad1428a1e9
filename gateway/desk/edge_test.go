package desk_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
	"samband/gateway/desk"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// An edge is a broker that the test plays: it has the logs' keys, so it can say
// whatever a broker can say. It serves the tests of lies alone. lie changes an
// answer just before it leaves.
type edge struct {
	t        *testing.T
	auditKey *signed.PrivateKey
	entryKey *signed.PrivateKey
	clock    *gatewaytest.Clock
	register *register.Register // honest; what was entered with force is not in it

	mu       sync.Mutex
	audit    *tree.Tree
	entries  [][]byte // of the register, as signed
	tree     auditlog.Range
	messages []*message
	lists    []*event // of erasures
	rejected map[signed.Hash]*event
	changed  chan struct{}
	lie      func(caller signed.Address, answer any)
	down     bool
	answers  int            // it grows when each poll is to be answered once with what there is
	answered map[string]int // how far each feed of each desk is with that
}

// A message as the edge knows it.
type message struct {
	*envelope.Envelope
	bytes          []byte
	accepted       auditlog.Entry
	consigned, end *event
	wanted         bool // by its recipient, after it was consigned
}

type event struct {
	entry auditlog.Entry
	note  []byte
}

// newLie is a stage whose broker the test plays.
func newLie(t *testing.T) *stage {
	t.Helper()
	s := still(t)
	s.edge = s.newEdge()
	s.register = s.edge.register
	return s
}

func (s *stage) newEdge() *edge {
	s.t.Helper()
	audit, entry, err := s.LogKeys()
	must(0, err)
	e := &edge{t: s.t, auditKey: audit, entryKey: entry, clock: s.clock, changed: make(chan struct{}), rejected: map[signed.Hash]*event{}, answered: map[string]int{}}
	e.audit = must(tree.Open(s.t.TempDir(), audit.Public))
	e.register = must(register.New(s.Federation()))
	e.force(s.Federation())
	for _, n := range s.Entries {
		e.enter(n)
	}
	return e
}

// enter takes an entry into the register as a broker should; force signs it
// whatever it is.
func (e *edge) enter(note []byte) {
	e.t.Helper()
	if _, err := e.register.Append(note); err != nil {
		e.t.Fatal(err)
	}
	e.force(note)
}

func (e *edge) force(note []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.entries = append(e.entries, note)
	e.tree.Append(note)
	e.wake()
}

// set changes the edge between two calls.
func (e *edge) set(f func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f()
	e.wake()
}

// wake ends long polls. The caller has locked e.mu.
func (e *edge) wake() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// record orders a record under the register at a size.
func (e *edge) record(r auditlog.Record, size int64) auditlog.Entry {
	view := e.register.At(size)
	r.Exchange, r.Time, r.Index = e.register.Exchange(), signed.At(e.clock.Wall()), e.audit.Head().Size
	r.RegisterSize, r.RegisterRoot = size, view.Head().Root
	entry := auditlog.Entry{Salt: auditlog.NewSalt(), Record: r}
	if _, err := e.audit.Append(entry.Leaf()); err != nil {
		e.t.Error(err)
	}
	return entry
}

func (e *edge) prove(entry auditlog.Entry) string {
	head := e.audit.Head()
	hashes, err := e.audit.Prove(entry.Record.Index, head.Size)
	if err != nil {
		e.t.Error(err)
	}
	return string(auditlog.MakeProof(entry, hashes, e.checkpoint()))
}

func (e *edge) checkpoint() []byte { return must(auditlog.SignCheckpoint(e.audit.Head(), e.auditKey)) }

func (e *edge) catchup(h api.Heads) api.Catchup {
	var c api.Catchup
	c.Audit.Checkpoint = string(e.checkpoint())
	if h.Audit > 0 {
		c.Audit.Consistency = must(e.audit.ProveConsistency(h.Audit, e.audit.Head().Size))
	}
	c.Register.Checkpoint = string(must(auditlog.SignCheckpoint(e.tree.Head(e.entryKey.Public.Name), e.entryKey)))
	c.Register.Entries = e.entries[min(h.Register, int64(len(e.entries))):]
	return c
}

func (e *edge) fact(v *event) *api.LoggedEvent {
	if v == nil {
		return nil
	}
	f := &api.LoggedEvent{Event: v.entry.Record.Kind, Note: v.note, Proof: e.prove(v.entry)}
	if len(v.note) > 0 {
		_, s, err := envelope.ReadStatement(v.note)
		if err != nil {
			e.t.Error(err)
		}
		f.Consistency = e.extends(s.AsOfAudit)
	}
	return f
}

// extends proves that the log extends a head of it.
func (e *edge) extends(h signed.Head) []signed.Hash {
	if h.Size == 0 {
		return nil
	}
	hashes, err := e.audit.ProveConsistency(h.Size, e.audit.Head().Size)
	if err != nil {
		e.t.Error(err)
	}
	return hashes
}

func (e *edge) byText(h signed.Hash) *message {
	for _, m := range e.messages {
		if m.TextHash() == h {
			return m
		}
	}
	return nil
}

func (e *edge) byID(from signed.Address, id signed.ID) *message {
	for _, m := range e.messages {
		if m.From == from && m.ID == id {
			return m
		}
	}
	return nil
}

// accept takes a message in under the register at a size, lawful or not. The
// caller has locked e.mu.
func (e *edge) accept(b []byte, size int64) (*message, error) {
	env, err := envelope.Parse(b)
	if err != nil {
		return nil, err
	}
	m := &message{Envelope: env, bytes: b}
	m.accepted = e.record(auditlog.Record{
		Kind: envelope.Accepted, Message: env.TextHash(), ID: env.ID, From: env.From, To: env.To,
		Type: env.Type.Name, Urgency: env.Urgency, Expires: env.Expires,
	}, size)
	e.messages = append(e.messages, m)
	e.wake()
	return m, nil
}

// submit takes in one envelope.
func (e *edge) submit(caller signed.Address, b []byte) (*api.SubmitItem, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	env, err := envelope.Parse(b)
	if err != nil {
		return nil, err
	}
	m := e.byID(caller, env.ID)
	if m != nil && m.TextHash() != env.TextHash() {
		return nil, &api.Refusal{Problem: problem.New(problem.IDReused, "the id stands for another text"), Accepted: m.TextHash()}
	}
	if m == nil {
		view := e.register.Now()
		err := view.VerifyMessage(env)
		if err == nil {
			err = view.Decide(&env.Header, signed.At(e.clock.Wall()))
		}
		if p, ok := problem.Of(err); ok && p.Class() == problem.Final {
			return nil, e.reject(caller, env, p)
		}
		if err != nil {
			return nil, err
		}
		if m, err = e.accept(b, e.register.Size()); err != nil {
			return nil, err
		}
	}
	i := &api.SubmitItem{Acceptance: e.prove(m.accepted), Consigned: e.fact(m.consigned), End: e.fact(m.end)}
	e.tamper(caller, i)
	return i, nil
}

func (e *edge) reject(caller signed.Address, env *envelope.Envelope, p *problem.Problem) error {
	name := env.TextHash()
	if e.register.Now().VerifyMessage(env) != nil {
		name = envelope.HashOfBytes(env.Bytes())
	}
	v := e.rejected[name]
	if v == nil {
		v = &event{entry: e.record(auditlog.Record{
			Kind: envelope.Rejected, Caller: caller, TextHash: name, Code: p.Code, Until: env.Expires,
		}, e.register.Size())}
		e.rejected[name] = v
	}
	r := &api.Refusal{Problem: p, Proof: e.prove(v.entry)}
	e.tamper(caller, r)
	return r
}

// state takes in one statement.
func (e *edge) state(caller signed.Address, b []byte) (*api.StateItem, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v, err := e.stated(caller, b)
	if err != nil {
		return nil, err
	}
	e.wake()
	i := &api.StateItem{Proof: e.prove(v.entry)}
	e.tamper(caller, i)
	return i, nil
}

func (e *edge) stated(caller signed.Address, b []byte) (*event, error) {
	n, s, err := envelope.ReadStatement(b)
	if err != nil {
		return nil, err
	}
	if err := e.register.Now().VerifyStatement(n, s); err != nil {
		return nil, err
	}
	if s.Event == envelope.Erased {
		return e.erased(caller, b), nil
	}
	m := e.byText(s.Message)
	if m == nil {
		return nil, problem.New(problem.UnknownMessage, "no such message")
	}
	stands, code := &m.end, problem.AlreadyEnded
	if s.Event == envelope.Consigned && m.end == nil {
		stands, code = &m.consigned, problem.AlreadyConsigned
	}
	if *stands == nil {
		r := auditlog.Record{Kind: s.Event, Message: s.Message, By: caller, Statement: signed.HashOf(b), Code: s.Code}
		*stands = &event{e.record(r, e.register.Size()), b}
	} else if string((*stands).note) != string(b) {
		return nil, e.stands(code, *stands)
	}
	return *stands, nil
}

// erased logs a list of erasures, once.
func (e *edge) erased(caller signed.Address, note []byte) *event {
	for _, v := range e.lists {
		if string(v.note) == string(note) {
			return v
		}
	}
	r := auditlog.Record{Kind: envelope.Erased, By: caller, Statement: signed.HashOf(note)}
	v := &event{e.record(r, e.register.Size()), note}
	e.lists = append(e.lists, v)
	return v
}

func (e *edge) stands(code problem.Code, v *event) error {
	return &api.Refusal{Problem: problem.New(code, "it came first"), Stands: e.fact(v)}
}

// Inbox is of api.Service.
func (e *edge) Inbox(ctx context.Context, caller signed.Address, h api.Heads, ask api.Ask) (*api.InboxAnswer, error) {
	return poll(ctx, e, "inbox of "+string(caller), h, ask.Wait, func() (*api.InboxAnswer, bool) {
		a := &api.InboxAnswer{Catchup: e.catchup(h)}
		for _, m := range e.messages {
			if m.To != caller || m.end != nil || slices.Contains(ask.Held, m.TextHash()) || m.consigned != nil && !m.wanted {
				continue
			}
			a.Items = append(a.Items, e.item(m))
		}
		e.tamper(caller, a)
		return a, len(a.Items) > 0
	})
}

// item shows a message to its recipient. The caller has locked e.mu.
func (e *edge) item(m *message) api.InboxItem {
	return api.InboxItem{Envelope: m.bytes, Acceptance: e.prove(m.accepted), Consigned: e.fact(m.consigned), Consistency: e.extends(m.AsOfAudit)}
}

// Progress is of api.Service.
func (e *edge) Progress(ctx context.Context, caller signed.Address, h api.Heads, p api.Page) (*api.ProgressAnswer, error) {
	return poll(ctx, e, "progress of "+string(caller), h, p.Wait, func() (*api.ProgressAnswer, bool) {
		a := &api.ProgressAnswer{Next: p.After, Catchup: e.catchup(h)}
		for _, m := range e.messages {
			for _, v := range []*event{m.consigned, m.end} {
				own := v != nil && m.To == caller && v.entry.Record.By == caller
				if m.From != caller && !own || v == nil || v.entry.Record.Index < p.After.Leaf() {
					continue
				}
				at := api.Past(v.entry.Record.Index)
				a.Items = append(a.Items, api.ProgressItem{
					Cursor: at, ID: m.ID, Sender: m.From, Message: m.TextHash(), Accepted: api.Past(m.accepted.Record.Index), LoggedEvent: *e.fact(v),
				})
				a.Next = max(a.Next, at)
			}
		}
		for _, v := range e.lists {
			if at := api.Past(v.entry.Record.Index); v.entry.Record.By == caller && at > p.After {
				a.Items, a.Next = append(a.Items, api.ProgressItem{Cursor: at, LoggedEvent: *e.fact(v)}), max(a.Next, at)
			}
		}
		e.tamper(caller, a)
		return a, len(a.Items) > 0
	})
}

func poll[A any](ctx context.Context, e *edge, feed string, h api.Heads, wait time.Duration, look func() (A, bool)) (A, error) {
	late := time.After(wait)
	for {
		e.mu.Lock()
		answer, some := look()
		changed, news := e.changed, int64(len(e.entries)) > h.Register
		told := e.answers > e.answered[feed]
		e.answered[feed] = e.answers
		e.mu.Unlock()
		if some || news || told || wait == 0 {
			return answer, nil
		}
		select {
		case <-changed:
		case <-late:
			return answer, nil
		case <-ctx.Done():
			return answer, api.ErrUnreachable
		}
	}
}

// Want is of api.Service.
func (e *edge) Want(_ context.Context, caller signed.Address, _ api.Heads, w api.Want) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := e.byText(w.Message)
	if m == nil || m.To != caller || m.end != nil {
		return problem.New(problem.UnknownMessage, "no such open message")
	}
	m.wanted = true
	e.wake()
	return nil
}

// Show is of api.Service.
func (e *edge) Show(context.Context, signed.Address, []byte) error { return nil }

// Register is of api.Service.
func (e *edge) Register(_ context.Context, _ signed.Address, h api.Heads, from int64, limit, bytes int) (*api.RegisterAnswer, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.catchup(h)
	all := e.entries[from:]
	return &api.RegisterAnswer{Checkpoint: c.Register.Checkpoint, Entries: all[:min(len(all), limit)]}, nil
}

func (e *edge) tamper(caller signed.Address, answer any) {
	if e.lie != nil {
		e.lie(caller, answer)
	}
}

// as is the edge as one desk reaches it.
func (e *edge) as(caller signed.Address) desk.Broker { return line{e, caller} }

type line struct {
	e      *edge
	caller signed.Address
}

func (l line) up() error {
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	if l.e.down {
		return api.ErrUnreachable
	}
	return nil
}

// one submits one envelope, say states one note.
func (l line) one(b []byte) (*api.SubmitItem, error) { return l.e.submit(l.caller, b) }
func (l line) say(b []byte) (*api.StateItem, error)  { return l.e.state(l.caller, b) }

func (l line) Submit(_ context.Context, h api.Heads, envelopes [][]byte) (*api.SubmitAnswer, error) {
	return l.submitEach(h, envelopes, l.one)
}

func (l line) State(_ context.Context, h api.Heads, notes [][]byte) (*api.StateAnswer, error) {
	return l.stateEach(h, notes, l.say)
}

// submitEach and stateEach answer a call item by item, under one catchup.
func (l line) submitEach(h api.Heads, envelopes [][]byte, one func([]byte) (*api.SubmitItem, error)) (*api.SubmitAnswer, error) {
	items, err := each(l, envelopes, one, func(d *api.Document) *api.SubmitItem { return &api.SubmitItem{Problem: d} })
	if err != nil {
		return nil, err
	}
	a := &api.SubmitAnswer{}
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	for n, i := range items {
		i.Hash, i.Acceptance = signed.HashOf(envelopes[n]), l.e.anew(i.Acceptance)
		l.e.factAnew(i.Consigned)
		l.e.factAnew(i.End)
		l.e.problemAnew(i.Problem)
		a.Items = append(a.Items, *i)
	}
	a.Catchup = l.e.catchup(h)
	l.e.tamper(l.caller, a)
	return a, nil
}

func (l line) stateEach(h api.Heads, notes [][]byte, say func([]byte) (*api.StateItem, error)) (*api.StateAnswer, error) {
	items, err := each(l, notes, say, func(d *api.Document) *api.StateItem { return &api.StateItem{Problem: d} })
	if err != nil {
		return nil, err
	}
	a := &api.StateAnswer{}
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	for n, i := range items {
		i.Hash, i.Proof = signed.HashOf(notes[n]), l.e.anew(i.Proof)
		l.e.problemAnew(i.Problem)
		a.Items = append(a.Items, *i)
	}
	a.Catchup = l.e.catchup(h)
	l.e.tamper(l.caller, a)
	return a, nil
}

func each[I any](l line, raw [][]byte, do func([]byte) (*I, error), refused func(*api.Document) *I) (items []*I, err error) {
	if err := l.up(); err != nil {
		return nil, err
	}
	for _, b := range raw {
		i, err := do(b)
		if errors.Is(err, api.ErrUnreachable) {
			return nil, err
		}
		if err != nil {
			i = refused(api.RefusalOf(err).Document())
		}
		items = append(items, i)
	}
	return items, nil
}

// anew proves again under the checkpoint of now what was proven while the log was
// shorter: an answer's proofs all stand under its own checkpoint.
func (e *edge) anew(proof string) string {
	p, err := auditlog.ParseProof([]byte(proof))
	if err != nil {
		return proof // a lie
	}
	return e.prove(p.Entry)
}

func (e *edge) factAnew(f *api.LoggedEvent) {
	if f == nil {
		return
	}
	f.Proof = e.anew(f.Proof)
	if len(f.Note) > 0 {
		if _, s, err := envelope.ReadStatement(f.Note); err == nil {
			f.Consistency = e.extends(s.AsOfAudit)
		}
	}
}

func (e *edge) problemAnew(d *api.Document) {
	if d != nil {
		d.Proof = e.anew(d.Proof)
		e.factAnew(d.Stands)
	}
}

// Enter is at no such broker: the tests of register entries have the true one.
func (l line) Enter(context.Context, api.Heads, []byte) (*api.EnterAnswer, error) {
	return nil, errors.Join(api.ErrUnreachable, l.up())
}

func (l line) Consistency(_ context.Context, from, to int64) (*api.ConsistencyAnswer, error) {
	if err := l.up(); err != nil {
		return nil, err
	}
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	a := &api.ConsistencyAnswer{Consistency: must(l.e.audit.ProveConsistency(from, to))}
	l.e.tamper(l.caller, a)
	return a, nil
}

func (l line) Inbox(ctx context.Context, h api.Heads, p api.Ask) (*api.InboxAnswer, error) {
	if err := l.up(); err != nil {
		return nil, err
	}
	answer, err := l.e.Inbox(ctx, l.caller, h, p)
	return answer, errors.Join(err, l.up()) // a line that was cut meanwhile brings no answer
}

func (l line) Progress(ctx context.Context, h api.Heads, p api.Page) (*api.ProgressAnswer, error) {
	if err := l.up(); err != nil {
		return nil, err
	}
	answer, err := l.e.Progress(ctx, l.caller, h, p)
	return answer, errors.Join(err, l.up())
}

func (l line) Want(ctx context.Context, h api.Heads, w api.Want) error {
	return l.e.Want(ctx, l.caller, h, w)
}

func (l line) Show(ctx context.Context, checkpoint []byte) error {
	return l.e.Show(ctx, l.caller, checkpoint)
}

// Catalogue has what the desk's own program has: a played broker names no other.
// Ring takes what the desk shows where that has its form: this edge has one line for each
// desk, and no connection to tell from another.
func (l line) Ring(_ context.Context, sign func(signed.Hash) ([]byte, error)) error {
	note, err := sign(signed.Hash{1})
	if err == nil {
		_, _, err = api.ReadShown(note)
	}
	return err
}

func (line) Connected(func()) {}

func (line) Clocks(func() time.Time, func(signed.Time)) {}

func (line) Catalogue(context.Context, schema.BundleHash) (*schema.Bundle, error) {
	return schema.EmbeddedBundle(), nil
}

func (l line) Register(ctx context.Context, h api.Heads, from int64, limit, bytes int) (*api.RegisterAnswer, error) {
	return l.e.Register(ctx, l.caller, h, from, limit, bytes)
}
