package desk_test

import (
	"strings"
	"testing"

	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

// Peers who do what they should not, at a broker that breaks no rule.

// A rogue party signs its own entries, whatever they say.
type rogue struct {
	*stage
	party []*signed.PrivateKey
	desk  *gatewaytest.KeyedDesk
}

// admitRogue makes the party "no" with the desk "no.spoc", under an agreement with
// Sweden.
func (s *stage) admitRogue() *rogue {
	s.t.Helper()
	r := &rogue{stage: s, party: must(signed.GenerateKeys("no", signed.UseEntry))}
	card := &register.PartyCard{Name: "no", Title: "Party no", Keys: signed.PublicKeys(r.party)}
	s.enterNote(must(s.Founders[0].Sign(must(s.Founders[0].DraftAdmit(card)))).Note)
	r.desk = must(gatewaytest.NewKeyedDesk(s.register.Exchange(), "no.spoc"))
	r.open(trueKey())
	a := must(s.party("se").Agreement(register.Agreement{
		Title: "With a rogue", Parties: []string{"no"}, Types: []string{"INFO_REQUEST"},
		Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.Unclassified,
		From: signed.At(morning.AddDate(0, -6, 0)), Until: signed.At(morning.AddDate(1, 0, 0)),
	}))
	s.enterNote(a.Note)
	r.enter(&register.Accession{Link: r.link(), Agreement: a.Hash})
	return r
}

func trueKey() string {
	_, key, err := seal.NewOpeningKey()
	must(0, err)
	return key
}

func (r *rogue) link() register.Link {
	previous, _ := r.register.Previous("no")
	return register.Link{Exchange: r.register.Exchange(), Previous: previous, Signers: []string{"no"}}
}

func (r *rogue) enter(e register.Entry) {
	r.t.Helper()
	r.enterNote(must(signed.Sign(e.Text(), r.party...)).Bytes())
}

// open names the desk's opening key, true or false.
func (r *rogue) open(key string) {
	r.t.Helper()
	r.desk.Recipient = key
	r.enter(must(register.NewDesk(r.link(), directory, signed.Time{}, must(r.desk.Request()))))
}

// A desk whose opening key is none gets nothing, and stops nobody else's mail:
// what was queued to it waits and shows why, until its party enters a true one.
func TestFalseOpeningKey(t *testing.T) {
	s := newStage(t)
	no := s.admitRogue()
	se := s.unlocked("se.spoc")
	s.ready(se)
	to := func(desks ...signed.Address) client.Draft {
		draft := request(t)
		draft.To = desks
		return draft
	}
	s.cut("se.spoc")
	waits, goes := send(t, se, to("no.spoc")), send(t, se, to("fi.spoc"))
	no.open("age1pq1poison")
	s.mend("se.spoc")
	awaitOut(t, se, goes, "accepted")
	await(t, se, "shown why", func() bool {
		o := outState(t, se, waits)
		return o.State == "queued" && o.Problem != nil && o.Problem.Code == problem.EntryInvalid
	})

	x := must(se.Explain(ctx, to("no.spoc", "fi.spoc")))
	if p := x.Recipients[0].Problem; p == nil || p.Code != problem.EntryInvalid || x.Recipients[1].Problem != nil {
		t.Errorf("explained as %+v", x.Recipients)
	}
	sending := must(se.Send(ctx, to("no.spoc", "fi.spoc")))
	if len(sending.Messages) != 1 || len(sending.Blocked) != 1 || sending.Blocked[0].Problem.Code != problem.EntryInvalid {
		t.Errorf("sent to both as %+v", sending)
	}
	before := len(must(se.Outbox(ctx, client.Query{})))
	if _, err := se.Send(ctx, to("no.spoc")); problem.CodeOf(err) != problem.EntryInvalid {
		t.Errorf("sent to it alone: %v", err)
	}
	if after := len(must(se.Outbox(ctx, client.Query{}))); after != before {
		t.Errorf("a refused draft is stored: %d messages, before %d", after, before)
	}

	no.open(trueKey())
	awaitOut(t, se, waits, "accepted")
}

// A peer sends under the id of a message that this desk sent: neither hides the
// other.
func TestSharedID(t *testing.T) {
	s := newStage(t)
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	s.ready(fi)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "handed-over")
	draft := request(t)
	draft.To = []signed.Address{"se.spoc"}
	other := send(t, fi, draft)
	awaitOut(t, fi, other, "handed-over")
	m := outState(t, fi, other)
	s.thief("fi.spoc").message("se.spoc", m.Type, func(h *envelope.Header) {
		h.ID, h.Conversation, h.Urgency = id, m.Conversation, m.Urgency
	})
	await(t, se, "received under its own id", func() bool {
		items, err := se.Inbox(ctx, client.Query{ID: id})
		return err == nil && len(items) == 1
	})
	_, err := se.Read(ctx, client.Ref{ID: id})
	if p, _ := problem.Of(err); p == nil || p.Code != problem.UnknownMessage || !strings.Contains(p.Detail, "[fi.spoc se.spoc]") {
		t.Errorf("of two it reads %v", err)
	}
	c := client.New(s.desk("se.spoc"))
	if m := must(c.Read(ctx, client.Ref{From: "se.spoc", ID: id})); m.Received || m.To != "fi.spoc" {
		t.Errorf("its own is %+v", m)
	}
	if v := must(c.Verify(ctx, client.Ref{From: "fi.spoc", ID: id})); len(v.Facts) == 0 || v.Facts[0].Event != "accepted" {
		t.Errorf("of the other it proves %+v", v)
	}
	if _, err := c.Answer(ctx, client.Ref{From: "se.spoc", ID: id}, client.Draft{Type: "CLARIFY", Body: body(t, "02-clarify.json")}); problem.CodeOf(err) != problem.ReplyNotAllowed {
		t.Errorf("it answers itself: %v", err)
	}
	if _, err := se.Read(ctx, client.Ref{From: "no.spoc", ID: id}); problem.CodeOf(err) != problem.UnknownMessage {
		t.Errorf("of a third it reads %v", err)
	}
}
