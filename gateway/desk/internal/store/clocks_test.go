package store

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// What a clock or a worker asks for is found by an index, so that its cost is what
// it finds and not what else lies in the conversation or in the database.
func TestQueriesSearch(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "desk.db"))
	for query, want := range map[string][]string{
		turns:                      {"SEARCH m USING INDEX mail_replies (received=? AND reply_to=? AND type=?)"},
		mailColumns + openRequests: {"SEARCH m USING INDEX mail_unanswered (received=? AND answered=? AND type=?)"},
		mailColumns + unsent:       {"SEARCH m USING INDEX mail_unsent (urgent=? AND seq>?)"},
		mailColumns + unopened:     {"SEARCH m USING INDEX mail_unopened (seq>?)"},
		mailColumns + unproven:     {"SEARCH m USING INDEX mail_unproven (urgent=? AND seq>?)"},
		mailColumns + unapplied:    {"SEARCH m USING INDEX mail_unapplied (unapplied=?)"},
		mailColumns + newest:       {"SEARCH m USING INDEX mail_direction (received=?)"},
		mailColumns + sentReplies:  {"SEARCH m USING INDEX mail_replies (received=? AND reply_to=?)"},
	} {
		plan := explain(t, s, query)
		for _, step := range want {
			if !strings.Contains(plan, step) {
				t.Errorf("%s\nlacks %q in its plan:\n%s", query, step, plan)
			}
		}
		for _, table := range []string{"m", "f"} {
			if strings.Contains(plan, "SCAN "+table+"\n") || strings.Contains(plan, "SCAN "+table+" USING") {
				t.Errorf("%s\nscans a table:\n%s", query, plan)
			}
		}
	}
}

func explain(t *testing.T, s *Store, query string) string {
	t.Helper()
	rs, err := s.open.Load().db.Query("EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Close()
	var plan strings.Builder
	for rs.Next() {
		var id, parent, unused int
		var step string
		if err := rs.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(step + "\n")
	}
	return plan.String()
}

// The turns of a dialogue are the accepted questions about its request, their
// answers, and the questions about those; each between its two desks, in its
// conversation, and neither refused nor ended unread. Either desk sees the same.
func TestTurns(t *testing.T) {
	type message struct {
		name, replyTo, typ string
		peer               signed.Address
		conversation       byte
		state              client.State
		want               bool
	}
	const asked, told = "CLARIFY", "CLARIFICATION"
	messages := []message{
		{"question", "request", asked, "fi.spoc", 1, client.Consigned, true},
		{"answer", "question", told, "fi.spoc", 1, client.HandedOver, true},
		{"second answer", "question", told, "fi.spoc", 1, client.Consigned, true},
		{"question to the answer", "answer", asked, "fi.spoc", 1, client.HandedOver, true},
		{"its answer", "question to the answer", told, "fi.spoc", 1, client.Consigned, true},
		{"refused", "request", asked, "fi.spoc", 1, client.Refused, false},
		{"answer to the refused", "refused", told, "fi.spoc", 1, client.HandedOver, false},
		{"expired", "request", asked, "fi.spoc", 1, client.Expired, false},
		{"withdrawn", "request", asked, "fi.spoc", 1, client.Withdrawn, false},
		{"refused answer", "question", told, "fi.spoc", 1, client.Refused, false},
		{"another desk's", "request", asked, "no.spoc", 1, client.Consigned, false},
		{"another desk's answer", "question", told, "no.spoc", 1, client.Consigned, false},
		{"of another conversation", "request", asked, "fi.spoc", 2, client.Consigned, false},
		{"a reminder", "request", "REMINDER", "fi.spoc", 1, client.HandedOver, false},
		{"answered at once", "request", told, "fi.spoc", 1, client.HandedOver, false},
		{"of another request", "another", asked, "fi.spoc", 1, client.HandedOver, false},
		{"not accepted", "request", asked, "fi.spoc", 1, "", false},
	}
	for _, received := range []bool{false, true} {
		s := open(t, filepath.Join(t.TempDir(), "desk.db"))
		want := map[signed.Hash]bool{}
		err := s.Update(func(tx *Tx) error {
			for _, m := range messages {
				hash, reply := signed.HashOf(m.name), signed.HashOf(m.replyTo)
				id, conversation := signed.ID(hash[:16]), signed.ID{m.conversation}
				if err := tx.AddText(hash, []byte("note"), []byte("sealed")); err != nil {
					return err
				}
				r := Row{ID: id, Send: m.name, From: "se.spoc", To: m.peer, TextHash: hash, Type: m.typ,
					Conversation: conversation, ReplyTo: reply, State: m.state}
				if (m.typ == asked) != received {
					r.Received, r.From, r.To = true, m.peer, "se.spoc"
				}
				err := tx.Add(&r)
				if err == nil && m.state != "" {
					err = tx.PutProven(ProvenEvent{TextHash: hash, Event: "accepted", Proof: []byte{}, Time: signed.At(time.Unix(1e9, 0))})
				}
				if err != nil {
					return err
				}
				want[hash] = m.want
			}
			turns, err := tx.Turns(Dialogue{
				Request: signed.HashOf("request"), Received: received, With: "fi.spoc", Conversation: signed.ID{1},
				Question: asked, Answer: told,
			})
			for _, u := range turns {
				if !want[u.TextHash] || u.Accepted != signed.At(time.Unix(1e9, 0)) {
					t.Errorf("received %t: %+v is a turn", received, u)
				}
				delete(want, u.TextHash)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			if want[signed.HashOf(m.name)] {
				t.Errorf("received %t: %q is no turn", received, m.name)
			}
		}
	}
}

// The states that count are the same to a query as to the program.
func TestCounting(t *testing.T) {
	for _, s := range client.SentStates {
		if listed := strings.Contains(counting, "'"+string(s)+"'"); listed == counts(s) {
			t.Errorf("%s counts: %t, and is excluded: %t", s, counts(s), listed)
		}
	}
}
