package gatewaytest

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A withdrawal races a consignment. The log orders the two: one stands, the
// other is shown it, with its proof.
func TestWithdrawalRace(t *testing.T) {
	t.Parallel()
	s := perform(t, borders(), broker.Config{})
	se, fi := s.callers["se.spoc"], s.callers["fi.spoc"]
	won := map[envelope.Event]int{}
	for round := range 40 {
		e := se.message("fi.spoc")
		se.accepted(e)
		fi.newest()
		event := s.race(round, e, se.withdraws(e.ID), fi.consigns(e.TextHash()))
		won[event]++
		if item := se.eventOf(e.ID, event); item.Message != e.TextHash() {
			t.Errorf("the sender hears that message %s is %s", item.Message, event)
		}
		for _, i := range fi.inbox(0).Items {
			if event == envelope.Withdrawn && bytes.Equal(i.Envelope, e.Bytes()) {
				t.Error("a message that is withdrawn is in the inbox")
			}
		}
		if event == envelope.Consigned {
			fi.stated(fi.hands(e.TextHash()))
		}
	}
	t.Logf("of 40 races %d were withdrawn, %d consigned", won[envelope.Withdrawn], won[envelope.Consigned])
	if won[envelope.Withdrawn] == 0 || won[envelope.Consigned] == 0 {
		t.Errorf("one side always wins: %v", won)
	}
}

// race sends both at once, now the one and now the other first, and waits for the
// first one in the first two rounds. It returns what stands.
func (s *scene) race(round int, e *envelope.Envelope, withdrawal, consignment []byte) envelope.Event {
	s.Helper()
	se, fi := s.callers["se.spoc"], s.callers["fi.spoc"]
	heads := [2]api.Heads{se.heads(), fi.heads()}
	var answers [2]*Stated
	var errs [2]error
	var both sync.WaitGroup
	sends := []func(){
		func() { answers[0], errs[0] = StateOne(s.Context(), se.client, heads[0], withdrawal) },
		func() { answers[1], errs[1] = StateOne(s.Context(), fi.client, heads[1], consignment) },
	}
	for i := range sends {
		both.Go(sends[(i+round)%2])
		if round < 2 {
			both.Wait()
		}
	}
	both.Wait()
	for i, c := range []*caller{se, fi} {
		if answers[i] != nil {
			c.learn(&answers[i].Catchup)
		}
	}
	if errs[0] == nil {
		r := s.refusal(errs[1], problem.AlreadyEnded)
		s.stands(fi, r, e, envelope.Withdrawn, withdrawal)
		return envelope.Withdrawn
	}
	if errs[1] != nil {
		s.Fatalf("neither stands: %v", errs)
	}
	r := s.refusal(errs[0], problem.AlreadyConsigned)
	s.stands(se, r, e, envelope.Consigned, consignment)
	return envelope.Consigned
}

// stands checks that a refusal shows and proves what came first.
func (s *scene) stands(to *caller, r *api.Refusal, e *envelope.Envelope, event envelope.Event, note []byte) {
	s.Helper()
	if r.Stands == nil || r.Stands.Event != event || !bytes.Equal(r.Stands.Note, note) {
		s.Fatalf("%s is shown %+v", to.Address, r.Stands)
	}
	record := to.proven(r.Stands.Proof)
	if record.Kind != event || record.Message != e.TextHash() || record.Statement != signed.HashOf(note) {
		s.Errorf("%s is shown the proof of %+v", to.Address, record)
	}
}

// A withdrawal is of an id of one's own: another's message stays.
func TestWithdrawalOfAnother(t *testing.T) {
	t.Parallel()
	s := perform(t, borders(), broker.Config{})
	se, no := s.callers["se.spoc"], s.callers["no.spoc"]
	e := se.message("fi.spoc")
	se.accepted(e)
	no.newest()
	if r := no.stated(no.withdraws(e.ID)); r.From != "no.spoc" || !r.Message.IsZero() {
		t.Errorf("the proven withdrawal is %+v", r)
	}
	if n := len(s.callers["fi.spoc"].inbox(0).Items); n != 1 {
		t.Errorf("the inbox has %d messages", n)
	}
	se.accepted(e)
}

// duels plays all that can become of a message that its sender takes back. Both
// desks show the same end.
func (s *scene) duels(d *duel, clock *Clock) {
	s.act("withdrawn first", func() {
		d.receiver.set(false)
		id := d.sent()
		d.withdraw(id)
		s.await("se.spoc", s.sees("se.spoc", id, "withdrawn"))
		d.receiver.set(true)
		d.end(id, "withdrawn")
	})
	s.act("consigned first", func() {
		d.receiver.set(false)
		d.sender.set(false)
		id := d.sent()
		d.withdraw(id)
		d.receiver.set(true)
		s.await("fi.spoc", s.receives("fi.spoc", id, "handed-over"))
		d.sender.set(true)
		d.end(id, "handed-over")
	})
	s.act("at once", func() {
		won := map[client.State]int{}
		for range 10 {
			d.receiver.set(false)
			d.sender.set(false)
			id := d.sent()
			d.withdraw(id)
			var both sync.WaitGroup
			both.Go(func() { d.sender.set(true) })
			both.Go(func() { d.receiver.set(true) })
			both.Wait()
			won[d.end(id, "withdrawn", "handed-over")]++
		}
		s.Logf("ends: %v", won)
	})
	s.act("expired first", func() {
		d.receiver.set(false)
		id := d.sent()
		clock.Move(8 * 24 * time.Hour)
		s.await("se.spoc", s.sees("se.spoc", id, "expired"))
		d.receiver.set(true)
		d.end(id, "expired")
		_, err := s.Desks["se.spoc"].Withdraw(s.Context(), id)
		s.refusal(err, problem.AlreadyEnded)
	})
}

// A duel is of a sender and a receiver whose statements a test keeps back.
type duel struct {
	*scene
	sender, receiver *hold
}

// sent sends a message and waits until its receiver has stored it and would
// consign it.
func (d *duel) sent() signed.ID {
	d.Helper()
	sending := got(d.Desks["se.spoc"].Send(d.Context(), client.Draft{
		To: []signed.Address{"fi.spoc"}, Type: "INFO_REQUEST", Body: []byte(request()),
	}))(d)
	id := sending.Messages[0].ID
	d.await("se.spoc", d.sees("se.spoc", id, "accepted"))
	d.await("fi.spoc", d.receives("fi.spoc", id, "accepted"))
	return id
}

func (d *duel) withdraw(id signed.ID) {
	d.Helper()
	if o := got(d.Desks["se.spoc"].Withdraw(d.Context(), id))(d); o.Says != "withdrawn" && o.State != "withdrawn" {
		d.Errorf("the withdrawal is shown as %+v", o)
	}
}

// end waits until both desks show one of these ends, the same, and returns it.
func (d *duel) end(id signed.ID, ends ...client.State) (shown client.State) {
	d.Helper()
	d.await("se.spoc", func() bool {
		for _, shown = range ends {
			if d.sees("se.spoc", id, shown)() {
				return true
			}
		}
		return false
	})
	d.await("fi.spoc", d.receives("fi.spoc", id, shown))
	return shown
}

// receives tells whether a desk shows a message that it received in a state.
func (s *scene) receives(address signed.Address, id signed.ID, state client.State) func() bool {
	return func() bool {
		items, err := s.Desks[address].Inbox(s.Context(), client.Query{ID: id})
		return err == nil && items[0].State == state
	}
}

// A hold lets calls through, or keeps them back.
type hold struct {
	mu   sync.Mutex
	open chan struct{} // closed while calls pass
}

func newHold() *hold {
	h := &hold{open: make(chan struct{})}
	close(h.open)
	return h
}

func (h *hold) set(open bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if open {
		close(h.open)
	} else {
		h.open = make(chan struct{})
	}
}

func (h *hold) pass(ctx context.Context) error {
	h.mu.Lock()
	open := h.open
	h.mu.Unlock()
	select {
	case <-open:
		return nil
	case <-ctx.Done():
		return api.ErrUnreachable
	}
}

// held is a broker whose desk's statements pass a hold.
type held struct {
	desk.Broker
	hold *hold
}

func (h held) State(ctx context.Context, heads api.Heads, notes [][]byte) (*api.StateAnswer, error) {
	if err := h.hold.pass(ctx); err != nil {
		return nil, err
	}
	return h.Broker.State(ctx, heads, notes)
}
