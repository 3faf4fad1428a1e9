package desk_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// lies has the edge change each answer of one kind to one desk.
func lies[A any](s *stage, to signed.Address, change func(answer A)) {
	s.edge.set(func() {
		s.edge.lie = func(caller signed.Address, answer any) {
			if a, ok := answer.(A); ok && caller == to {
				change(a)
			}
		}
	})
}

func (s *stage) honest() { s.edge.set(func() { s.edge.lie = nil }) }

// A broker hides a message from the desk that it is for: its sender sees it accepted and
// no more, what is sent after it comes, and it comes itself once it is shown, whenever
// that is.
func TestHiddenMessage(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	hidden := send(t, se, request(t))
	awaitOut(t, se, hidden, "accepted")
	lies(s, "fi.spoc", func(a *api.InboxAnswer) {
		a.Items = slices.DeleteFunc(a.Items, func(i api.InboxItem) bool { return string(i.Envelope) == string(s.edge.messages[0].bytes) })
	})
	fi := s.unlocked("fi.spoc")
	shown := send(t, se, request(t))
	awaitIn(t, fi, shown, "handed-over")
	awaitOut(t, se, shown, "handed-over")
	if o := outState(t, se, hidden); o.State != "accepted" {
		t.Errorf("what nobody was shown is %s", o.State)
	}
	s.honest()
	awaitIn(t, fi, hidden, "handed-over")
	awaitOut(t, se, hidden, "handed-over")
	for _, d := range []*desk.Desk{se, fi} {
		if v := must(d.Verify(ctx, client.Ref{})); len(v.Evidence)+len(v.Faults) != 0 {
			t.Errorf("%s accuses of %+v", d.Address(), v)
		}
	}
}

// A page of progress in another order than the log's, or with an item twice, is taken in
// as it is proven.
func TestProgressReordered(t *testing.T) {
	for name, change := range map[string]func(*api.ProgressAnswer){
		"backwards": func(a *api.ProgressAnswer) { slices.Reverse(a.Items) },
		"twice":     func(a *api.ProgressAnswer) { a.Items = append(a.Items, a.Items...) },
		"with the cursors changed about": func(a *api.ProgressAnswer) {
			for n := range a.Items[:len(a.Items)/2] {
				other := &a.Items[len(a.Items)-1-n]
				a.Items[n].Cursor, other.Cursor = other.Cursor, a.Items[n].Cursor
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLie(t)
			se, stop := s.start("se.spoc")
			s.unlock(se)
			s.ready(se)
			var sent []signed.ID
			for range 3 {
				sent = append(sent, send(t, se, request(t)))
			}
			for _, id := range sent {
				awaitOut(t, se, id, "accepted")
			}
			stop()
			fi, _ := s.start("fi.spoc")
			for _, id := range sent {
				awaitIn(t, fi, id, "consigned")
			}
			s.unlock(fi)
			for _, id := range sent {
				awaitIn(t, fi, id, "handed-over")
			}
			lies(s, "se.spoc", change)
			se, _ = s.start("se.spoc")
			for _, id := range sent {
				awaitOut(t, se, id, "handed-over")
				if o := outState(t, se, id); o.Consigned.IsZero() {
					t.Error("its consignment is not shown")
				}
			}
			if v := must(se.Verify(ctx, client.Ref{})); v.Proven != 9 || len(v.Evidence)+len(v.Faults) != 0 {
				t.Errorf("it proves %+v", v)
			}
		})
	}
}

// A page of progress of more items than were asked for is not looked at.
func TestProgressFlood(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	served := 0
	lies(s, "se.spoc", func(a *api.ProgressAnswer) {
		if served++; len(a.Items) > 0 && served <= 5 {
			a.Items = append(a.Items, slices.Repeat(a.Items[:1], api.MaxLimit)...)
		} else if served <= 5 {
			a.Again = make([]api.Again, api.MaxLimit+1)
		}
	})
	s.start("fi.spoc")
	id := send(t, se, request(t))
	awaitOut(t, se, id, "consigned")
	s.edge.set(func() {
		if served <= 5 {
			t.Errorf("of an endless page, the %dth, an item was taken in", served)
		}
	})
}

// A broker withholds the proof of a desk's word: the content is shown to nobody, it is
// evidence, and the same word is said until it is proven.
func TestWordWithoutProof(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	fi := s.unlocked("fi.spoc")
	var said [][]byte
	s.edge.set(func() {
		s.edge.lie = func(caller signed.Address, answer any) {
			switch a := answer.(type) {
			case *api.StateAnswer:
				if m := s.edge.messages[0]; caller == "fi.spoc" && m.end != nil {
					said = append(said, m.end.note)
				}
				for n := range a.Items {
					a.Items[n].Proof = ""
				}
			case *api.ProgressAnswer:
				if caller == "fi.spoc" {
					a.Items = nil
				}
			}
		}
	})
	id := send(t, se, request(t))
	awaitEvidence(t, fi, "PROOF_MISSING")
	if i := must(fi.Inbox(ctx, client.Query{ID: id}))[0]; i.State != "accepted" || i.Says != "handed-over" || i.Summary != nil {
		t.Errorf("without a proof it shows %+v", i)
	}
	if _, err := fi.Read(ctx, client.Ref{ID: id}); problem.CodeOf(err) == "" {
		t.Errorf("without a proof it is read: %v", err)
	}
	s.honest()
	awaitIn(t, fi, id, "handed-over")
	s.edge.set(func() {
		for _, note := range said {
			if string(note) != string(said[0]) {
				t.Error("another word is said in place of the first")
			}
		}
	})
}

// A bounded is an edge that gives no more than it is asked for, and takes words only when
// it is told so.
type bounded struct {
	line
	asks  *atomic.Int64
	held  *atomic.Int64 // as the last page was asked for
	takes *atomic.Bool
}

func (b bounded) Inbox(ctx context.Context, h api.Heads, ask api.Ask) (*api.InboxAnswer, error) {
	b.asks.Add(1)
	b.held.Store(int64(len(ask.Held)))
	a, err := b.line.Inbox(ctx, h, ask)
	if err == nil {
		a.Items = a.Items[:min(len(a.Items), ask.Limit)]
	}
	return a, err
}

func (b bounded) State(ctx context.Context, h api.Heads, notes [][]byte) (*api.StateAnswer, error) {
	if !b.takes.Load() {
		return nil, api.ErrUnreachable
	}
	return b.line.State(ctx, h, notes)
}

// A broker that takes no word of a desk, and shows it message after message: with as many
// in hand as it may name, the desk asks for no more until it has said something of them.
func TestHeldHasABound(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	var sent []signed.ID
	for range 2 {
		sent = append(sent, send(t, se, request(t)))
		awaitOut(t, se, sent[len(sent)-1], "accepted")
	}
	b := bounded{line{s.edge, "fi.spoc"}, &atomic.Int64{}, &atomic.Int64{}, &atomic.Bool{}}
	fi, stop := s.startTo("fi.spoc", silence{}) // it makes its database
	stop()
	s.inHand("fi.spoc", api.MaxHeld-1)
	fi, _ = s.startTo("fi.spoc", b)
	has := func() (n int) {
		for _, id := range sent {
			if _, err := fi.Inbox(ctx, client.Query{ID: id}); err == nil {
				n++
			}
		}
		return n
	}
	await(t, fi, "full", func() bool { return has() == 1 })
	if asks, held := b.asks.Load(), b.held.Load(); asks != 1 || held != api.MaxHeld-1 {
		t.Errorf("it asked %d times, at last holding %d", asks, held)
	}
	b.takes.Store(true)
	await(t, fi, "given both", func() bool { return has() == 2 })
	for _, id := range sent {
		awaitOut(t, se, id, "consigned")
	}
}

// inHand writes so many messages into a desk's database that it took in and said no proven
// word of.
func (s *stage) inHand(addr signed.Address, n int) {
	s.t.Helper()
	db := must(store.Open(s.desk(addr)+"/desk.db", addr, store.MinReserve, func(signed.ID, client.State) {}))
	err := db.Update(func(tx *store.Tx) error {
		for range n {
			r := &store.Row{Received: true, From: "se.spoc", ID: signed.NewID(), To: addr, Type: "INFO_REQUEST",
				Conversation: signed.NewID(), State: client.Accepted, Accepted: true}
			r.TextHash = signed.HashOf(r.ID.String())
			if err := errors.Join(tx.AddText(r.TextHash, []byte("kept"), []byte("sealed")), tx.Add(r)); err != nil {
				return err
			}
		}
		return nil
	})
	must(0, errors.Join(err, db.Close()))
}

// A broker that never heard of a message invents what became of it, or asks for bytes that
// were never sent: nothing is shown, nothing is sent, and one line says it.
func TestInventedProgress(t *testing.T) {
	s := newLie(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	var invented auditlog.Entry
	id, text := signed.NewID(), signed.HashOf("a message that nobody sent")
	s.edge.set(func() {
		invented = s.edge.record(auditlog.Record{Kind: "expired", Message: text}, s.register.Size())
	})
	lies(s, "se.spoc", func(a *api.ProgressAnswer) {
		if at := api.Past(invented.Record.Index); a.Next < at {
			a.Items = append(a.Items, api.ProgressItem{Cursor: at, ID: id, Sender: "se.spoc", Message: text,
				LoggedEvent: api.LoggedEvent{Event: "expired", Proof: s.edge.prove(invented)}})
			a.Next, a.Again = max(a.Next, at), []api.Again{{ID: id, Message: text}}
		}
	})
	s.start("fi.spoc")
	awaitOut(t, se, send(t, se, request(t)), "consigned")
	await(t, se, "told of it", func() bool {
		return slices.ContainsFunc(must(se.Log(ctx, client.Query{})), func(e client.LogEntry) bool {
			return e.Event == "not held here" && e.Subject == "message "+id.String()
		})
	})
	if out := must(se.Outbox(ctx, client.Query{})); len(out) != 1 {
		t.Errorf("it shows %d messages", len(out))
	}
}
