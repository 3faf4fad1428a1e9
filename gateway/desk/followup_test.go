package desk_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// threeMade is an exchange of three desks, whose one agreement permits every type but
// the one by which a desk declares. It is made once.
var threeMade = sync.OnceValue(func() *gatewaytest.Exchange {
	plan := gatewaytest.Plan{Name: "nordic.example", Founders: []string{"se"}, Threshold: 1}
	names := []string{"fi", "no", "se"}
	for _, party := range names {
		plan.Parties = append(plan.Parties, gatewaytest.Party{Name: party, Title: "Party " + party, Desks: []gatewaytest.Desk{
			{Address: signed.Address(party + ".spoc"), Directory: directory},
		}})
	}
	types := slices.DeleteFunc(typeNames(), func(name string) bool { return name == "ACK" })
	plan.Agreements = []gatewaytest.Agreement{{Title: "Police cooperation in the North", Parties: names, Types: types,
		Purposes: []string{"INVESTIGATE_CRIME", "PREVENT_CRIME"}, Ceiling: "unclassified", Lasts: 366 * 24 * time.Hour}}
	return must(gatewaytest.Make(filepath.Join(madeIn, "three"), plan))
})

// three are the three desks of a copy of it, unlocked.
func three(t *testing.T) map[signed.Address]*desk.Desk {
	t.Helper()
	s := stillOf(t, threeMade())
	must(0, s.StartBroker(broker.Config{Clock: s.clock}))
	must(0, s.EnterAll(ctx))
	desks := map[signed.Address]*desk.Desk{}
	for _, addr := range []signed.Address{"fi.spoc", "no.spoc", "se.spoc"} {
		desks[addr] = s.atWork(addr)
	}
	return desks
}

// toBoth is a request to Finland and Norway.
func toBoth(t *testing.T, confidential bool) client.Draft {
	var fields map[string]any
	must(0, json.Unmarshal(body(t, "01-info-request.json"), &fields))
	delete(fields, "recipients")
	delete(fields, "attachments")
	return client.Draft{To: []signed.Address{"fi.spoc", "no.spoc"}, Type: "INFO_REQUEST", Urgent: true, Body: must(json.Marshal(fields)), Confidential: confidential}
}

// A follow-up goes to all of a sending, or to those whom it names, each in the
// conversation of what it got; of a confidential sending nobody learns of another.
func TestFollowUp(t *testing.T) {
	desks := three(t)
	se := desks["se.spoc"]
	for _, confidential := range []bool{false, true} {
		sending := must(se.Send(ctx, toBoth(t, confidential)))
		for _, m := range sending.Messages {
			awaitOut(t, se, m.ID, "handed-over")
		}
		first := sending.Messages[0]
		reminder := client.Draft{Type: "REMINDER", Body: whole(`, "days_overdue": 1, "still_needed": true`)}
		followed := must(se.Answer(ctx, client.Ref{ID: first.ID}, reminder))
		if len(followed.Messages) != 2 || len(followed.Blocked) != 0 {
			t.Fatalf("the reminder goes to %+v", followed)
		}
		for n, m := range followed.Messages {
			asked := sending.Messages[n]
			if m.To != asked.To || m.InReplyTo != asked.Message || m.Conversation != asked.Conversation {
				t.Errorf("to %s it names %s of %s, want %s of %s", m.To, m.InReplyTo, m.Conversation, asked.Message, asked.Conversation)
			}
			awaitIn(t, desks[m.To], m.ID, "handed-over")
			var read struct{ Recipients []signed.Address }
			must(0, json.Unmarshal(must(desks[m.To].Read(ctx, client.Ref{ID: m.ID})).Body, &read))
			if confidential != (len(read.Recipients) == 0) {
				t.Errorf("confidential %t: %s reads the roster %v", confidential, m.To, read.Recipients)
			}
		}
		reminder.To = []signed.Address{"no.spoc"}
		if one := must(se.Answer(ctx, client.Ref{ID: first.ID}, reminder)); len(one.Messages) != 1 || one.Messages[0].To != "no.spoc" {
			t.Errorf("to Norway alone it goes to %+v", one)
		}
	}
}

// Who got nothing of a sending gets no follow-up of a type that always names a message;
// an answered one is no longer settled anew.
func TestFollowUpToOthers(t *testing.T) {
	desks := three(t)
	se, fi := desks["se.spoc"], desks["fi.spoc"]
	draft := toBoth(t, false)
	draft.To = draft.To[:1]
	sent := must(se.Send(ctx, draft)).Messages[0]
	awaitOut(t, se, sent.ID, "handed-over")
	closing := client.Draft{Type: "CLOSE", To: []signed.Address{"fi.spoc", "no.spoc"}, Body: whole(`, "result": "NOT_NEEDED"`)}
	s := must(se.Answer(ctx, client.Ref{ID: sent.ID}, closing))
	if len(s.Messages) != 1 || s.Messages[0].To != "fi.spoc" || len(s.Blocked) != 1 || s.Blocked[0].Problem.Code != problem.ReplyNotAllowed {
		t.Errorf("the close goes to %+v", s)
	}
	awaitIn(t, fi, s.Messages[0].ID, "handed-over")
}

// Where the agreement lets no declaration pass, it counts at the desk that made it, and
// the deadline says so.
func TestDeclareAlone(t *testing.T) {
	desks := three(t)
	se, fi := desks["se.spoc"], desks["fi.spoc"]
	draft := toBoth(t, true)
	draft.To = draft.To[:1]
	id := send(t, se, draft)
	awaitIn(t, fi, id, "handed-over")
	awaitOut(t, se, id, "handed-over")
	i := must(fi.Declare(ctx, client.Ref{ID: id}, schema.Indirect))
	if d := i.Deadline; d.Class != "3d" || d.Access != schema.Indirect || !d.Alone {
		t.Errorf("declared, the clock stands at %+v", d)
	}
	if d := outState(t, se, id).Deadline; d.Class != "8h" || d.Access != schema.Undeclared {
		t.Errorf("at the asking desk it stands at %+v", d)
	}
	if log := must(fi.Log(ctx, client.Query{Limit: 2})); !slices.ContainsFunc(log, func(e client.LogEntry) bool { return e.Detail == "indirect, at this desk alone" }) {
		t.Errorf("fi's log says %+v", log)
	}
}
