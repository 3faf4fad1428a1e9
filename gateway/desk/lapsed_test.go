package desk_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

const month = 30 * 24 * time.Hour

// A desk that stays locked consigns a message and says no more: 30 days after its expiry
// the broker ends it. The sender sees that its request was due and is over; the receiver
// drops its word, shows nobody the content and keeps nothing of it.
func TestLapsed(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	fi, _ := s.start("fi.spoc")
	s.ready(se)
	draft := request(t)
	draft.Lifetime = client.Duration(time.Hour)
	id := send(t, se, draft)
	awaitOut(t, se, id, "consigned")
	text := outState(t, se, id).Message
	sealed := must(envelope.Parse(must(se.Verify(ctx, client.Ref{ID: id})).Envelope)).Sealed[512:576]
	if !s.onDisk("fi.spoc", sealed) {
		t.Fatal("the sealed part is not where it is looked for")
	}
	s.clock.Move(month + 30*time.Minute)
	if o := outState(t, se, id); o.State != "consigned" || !o.Open || !o.Deadline.Overdue {
		t.Fatalf("before its time it is %s, and its clock stands at %+v", o.State, o.Deadline)
	}
	s.clock.Move(time.Hour)
	awaitOut(t, se, id, "lapsed")
	s.unlock(fi) // it opens the message now, and has its word refused
	awaitIn(t, fi, id, "lapsed")

	if !s.erased("fi.spoc", sealed) {
		t.Error("its sealed part is still on the disk")
	}
	db := must(sql.Open("sqlite", filepath.Join(s.desk("fi.spoc"), "desk.db?mode=ro&_pragma=busy_timeout(10000)")))
	defer db.Close()
	keys := 0
	if must(0, db.QueryRow("SELECT count(*) FROM file_keys").Scan(&keys)); keys != 0 {
		t.Error("the key that opens it is still there")
	}
	in := must(fi.Inbox(ctx, client.Query{ID: id}))[0]
	if in.Summary != nil || in.Says != "" || in.Open || in.Ended.IsZero() {
		t.Errorf("fi lists %+v", in)
	}
	if _, err := fi.Read(ctx, client.Ref{ID: id}); problem.CodeOf(err) != problem.UnknownMessage {
		t.Errorf("fi reads it: %v", err)
	}
	out := outState(t, se, id)
	if out.Open || out.Message != text || out.Ended.IsZero() {
		t.Errorf("se lists %+v", out)
	}
	for name, at := range map[string]*client.Deadline{"se": out.Deadline, "fi": in.Deadline} {
		if at == nil || !at.Overdue || !at.Answered.IsZero() || at.Remaining != 0 {
			t.Errorf("%s's clock stands at %+v", name, at)
		}
	}
	if m := must(se.Read(ctx, client.Ref{ID: id})); len(m.Body) == 0 {
		t.Error("the sender can't read what it sent")
	}
	for _, d := range []*desk.Desk{se, fi} {
		c := must(d.Conversations(ctx, client.Query{}))
		if len(c) != 1 || c[0].Turn != client.Nobody || len(c[0].Open) != 0 {
			t.Errorf("%s: the conversation stands at %+v", d.Address(), c)
		}
		if v := must(d.Verify(ctx, client.Ref{ID: id})); v.Proven != 3 || len(v.Faults)+len(v.Evidence) != 0 {
			t.Errorf("%s proves %+v", d.Address(), v)
		}
	}
}

// An answer that its asker never opened lapses, and stays the answer: who owed it gave it.
func TestLapsedAnswer(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	fi := s.unlocked("fi.spoc")
	s.ready(se)
	asked := send(t, se, request(t))
	awaitIn(t, fi, asked, "handed-over")
	awaitOut(t, se, asked, "handed-over")
	must(0, se.Lock(ctx))
	sent := must(fi.Answer(ctx, client.Ref{ID: asked}, client.Draft{Type: "ANSWER", Body: body(t, "04-answer.json"), Lifetime: client.Duration(time.Hour)}))
	answer := sent.Messages[0].ID
	awaitOut(t, fi, answer, "consigned")
	s.clock.Move(month + 2*time.Hour)
	awaitOut(t, fi, answer, "lapsed")
	in := must(fi.Inbox(ctx, client.Query{ID: asked}))[0]
	if in.Open || in.Deadline == nil || !in.Deadline.OnTime {
		t.Errorf("the answered request is open: %t, and its clock stands at %+v", in.Open, in.Deadline)
	}
}

// lapse logs at a moment that a message lapsed, and honest time goes on from there.
// s.edge.mu is locked.
func (s *stage) lapse(m *message, at signed.Time) {
	truth := s.edge.clock
	s.edge.clock = gatewaytest.NewClock(at.AsTime())
	m.end = &event{entry: s.edge.record(auditlog.Record{Kind: envelope.Lapsed, Message: m.TextHash()}, s.edge.register.Size())}
	s.edge.clock = truth
}

// A broker lets a message lapse that is not to lapse yet, by a lie about the hour; or by
// none; or one that nobody consigned. The sender believes none of it, and keeps what
// convicts the broker.
func TestLapsedByALie(t *testing.T) {
	for name, test := range map[string]struct {
		consigned bool
		at        func(*message) signed.Time
		passes    time.Duration
		code      problem.Code // of the evidence; "": it waits
	}{
		"by a clock that is months ahead": {true, func(m *message) signed.Time { return envelope.LapsesAt(m.Expires) }, 0, ""},
		"a second before its time":        {true, func(m *message) signed.Time { return envelope.LapsesAt(m.Expires).Add(-time.Second) }, 2 * month, problem.ProofInvalid},
		"at its expiry":                   {true, func(m *message) signed.Time { return m.Expires }, 2 * month, problem.ProofInvalid},
		"what nobody consigned":           {false, func(m *message) signed.Time { return envelope.LapsesAt(m.Expires) }, 2 * month, problem.ProofInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			s := newLie(t)
			se := s.unlocked("se.spoc")
			s.ready(se)
			id := send(t, se, request(t))
			state := client.State("accepted")
			awaitOut(t, se, id, state)
			if test.consigned {
				s.start("fi.spoc")
				state = "consigned"
				awaitOut(t, se, id, state)
			}
			s.clock.Move(test.passes)
			s.edge.set(func() { s.lapse(s.edge.messages[0], test.at(s.edge.messages[0])) })
			if test.code != "" {
				awaitEvidence(t, se, string(test.code))
			} else {
				await(t, se, "shown", func() bool { return strings.Contains(outState(t, se, id).Waits, "later than this desk's clock") })
				if v := must(se.Verify(ctx, client.Ref{})); len(v.Evidence)+len(v.Faults) != 0 {
					t.Errorf("clocks that disagree are no evidence: %+v %+v", v.Evidence, v.Faults)
				}
			}
			if o := outState(t, se, id); o.State != state {
				t.Errorf("the message is %s", o.State)
			}
			if test.code != "" {
				return
			}
			s.clock.Move(2 * month)
			s.enter(s.party("fi").Revoke("fi.spoc", "locked", signed.Time{})) // ends the poll
			awaitOut(t, se, id, "lapsed")
		})
	}
}
