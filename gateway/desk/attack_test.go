package desk_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// The broker as the attacker. It has the logs' keys and may log and serve what
// it likes; each time the desk refuses, keeps the bytes, and says so.

// An attacked message: sent by Sweden, accepted, and consigned by Finland, whose
// desk is locked, so nobody has handed it over.
func consigned(t *testing.T) (*stage, *desk.Desk, signed.ID) {
	t.Helper()
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.start("fi.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "consigned")
	return s, se, id
}

// handover writes the statement that ends the only message.
func (s *stage) handover(signers ...*signed.PrivateKey) []byte {
	e := s.edge
	st := envelope.Statement{
		Exchange: e.register.Exchange(), Signer: "fi.spoc", Event: envelope.HandedOver,
		Message: e.messages[0].TextHash(), Time: signed.At(s.clock.Wall()),
		AsOfAudit: e.audit.Head(), AsOfRegister: e.register.Head(),
	}
	return must(signed.Sign(st.Text(), signers...)).Bytes()
}

// log ends the only message by a statement, whoever signed it.
func (s *stage) log(note []byte) {
	s.edge.set(func() {
		m := s.edge.messages[0]
		m.end = &event{s.edge.record(auditlog.Record{
			Kind: envelope.HandedOver, Message: m.TextHash(), By: "fi.spoc", Statement: signed.HashOf(note),
		}, s.edge.register.Size()), note}
	})
}

func TestInventedHandover(t *testing.T) {
	s, se, id := consigned(t)
	thief := must(signed.GenerateKeys("fi.spoc", signed.UseStatement))
	s.log(s.handover(thief...))
	awaitEvidence(t, se, "STATEMENT_FORGED")
	if o := outState(t, se, id); o.State != "consigned" {
		t.Errorf("the message is %s", o.State)
	}
}

func TestHandoverByReceiptsKey(t *testing.T) {
	s, se, id := consigned(t)
	online, _ := s.rings("fi.spoc")
	s.log(s.handover(online.Receipts...))
	awaitEvidence(t, se, "STATEMENT_FORGED")
	if o := outState(t, se, id); o.State != "consigned" {
		t.Errorf("the message is %s", o.State)
	}
}

// A true handover that the record does not bind.
func TestHandoverOfAnotherRecord(t *testing.T) {
	s, se, id := consigned(t)
	_, locked := s.rings("fi.spoc")
	other := s.handover(locked.Statement()...)
	s.clock.Move(1e9)
	s.edge.set(func() { // before the record: a desk that asks between the two would be told the truth
		s.edge.lie = func(_ signed.Address, answer any) {
			if a, ok := answer.(*api.ProgressAnswer); ok {
				for i := range a.Items {
					if a.Items[i].Event == envelope.HandedOver {
						a.Items[i].Note = other
					}
				}
			}
		}
	})
	s.log(s.handover(locked.Statement()...))
	awaitEvidence(t, se, "PROOF_INVALID")
	if o := outState(t, se, id); o.State != "consigned" {
		t.Errorf("the message is %s", o.State)
	}
}

// inboxLie serves Finland's inbox with each item changed.
func (s *stage) inboxLie(change func(*api.InboxItem)) {
	s.edge.set(func() {
		s.edge.lie = func(caller signed.Address, answer any) {
			if a, ok := answer.(*api.InboxAnswer); ok && caller == "fi.spoc" {
				for i := range a.Items {
					change(&a.Items[i])
				}
			}
		}
	})
}

// A message whose acceptance is not proven is not consigned.
func TestAcceptance(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*stage, *api.InboxItem)
		code   string
	}{
		"missing": {func(_ *stage, i *api.InboxItem) { i.Acceptance = "" }, "PROOF_MISSING"},
		"false": {func(_ *stage, i *api.InboxItem) {
			b := []byte(i.Acceptance)
			b[len(b)-5] ^= 1
			i.Acceptance = string(b)
		}, "PROOF_INVALID"},
		"of another message": {func(s *stage, i *api.InboxItem) {
			i.Acceptance = s.edge.prove(s.edge.messages[0].accepted)
		}, "PROOF_INVALID"},
		"of another kind": {func(s *stage, i *api.InboxItem) {
			i.Acceptance = s.edge.prove(s.edge.record(auditlog.Record{
				Kind: envelope.Expired, Message: s.edge.messages[1].TextHash(),
			}, s.edge.register.Size()))
		}, "PROOF_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLie(t)
			se := s.unlocked("se.spoc")
			s.ready(se)
			for range 2 {
				awaitOut(t, se, send(t, se, request(t)), "accepted")
			}
			s.inboxLie(func(i *api.InboxItem) {
				if string(i.Envelope) == string(s.edge.messages[1].bytes) {
					test.change(s, i)
				}
			})
			fi := s.unlocked("fi.spoc")
			awaitIn(t, fi, s.edge.messages[0].ID, "handed-over")
			if e := awaitEvidence(t, fi, test.code); e.Signed != (name == "of another kind") { // that is in the log, and names the message
				t.Errorf("it counts as signed: %t", e.Signed)
			}
			if items, _ := fi.Inbox(ctx, client.Query{}); len(items) != 1 {
				t.Errorf("the inbox has %d messages", len(items))
			}
		})
	}
}

// A broker keeps an old register alive for a stolen key: the message is accepted
// under the register as it was before the key was revoked, though this desk had
// seen the revocation before.
func TestOldRegister(t *testing.T) {
	s := newLie(t)
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	awaitOut(t, se, send(t, se, request(t)), "handed-over")
	old := s.edge.register.Size()
	stolen := s.stolen(old)
	s.enter(s.party("se").Revoke("se.spoc", "locked", signed.Time{}))
	await(t, fi, "told of the revocation", func() bool { st, _ := fi.Status(ctx); return st.Register > old })
	s.edge.set(func() { must(s.edge.accept(stolen, old)) })
	awaitEvidence(t, fi, "REGISTER_TOO_OLD")
	if items, _ := fi.Inbox(ctx, client.Query{}); len(items) != 1 {
		t.Errorf("the inbox has %d messages", len(items))
	}
	// Under the register as it is, the law itself says no.
	s.edge.set(func() { must(s.edge.accept(s.stolen(old), s.edge.register.Size())) })
	if e := awaitEvidence(t, fi, "KEY_REVOKED"); !e.Signed {
		t.Error("what the log accepted against the law does not count as signed")
	}
}

// stolen makes another message with the keys of Sweden's desk, as of a register.
func (s *stage) stolen(size int64) []byte {
	s.t.Helper()
	_, locked := s.rings("se.spoc")
	m := *s.edge.messages[0].Envelope
	h := m.Header
	h.ID, h.AsOfAudit, h.AsOfRegister = signed.NewID(), s.edge.audit.Head(), s.edge.register.At(size).Head()
	return must(envelope.Sign(h, m.Sealed, locked.Message)).Bytes()
}

// The same id delivered twice, with two texts that are both properly signed and
// logged.
func TestSecondText(t *testing.T) {
	s := newLie(t)
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "handed-over")
	_, locked := s.rings("se.spoc")
	first := s.edge.messages[0]
	h := first.Header
	h.AsOfAudit = s.edge.audit.Head()
	second := must(envelope.Sign(h, first.Sealed, locked.Message))
	s.edge.set(func() { must(s.edge.accept(second.Bytes(), s.edge.register.Size())) })
	e := awaitEvidence(t, fi, "SECOND_TEXT")
	if !e.Signed {
		t.Error("two texts that the log accepted do not count as signed")
	}
	if string(e.Exhibits["envelope"]) != string(second.Bytes()) {
		t.Error("the second text is not among the exhibits")
	}
	if items, _ := fi.Inbox(ctx, client.Query{}); len(items) != 1 {
		t.Errorf("the inbox has %d messages", len(items))
	}
}

// Entries that don't belong into the register, under checkpoints that the broker
// signed over them.
func TestForcedEntries(t *testing.T) {
	other := must(gatewaytest.Make(t.TempDir(), gatewaytest.Plan{
		Name: "other.example", Founders: []string{"se"}, Threshold: 1, Parties: []gatewaytest.Party{{Name: "fi", Title: "Party fi"}},
	}))
	foreign := must(other.Parties["fi"].Agreement(register.Agreement{
		Title: "Of another exchange", Parties: []string{"se"}, Types: []string{"SPONTANEOUS"},
		Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.Unclassified,
		From: signed.At(morning), Until: signed.At(morning.AddDate(1, 0, 0)),
	})).Note
	for name, test := range map[string]struct {
		entry func(*stage) []byte
		code  string
	}{
		"replayed":                      {func(s *stage) []byte { return s.Entries[len(s.Entries)-1] }, "ENTRY_OUT_OF_ORDER"},
		"party of another exchange":     {func(*stage) []byte { return other.Entries[0] }, "WRONG_EXCHANGE"},
		"agreement of another exchange": {func(*stage) []byte { return foreign }, "WRONG_EXCHANGE"},
		"not signed by its party": {func(s *stage) []byte {
			a := register.Agreement{
				Link:  register.Link{Exchange: s.edge.register.Exchange(), Signers: []string{"fi"}},
				Title: "Invented", Parties: []string{"fi", "se"}, Types: []string{"SPONTANEOUS"},
				Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.BPL,
				From: signed.At(morning), Until: signed.At(morning.AddDate(1, 0, 0)),
			}
			a.Previous, _ = s.edge.register.Previous("fi")
			return must(signed.Sign(a.Text(), must(signed.GenerateKeys("fi", signed.UseEntry))...)).Bytes()
		}, "SIGNATURE_MISSING"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLie(t)
			se := s.unlocked("se.spoc")
			s.ready(se)
			size := s.edge.register.Size()
			s.edge.force(test.entry(s))
			draft := request(t)
			id := send(t, se, draft)
			awaitEvidence(t, se, test.code)
			if st, _ := se.Status(ctx); st.Register != size {
				t.Errorf("the desk goes by a register of %d entries", st.Register)
			}
			if o := outState(t, se, id); o.State != "queued" {
				t.Errorf("under a log that is altered the message is %s", o.State)
			}
		})
	}
}

// A broker signs a checkpoint without end and shows entries to match: the first
// that nobody entitled signed is the last that this desk asks for.
func TestEndlessRegister(t *testing.T) {
	s := newLie(t)
	known := s.edge.tree.Head(s.edge.entryKey.Public.Name)
	known.Size = 1 << 40
	lure := string(must(auditlog.SignCheckpoint(known, s.edge.entryKey)))
	s.edge.set(func() {
		s.edge.lie = func(_ signed.Address, answer any) {
			switch a := answer.(type) {
			case *api.InboxAnswer:
				a.Catchup.Register.Checkpoint, a.Catchup.Register.Entries = lure, a.Catchup.Register.Entries[:1]
			case *api.ProgressAnswer:
				a.Catchup.Register.Checkpoint, a.Catchup.Register.Entries = lure, a.Catchup.Register.Entries[:1]
			}
		}
	})
	se := must(desk.New(desk.Config{
		Dir: s.desk("se.spoc"), Broker: endless{line{s.edge, "se.spoc"}}, Now: s.clock.Wall, Retry: time.Millisecond,
	}))
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- se.Run(ctx) }()
	e := awaitEvidence(t, se, "ENTRY_OUT_OF_ORDER")
	if want := fmt.Sprintf("register entry %d", len(s.edge.entries)); e.Subject != want {
		t.Errorf("the evidence is of %s, not of %s", e.Subject, want)
	}
	if st := must(se.Status(ctx)); st.Register != 1 {
		t.Errorf("the desk goes by a register of %d entries", st.Register)
	}
	cancel()
	must(0, <-done)
	must(0, se.Close())
}

// endless shows the register entry by entry, and then its last for ever.
type endless struct{ line }

func (b endless) Register(ctx context.Context, h api.Heads, from int64, _, _ int) (*api.RegisterAnswer, error) {
	last := int64(len(b.e.entries)) - 1
	if from > last+1 {
		b.e.t.Errorf("the desk asks for entry %d, after one that was to be refused", from)
	}
	return b.line.Register(ctx, h, min(from, last), 1, 0)
}

// A crook is an edge whose submissions the test answers.
type crook struct {
	line
	submit func(line, []byte) (*api.SubmitItem, error)
}

func (b crook) Submit(_ context.Context, h api.Heads, envelopes [][]byte) (*api.SubmitAnswer, error) {
	return b.submitEach(h, envelopes, func(e []byte) (*api.SubmitItem, error) { return b.submit(b.line, e) })
}

// cheated runs Sweden's desk, unlocked, with a crook for a broker.
func (s *stage) cheated(submit func(line, []byte) (*api.SubmitItem, error)) *desk.Desk {
	s.t.Helper()
	se, _ := s.startTo("se.spoc", crook{line{s.edge, "se.spoc"}, submit})
	s.unlock(se)
	s.ready(se)
	return se
}

// A message that is refused again and again doesn't stop the next.
func TestOneRefused(t *testing.T) {
	s := newLie(t)
	var first []byte
	se := s.cheated(func(l line, e []byte) (*api.SubmitItem, error) {
		if first == nil {
			first = e
		}
		if string(e) == string(first) {
			return nil, problem.New(problem.Internal, "of this one text")
		}
		return l.one(e)
	})
	stays, goes := send(t, se, request(t)), send(t, se, request(t))
	awaitOut(t, se, goes, "accepted")
	if o := outState(t, se, stays); o.State != "queued" || o.Problem == nil || o.Problem.Code != problem.Internal {
		t.Errorf("the first is %s with %+v", o.State, o.Problem)
	}
}

// A broker says that the register has moved, once, and it has not: the same bytes
// go again.
func TestMovedOnce(t *testing.T) {
	s := newLie(t)
	moved := false
	se := s.cheated(func(l line, e []byte) (*api.SubmitItem, error) {
		if !moved {
			moved = true
			return nil, problem.New(problem.RegisterMoved, "says the broker")
		}
		return l.one(e)
	})
	id := send(t, se, request(t))
	text := outState(t, se, id).Message
	awaitOut(t, se, id, "accepted")
	if outState(t, se, id).Message != text {
		t.Error("it was sealed anew")
	}
}

// twoFaced logs a refusal of an envelope, to bind it until a time, and accepts the
// envelope all the same.
func twoFaced(l line, b []byte, until func(*envelope.Envelope) signed.Time) error {
	e := must(envelope.Parse(b))
	return twoFacedAs(l, e, e.TextHash(), until(e))
}

// twoFacedAs is twoFaced with a refusal of whatever is named.
func twoFacedAs(l line, e *envelope.Envelope, name signed.Hash, until signed.Time) error {
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	b := e.Bytes()
	v := l.e.record(auditlog.Record{
		Kind: envelope.Rejected, Caller: l.caller, TextHash: name, Code: problem.NoAgreement, Until: until,
	}, l.e.register.Size())
	must(l.e.accept(b, l.e.register.Size()))
	return &api.Refusal{Problem: problem.New(problem.NoAgreement, "says the broker"), Proof: l.e.prove(v)}
}

// A logged refusal that binds nobody would let the broker deliver what it refused:
// it ends nothing.
func TestRefusalThatBindsNobody(t *testing.T) {
	s := newLie(t)
	lies := true
	se := s.cheated(func(l line, e []byte) (*api.SubmitItem, error) {
		if lies {
			lies = false
			return nil, twoFaced(l, e, func(*envelope.Envelope) signed.Time { return signed.At(s.clock.Wall()) })
		}
		return l.one(e)
	})
	id := send(t, se, request(t))
	awaitEvidence(t, se, "PROOF_INVALID")
	awaitOut(t, se, id, "accepted")
}

// A refusal of bytes binds a broker to nothing about their text. Where the signatures are
// good it may refuse the text alone: so it ends nothing.
func TestRefusalOfGoodBytes(t *testing.T) {
	s := newLie(t)
	lies := true
	se := s.cheated(func(l line, b []byte) (*api.SubmitItem, error) {
		if lies {
			lies = false
			e := must(envelope.Parse(b))
			return nil, twoFacedAs(l, e, envelope.HashOfBytes(b), e.Expires)
		}
		return l.one(b)
	})
	id := send(t, se, request(t))
	awaitEvidence(t, se, "PROOF_INVALID")
	awaitOut(t, se, id, "accepted")
}

// A broker logs a refusal that binds it, and delivers all the same: once the log
// proves anything else of the message, that is what it shows, and the two
// together are evidence.
func TestRefusedAndDelivered(t *testing.T) {
	for name, test := range map[string]struct {
		deliver func(*stage)
		state   client.State
	}{
		"consigned": {func(s *stage) { s.unlocked("fi.spoc") }, "handed-over"},
		"asked for again": {func(s *stage) {
			s.edge.set(func() {
				s.edge.lie = func(_ signed.Address, answer any) {
					if a, ok := answer.(*api.ProgressAnswer); ok {
						m := s.edge.messages[0]
						a.Again = []api.Again{{ID: m.ID, Message: m.TextHash()}}
					}
				}
			})
			s.enter(s.party("fi").Revoke("fi.spoc", "locked", signed.Time{})) // ends the poll
		}, "accepted"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLie(t)
			lies := true
			se := s.cheated(func(l line, e []byte) (*api.SubmitItem, error) {
				if lies {
					lies = false
					return nil, twoFaced(l, e, func(e *envelope.Envelope) signed.Time { return e.Expires })
				}
				return l.one(e)
			})
			id := send(t, se, request(t))
			awaitOut(t, se, id, "rejected")
			test.deliver(s)
			awaitOut(t, se, id, test.state)
			awaitEvidence(t, se, "ALREADY_ENDED")
			if v := must(se.Verify(ctx, client.Ref{ID: id})); len(v.Faults) != 0 {
				t.Errorf("faults: %+v", v.Faults)
			}
		})
	}
}

// expire logs a message's expiry at its time, which is not yet, and honest time
// goes on from there. s.edge.mu is locked.
func (s *stage) expire(m *message) {
	truth := s.edge.clock
	s.edge.clock = gatewaytest.NewClock(m.Expires.AsTime())
	m.end = &event{entry: s.edge.record(auditlog.Record{Kind: envelope.Expired, Message: m.TextHash()}, s.edge.register.Size())}
	s.edge.clock = truth
}

// A broker expires a message a week before its time, by a lie about the hour: the
// sender goes by its own clock until that time has come.
func TestExpiredByALie(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	s.edge.set(func() { s.expire(s.edge.messages[0]) })
	await(t, se, "shown", func() bool {
		o := outState(t, se, id)
		return o.State == "expired" || strings.Contains(o.Waits, "later than this desk's clock")
	})
	if o := outState(t, se, id); o.State != "accepted" {
		t.Errorf("the message is %s", o.State)
	}
	if v := must(se.Verify(ctx, client.Ref{})); len(v.Evidence)+len(v.Faults) != 0 {
		t.Errorf("clocks that disagree are no evidence: %+v %+v", v.Evidence, v.Faults)
	}
	s.clock.Move(7 * 24 * time.Hour)
	s.enter(s.party("fi").Revoke("fi.spoc", "locked", signed.Time{})) // ends the poll
	awaitOut(t, se, id, "expired")
}

// The same lie to the receiver, who has the message already: it consigns as soon
// as the broker lets it.
func TestExpiredByALieToTheReceiver(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	looks := 0
	fi, _ := s.startTo("fi.spoc", hasty{line{s.edge, "fi.spoc"}, func() {
		s.edge.set(func() {
			m := s.edge.messages[0]
			switch looks++; looks {
			case 1:
				s.expire(m)
			case 3: // what it was told twice it did not believe
				m.end = nil
			}
		})
	}})
	s.unlock(fi)
	awaitIn(t, fi, id, "handed-over")
}

// hasty is an edge that does something before each statement that comes.
type hasty struct {
	line
	first func()
}

func (b hasty) State(_ context.Context, h api.Heads, notes [][]byte) (*api.StateAnswer, error) {
	return b.stateEach(h, notes, func(note []byte) (*api.StateItem, error) {
		b.first()
		return b.say(note)
	})
}

// A refusal whose time is yet to come ends nothing either: by such a lie every
// text has expired.
func TestRefusedByALie(t *testing.T) {
	s := newLie(t)
	lies := true
	se := s.cheated(func(l line, e []byte) (*api.SubmitItem, error) {
		if !lies {
			return l.one(e)
		}
		truth := s.edge.clock
		s.edge.set(func() { s.edge.clock = gatewaytest.NewClock(morning.AddDate(0, 0, 8)) })
		defer s.edge.set(func() { s.edge.clock = truth })
		return nil, twoFaced(l, e, func(*envelope.Envelope) signed.Time { return signed.At(s.edge.clock.Wall()) })
	})
	id := send(t, se, request(t))
	await(t, se, "shown", func() bool {
		o := outState(t, se, id)
		return o.State == "rejected" || strings.Contains(o.Waits, "later than this desk's clock")
	})
	if o := outState(t, se, id); o.State != "queued" {
		t.Errorf("the message is %s", o.State)
	}
}

// astray is an edge whose first pages of progress lead far beyond its log.
type astray struct {
	line
	lies *atomic.Int64
}

func (b astray) Progress(ctx context.Context, h api.Heads, p api.Page) (*api.ProgressAnswer, error) {
	a, err := b.line.Progress(ctx, h, p)
	if err == nil && b.lies.Add(-1) >= 0 {
		a.Next = 1 << 40
	}
	return a, err
}

// A cursor that leads beyond the log isn't kept, and hides nothing.
func TestCursorAstray(t *testing.T) {
	s := newLie(t)
	lies := &atomic.Int64{}
	lies.Store(3)
	se, _ := s.startTo("se.spoc", astray{line{s.edge, "se.spoc"}, lies})
	s.unlock(se)
	s.ready(se)
	s.unlocked("fi.spoc")
	awaitOut(t, se, send(t, se, request(t)), "handed-over")
}

// What was not believed is read again, also by a process that starts anew.
func TestDisbelievedAndTrue(t *testing.T) {
	s := newLie(t)
	se, stop := s.start("se.spoc")
	s.unlock(se)
	s.ready(se)
	s.start("fi.spoc") // locked: it consigns, and no more
	s.edge.set(func() {
		s.edge.lie = func(_ signed.Address, answer any) {
			if a, ok := answer.(*api.ProgressAnswer); ok {
				for i := range a.Items {
					a.Items[i].Proof = ""
				}
			}
		}
	})
	id := send(t, se, request(t))
	awaitEvidence(t, se, "PROOF_MISSING")
	stop()
	s.edge.set(func() { s.edge.lie = nil })
	se, _ = s.start("se.spoc")
	awaitOut(t, se, id, "consigned")
}

// A broker sends junk of megabytes: of each piece so much is kept as the largest
// envelope has.
func TestFatEvidence(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	awaitOut(t, se, send(t, se, request(t)), "accepted")
	s.inboxLie(func(i *api.InboxItem) { i.Envelope = make([]byte, 3<<20) })
	fi, _ := s.start("fi.spoc")
	e := awaitEvidence(t, fi, "OVERSIZE")
	size := 0
	for _, x := range e.Exhibits {
		size += len(x)
	}
	if whole := len(e.Exhibits["acceptance"]) + len(e.Exhibits["checkpoint"]); size != whole+envelope.MaxEnvelope {
		t.Errorf("%d bytes of exhibits are kept", size)
	}
}

// junk is an edge whose inbox brings a page of rubbish at once, each time.
type junk struct {
	line
	pages *atomic.Int64
}

func (b junk) Inbox(ctx context.Context, h api.Heads, p api.Ask) (*api.InboxAnswer, error) {
	b.pages.Add(1)
	a, err := b.line.Inbox(ctx, h, api.Ask{})
	if err == nil {
		a.Items = []api.InboxItem{{Envelope: []byte("rubbish")}}
	}
	return a, err
}

// After a page of which nothing is believed the desk pauses, and does its other
// work.
func TestJunkWithoutEnd(t *testing.T) {
	s := newLie(t)
	pages := &atomic.Int64{}
	se := must(desk.New(desk.Config{
		Dir: s.desk("se.spoc"), Broker: junk{line{s.edge, "se.spoc"}, pages}, Now: s.clock.Wall, Retry: time.Hour,
	}))
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- se.Run(ctx) }()
	s.unlock(se)
	s.ready(se)
	awaitEvidence(t, se, "TEXT_MALFORMED")
	awaitOut(t, se, send(t, se, request(t)), "accepted")
	if n := pages.Load(); n > 2 { // one more if another call was quicker
		t.Errorf("%d pages of rubbish were asked for", n)
	}
	cancel()
	must(0, <-done)
	must(0, se.Close())
}

// A page of more items than were asked for is not looked at.
func TestMoreThanAskedFor(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	served := 0
	s.edge.set(func() {
		s.edge.lie = func(_ signed.Address, answer any) {
			if a, ok := answer.(*api.InboxAnswer); ok && len(a.Items) > 0 {
				if served++; served > 3 {
					return
				}
				for len(a.Items) <= api.MaxLimit {
					a.Items = append(a.Items, a.Items[0])
				}
			}
		}
	})
	fi := s.unlocked("fi.spoc")
	awaitIn(t, fi, id, "handed-over")
	s.edge.set(func() {
		if served < 4 {
			t.Error("of an endless page an item was taken in")
		}
	})
}

// Two histories: the broker shows a log that lacks what this desk saw.
func TestTwoHistories(t *testing.T) {
	s, se, id := consigned(t)
	s.edge.set(func() {
		fork := s.newEdge()
		for range 5 {
			fork.record(auditlog.Record{Kind: auditlog.Refusals, Caller: "fi.spoc", Count: 1}, 1)
		}
		s.edge.audit = fork.audit
	})
	second := send(t, se, request(t))
	if e := awaitEvidence(t, se, "LOG_CONTRADICTS"); !e.Signed {
		t.Error("two checkpoints do not count as signed")
	}
	if o := outState(t, se, id); o.State != "consigned" {
		t.Errorf("the message is %s", o.State)
	}
	if o := outState(t, se, second); o.State != "queued" {
		t.Errorf("under another history a message is %s", o.State)
	}
}

// sendsUnaware has a desk seal to Finland before it hears that Finland's ring is
// revoked, and submit after it.
func (s *stage) sendsUnaware(from *desk.Desk) signed.ID {
	s.t.Helper()
	s.edge.set(func() { s.edge.down = true })
	id := send(s.t, from, request(s.t))
	s.enter(s.party("fi").Revoke("fi.spoc", "locked", signed.Time{}))
	s.edge.set(func() { s.edge.down = false })
	return id
}

// A false proof of refusal ends nothing.
func TestFalseRefusal(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	refuse := true
	s.edge.set(func() {
		s.edge.lie = func(_ signed.Address, answer any) {
			if r, ok := answer.(*api.Refusal); ok && refuse {
				r.Problem = problem.New(problem.NoAgreement, "says the broker")
			}
		}
	})
	id := s.sendsUnaware(se)
	awaitEvidence(t, se, "PROOF_INVALID")
	if o := outState(t, se, id); o.State != "queued" {
		t.Errorf("the message is %s", o.State)
	}
	s.edge.set(func() { refuse = false })
	awaitOut(t, se, id, "rejected")
	if p := outState(t, se, id).Problem; p.Code != problem.KeyRevoked || p.Next == "" {
		t.Errorf("it is shown with %+v", p)
	}
	// It is of the bytes, since the ring that signed them is revoked: provable while they are
	// there, and the rest of it when they are erased.
	for range 2 {
		if v := must(se.Verify(ctx, client.Ref{ID: id})); v.Proven != 1 || len(v.Faults) != 0 {
			t.Errorf("the desk proves %+v", v)
		}
		must(0, se.Erase(ctx, client.Ref{ID: id}))
	}
}

// A refusal that the log doesn't bear out ends nothing: the broker could deliver
// the message all the same.
func TestRefusalWithoutProof(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	hide := true
	s.edge.set(func() {
		s.edge.lie = func(_ signed.Address, answer any) {
			if r, ok := answer.(*api.Refusal); ok && hide {
				r.Proof = ""
			}
		}
	})
	id := s.sendsUnaware(se)
	await(t, se, "a refusal without proof", func() bool {
		o := outState(t, se, id)
		return o.State != "queued" || o.Problem != nil
	})
	if o := outState(t, se, id); o.State != "queued" || o.Problem.Code != problem.ProofMissing {
		t.Errorf("the message is %s with %+v", o.State, o.Problem)
	}
	s.edge.set(func() { hide = false })
	awaitOut(t, se, id, "rejected")
}

// luring is an edge whose inbox names large messages that are nowhere.
type luring struct {
	line
	large *atomic.Int64 // calls for them
	held  *atomic.Int64 // the most that the desk named
}

func (b luring) Inbox(ctx context.Context, h api.Heads, ask api.Ask) (*api.InboxAnswer, error) {
	b.held.Store(max(b.held.Load(), int64(len(ask.Held))))
	if ask.Part == api.Large {
		b.large.Add(1)
		return b.line.Inbox(ctx, h, ask)
	}
	a, err := b.line.Inbox(ctx, h, api.Ask{Held: ask.Held})
	if err == nil {
		for range api.MaxLimit {
			var text signed.Hash
			rand.Read(text[:])
			a.Large = append(a.Large, text)
		}
	}
	return a, err
}

// Large messages that a broker names and does not have are asked for once in a while, are
// held in mind in a bounded number, and keep up no other work.
func TestLargeMessagesThatAreNowhere(t *testing.T) {
	s := newLie(t)
	b := luring{line{s.edge, "fi.spoc"}, &atomic.Int64{}, &atomic.Int64{}}
	fi := must(desk.New(desk.Config{Dir: s.desk("fi.spoc"), Broker: b, Now: s.clock.Wall, Retry: time.Millisecond}))
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- fi.Run(ctx) }()
	s.unlock(fi)
	se := s.unlocked("se.spoc")
	s.ready(se)
	for range 3 {
		awaitIn(t, fi, send(t, se, request(t)), "handed-over")
	}
	if n := b.large.Load(); n > 5 {
		t.Errorf("%d calls for large messages", n)
	}
	if n := b.held.Load(); n > 300 {
		t.Errorf("%d messages are named as held", n)
	}
	cancel()
	must(0, <-done)
	must(0, fi.Close())
}
