package desk_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// copying is an exchange whose agreement has answers and own-initiative information
// copied to Europol. Sweden has one agreement with Europol, Finland two that fit, and
// Norway none.
var copying = sync.OnceValue(func() *gatewaytest.Exchange {
	plan := gatewaytest.Plan{Name: "copying.example", Founders: []string{"se"}, Threshold: 1}
	for _, address := range []signed.Address{"eu.europol", "fi.spoc", "no.spoc", "se.spoc"} {
		party, _, _ := strings.Cut(string(address), ".")
		plan.Parties = append(plan.Parties, gatewaytest.Party{Name: party, Title: "Party " + party, Desks: []gatewaytest.Desk{{Address: address, Directory: directory}}})
	}
	agree := func(title string, types []string, copied []string, parties ...string) {
		a := gatewaytest.Agreement{
			Title: title, Parties: parties, Types: types,
			Purposes: []string{"DETECT_CRIME", "INVESTIGATE_CRIME"}, Ceiling: envelope.Unclassified, Lasts: 366 * 24 * time.Hour,
		}
		if copied != nil {
			a.Copies = []register.CopyRule{{Copy: register.Copy{To: "eu.europol", Type: "EUROPOL_COPY"}, Of: copied}}
		}
		plan.Agreements = append(plan.Agreements, a)
	}
	agree("Exchange with copies", typeNames(), []string{"ANSWER", "SPONTANEOUS"}, "fi", "no", "se")
	agree("Supply to Europol", []string{"EUROPOL_COPY", "SPONTANEOUS"}, []string{"SPONTANEOUS"}, "eu", "se")
	agree("Supply to Europol, of one kind", []string{"EUROPOL_COPY"}, nil, "eu", "fi")
	agree("Supply to Europol, of another", []string{"EUROPOL_COPY"}, nil, "eu", "fi")
	return must(gatewaytest.Make(filepath.Join(madeIn, "copying"), plan))
})

func copyingStage(t *testing.T) *stage {
	t.Helper()
	s := stillOf(t, copying())
	must(0, s.StartBroker(broker.Config{Clock: s.clock}))
	must(0, s.EnterAll(ctx))
	return s
}

// atWork is a desk that runs, unlocked, and knows the register.
func (s *stage) atWork(addr signed.Address) *desk.Desk {
	s.t.Helper()
	d := s.unlocked(addr)
	s.ready(d)
	return d
}

// agreement is the hash of the agreement of a title.
func (s *stage) agreement(title string) signed.Hash {
	s.t.Helper()
	for _, a := range s.register.Now().Agreements() {
		if a.Title == title {
			return a.Hash()
		}
	}
	s.t.Fatalf("there is no agreement %q", title)
	return signed.Hash{}
}

const purposes = `{"europol_purposes": ["CROSS_CHECK"], "access_restrictions": [{"restriction": "HIT_ONLY"}]}`

// spontaneous is a draft that is copied, complete.
func spontaneous(t *testing.T, to ...signed.Address) client.Draft {
	t.Helper()
	text := strings.Replace(string(body(t, "07-spontaneous.json")), `  "recipients": ["se.spoc"],`+"\n", "", 1)
	return client.Draft{
		To: to, Type: "SPONTANEOUS", Body: []byte(text), Copy: json.RawMessage(purposes),
		Attachments: []client.Attachment{{Name: "photo.jpg", MediaType: "image/jpeg", Data: body(t, "photo.jpg")}},
	}
}

// with puts a member into a draft's body.
func with(draft client.Draft, member string) client.Draft {
	draft.Body = []byte(strings.Replace(string(draft.Body), "{", "{"+member+",", 1))
	return draft
}

const withheldMember = `"copy_withheld": {"reason": "ONGOING_INVESTIGATION"}`

// members are those of a body.
func members(t *testing.T, body []byte) (m map[string]any) {
	t.Helper()
	must(0, json.Unmarshal(body, &m))
	return m
}

// An open sending to two is copied once. The copy tells Europol what the two got and
// who they are, in a conversation of its own, under its own agreement. A confidential
// one does not name them.
func TestCopy(t *testing.T) {
	s := copyingStage(t)
	se, eu, fi := s.atWork("se.spoc"), s.atWork("eu.europol"), s.atWork("fi.spoc")
	for name, confidential := range map[string]bool{"open": false, "confidential": true} {
		draft := spontaneous(t, "fi.spoc", "no.spoc")
		draft.Name, draft.Confidential = name, confidential
		sending := must(se.Send(ctx, draft))
		if len(sending.Messages) != 2 || len(sending.Copies) != 1 || len(sending.Blocked)+len(sending.Withheld) != 0 {
			t.Fatalf("%s: sent %+v", name, sending)
		}
		original, sent := sending.Messages[0], sending.Copies[0]
		if sent.To != "eu.europol" || !sent.Copy || sent.Agreement != s.agreement("Supply to Europol") || original.Copy {
			t.Errorf("%s: copied as %+v", name, sent)
		}
		for _, m := range sending.Messages {
			if m.Conversation == sent.Conversation {
				t.Errorf("%s: the copy is in the conversation of %s", name, m.To)
			}
		}
		if o := outState(t, se, original.ID); o.Copy || !slices.Equal(o.Copies, []signed.ID{sent.ID}) {
			t.Errorf("%s: of the original the outbox says %+v", name, o)
		}
		awaitIn(t, eu, sent.ID, "handed-over")
		awaitIn(t, fi, original.ID, "handed-over")
		copied, there := must(eu.Read(ctx, client.Ref{ID: sent.ID})), must(fi.Read(ctx, client.Ref{ID: original.ID}))
		if len(copied.Attachments) != 2 || copied.Attachments[0].Name != "SPONTANEOUS-1.0.json" ||
			!bytes.Equal(copied.Attachments[0].Data, there.Body) || !bytes.Equal(copied.Attachments[1].Data, body(t, "photo.jpg")) {
			t.Errorf("%s: beside the copy lie %+v", name, copied.Attachments)
		}
		has, was := members(t, copied.Body), members(t, there.Body)
		for _, same := range []string{"our_reference", "subject", "language", "legal_basis", "purpose", "offence_area", "handling", "evaluation", "retain_until"} {
			if has[same] == nil || !reflect.DeepEqual(has[same], was[same]) {
				t.Errorf("%s: %s is %v in the copy, and was %v", name, same, has[same], was[same])
			}
		}
		typ, _ := schema.Embedded().Find("SPONTANEOUS", "1.0")
		want := map[string]any{
			"copied":      []any{sending.Messages[0].Message.String(), sending.Messages[1].Message.String()},
			"copied_type": "SPONTANEOUS", "copied_type_hash": signed.Hash(typ.Hash).String(),
			"copied_to": []any{"fi.spoc", "no.spoc"}, "europol_purposes": []any{"CROSS_CHECK"},
		}
		if confidential {
			want["copied_to"] = nil
		}
		for member, value := range want {
			if !reflect.DeepEqual(has[member], value) {
				t.Errorf("%s: the copy's %s is %v, expected %v", name, member, has[member], value)
			}
		}
		if facts, _ := has["facts"]; facts != nil || has["your_reference"] != nil || has["recipients"] != nil {
			t.Errorf("%s: the copy says too much: %v", name, has)
		}

		again := must(se.Send(ctx, draft))
		if len(again.Copies) != 1 || again.Copies[0].ID != sent.ID || again.Messages[0].ID != original.ID {
			t.Errorf("%s: the second time it is %+v", name, again)
		}
		draft.Copy = json.RawMessage(`{"europol_purposes": ["STRATEGIC_ANALYSIS"]}`)
		if _, err := se.Send(ctx, draft); problem.CodeOf(err) != problem.IDReused {
			t.Errorf("%s: the same name with another copy: %v", name, err)
		}
	}
	if out := must(se.Outbox(ctx, client.Query{})); len(out) != 6 {
		t.Errorf("two sendings of three are %d messages", len(out))
	}
	if in := must(eu.Inbox(ctx, client.Query{})); len(in) != 2 {
		t.Errorf("Europol got %d messages", len(in))
	}
}

// An answer is copied under the agreement of what it answers.
func TestAnswerIsCopied(t *testing.T) {
	s := copyingStage(t)
	se, fi, eu := s.atWork("se.spoc"), s.atWork("fi.spoc"), s.atWork("eu.europol")
	sending := must(se.Send(ctx, request(t)))
	if len(sending.Copies) != 0 {
		t.Errorf("a request is copied: %+v", sending.Copies)
	}
	awaitIn(t, fi, sending.Messages[0].ID, "handed-over")
	answer := must(fi.Answer(ctx, client.Ref{ID: sending.Messages[0].ID}, client.Draft{
		Type: "ANSWER", Body: body(t, "04-answer.json"), Copy: json.RawMessage(purposes), CopyAgreement: s.agreement("Supply to Europol, of one kind"),
	}))
	if len(answer.Copies) != 1 {
		t.Fatalf("answered by %+v", answer)
	}
	awaitIn(t, eu, answer.Copies[0].ID, "handed-over")
	m := must(eu.Read(ctx, client.Ref{ID: answer.Copies[0].ID}))
	if m.Agreement != s.agreement("Supply to Europol, of one kind") || !m.InReplyTo.IsZero() || m.Conversation == sending.Messages[0].Conversation {
		t.Errorf("Europol has %+v", m.Item)
	}
	if has := members(t, m.Body); has["copied_type"] != "ANSWER" || has["your_reference"] != nil {
		t.Errorf("Europol reads %v", has)
	}
}

// Whoever withholds a copy says why, in the message or with the draft; the statistics
// that the header commits to say it too.
func TestCopyWithheld(t *testing.T) {
	s := copyingStage(t)
	se, fi, eu := s.atWork("se.spoc"), s.atWork("fi.spoc"), s.atWork("eu.europol")
	inBody, inDraft := with(spontaneous(t, "fi.spoc"), withheldMember), spontaneous(t, "fi.spoc")
	inBody.Copy, inDraft.Copy = nil, nil
	inDraft.NoCopy = &client.NoCopy{Reason: "SAFETY", Text: "A witness."}
	for draft, want := range map[*client.Draft]string{&inBody: "ONGOING_INVESTIGATION", &inDraft: "SAFETY"} {
		draft.Name = want
		for range 2 {
			sending := must(se.Send(ctx, *draft))
			if len(sending.Messages) != 1 || len(sending.Copies) != 0 ||
				!slices.Equal(sending.Withheld, []client.Withheld{{To: "eu.europol", Type: "EUROPOL_COPY", Reason: want}}) {
				t.Fatalf("%s: sent %+v", want, sending)
			}
			awaitIn(t, fi, sending.Messages[0].ID, "handed-over")
			m := must(fi.Read(ctx, client.Ref{ID: sending.Messages[0].ID}))
			typ, _ := schema.Embedded().Find("SPONTANEOUS", "1.0")
			read := must(typ.Read(m.Body))
			if read.Withheld != want || !strings.Contains(string(read.Statistics), "\ncopy-withheld "+want+"\n") {
				t.Errorf("%s: the body gives %q and the statistics\n%s", want, read.Withheld, read.Statistics)
			}
		}
	}
	if has := must(eu.Inbox(ctx, client.Query{})); len(has) != 0 {
		t.Errorf("Europol got %+v", has)
	}
	if out := must(se.Outbox(ctx, client.Query{})); len(out) != 2 {
		t.Errorf("the outbox has %d messages", len(out))
	}
}

// A copy that can't be sent, and a draft that contradicts itself, stop everything
// before anything is sealed.
func TestCopyStopsTheAct(t *testing.T) {
	s := copyingStage(t)
	drafts := map[string]struct {
		from  signed.Address
		spoil func(*client.Draft)
		code  problem.Code
		says  []string
	}{
		"its purposes are missing": {"se.spoc", func(d *client.Draft) { d.Copy = nil }, problem.BodyInvalid,
			[]string{"the copy to eu.europol (EUROPOL_COPY)", "needs europol_purposes", "complete it, or withhold it"}},
		"a member of it is none": {"se.spoc", func(d *client.Draft) { d.Copy = json.RawMessage(`{"europol_purposes": ["CROSS_CHECK"], "to": 1}`) },
			problem.BodyInvalid, []string{"the copy to eu.europol"}},
		"it is no JSON":   {"se.spoc", func(d *client.Draft) { d.Copy = json.RawMessage(`{"europol_purposes": `) }, problem.BodyMalformed, []string{"the copy to eu.europol"}},
		"it is no object": {"se.spoc", func(d *client.Draft) { d.Copy = json.RawMessage(`[]`) }, problem.BodyInvalid, []string{"the copy to eu.europol"}},
		"another original": {"se.spoc", func(d *client.Draft) {
			d.Copy = json.RawMessage(`{"europol_purposes": ["CROSS_CHECK"], "copied_type": "ANSWER"}`)
		},
			problem.BodyInvalid, []string{"at /copied_type: must be what the desk fills in"}},
		"another recipient": {"se.spoc", func(d *client.Draft) {
			d.Confidential, d.Copy = true, json.RawMessage(`{"europol_purposes": ["CROSS_CHECK"], "copied_to": ["no.spoc"]}`)
		}, problem.BodyInvalid, []string{"at /copied_to: must be what the desk fills in"}},
		"a copy of the copy": {"se.spoc", func(d *client.Draft) {
			d.Copy = json.RawMessage(`{"europol_purposes": ["CROSS_CHECK"], ` + withheldMember + `}`)
		},
			problem.BodyInvalid, []string{"a copy is not copied itself"}},
		"no agreement carries it":     {"no.spoc", func(*client.Draft) {}, problem.NoAgreement, []string{"the copy to eu.europol", "withhold it with a reason"}},
		"several agreements carry it": {"fi.spoc", func(*client.Draft) {}, problem.NoAgreement, []string{"2 agreements would carry it", "name an agreement for it, or withhold it"}},
		"another agreement is named": {"se.spoc", func(d *client.Draft) { d.CopyAgreement = s.agreement("Exchange with copies") },
			problem.NoAgreement, []string{"the copy to eu.europol"}},
		"it is withheld and written": {"se.spoc", func(d *client.Draft) { *d = with(*d, withheldMember) }, problem.BodyInvalid, []string{"leave one of them out"}},
		"two reasons": {"se.spoc", func(d *client.Draft) {
			*d = with(*d, withheldMember)
			d.Copy, d.NoCopy = nil, &client.NoCopy{Reason: "SAFETY"}
		},
			problem.BodyInvalid, []string{"does not give this reason"}},
		"a reason of its own": {"se.spoc", func(d *client.Draft) { d.Copy, d.NoCopy = nil, &client.NoCopy{Reason: "NO_TIME"} },
			problem.BodyInvalid, []string{"/copy_withheld/reason"}},
		"nothing is copied, and it is withheld": {"se.spoc", func(d *client.Draft) { *d = with(request(t), withheldMember) },
			problem.BodyInvalid, []string{"no agreement asks for one"}},
		"nothing is copied, and it is written": {"se.spoc", func(d *client.Draft) { *d = request(t); d.Copy = json.RawMessage(purposes) },
			problem.BodyInvalid, []string{"no agreement asks for one"}},
		"who gets it is not copied": {"se.spoc", func(d *client.Draft) { d.To = []signed.Address{"eu.europol", "fi.spoc"} },
			problem.BodyInvalid, []string{"no agreement asks for one"}},
	}
	desks := map[signed.Address]*desk.Desk{}
	for _, addr := range []signed.Address{"fi.spoc", "no.spoc", "se.spoc"} {
		desks[addr] = s.atWork(addr)
	}
	for name, test := range drafts {
		to := signed.Address("fi.spoc")
		if test.from == to {
			to = "se.spoc"
		}
		draft := spontaneous(t, to)
		test.spoil(&draft)
		_, err := desks[test.from].Send(ctx, draft)
		p, ok := problem.Of(err)
		if !ok || p.Code != test.code {
			t.Errorf("%s: %v, expected %s", name, err, test.code)
			continue
		}
		for _, part := range test.says {
			if !strings.Contains(p.Detail, part) {
				t.Errorf("%s: %q does not say %q", name, p.Detail, part)
			}
		}
		x, err := desks[test.from].Explain(ctx, draft)
		if err != nil || (x.Problem == nil && (len(x.Copies) == 0 || x.Copies[0].Problem == nil)) {
			t.Errorf("%s: explained as %+v, %v", name, x, err)
		}
	}
	for addr, d := range desks {
		if out := must(d.Outbox(ctx, client.Query{})); len(out) != 0 {
			t.Errorf("%s sends %d messages", addr, len(out))
		}
	}
	for _, m := range must(desks["se.spoc"].Metrics().Gather()) {
		if m.GetName() == "samband_envelopes_sealed_total" && m.Metric[0].Counter.GetValue() != 0 {
			t.Errorf("%v envelopes were sealed", m.Metric[0].Counter.GetValue())
		}
	}
}

// Whoever is to be copied and gets the message itself, or sends it, is not copied.
func TestNoCopyToWhoHasIt(t *testing.T) {
	s := copyingStage(t)
	for from, to := range map[signed.Address][]signed.Address{"se.spoc": {"eu.europol", "fi.spoc"}, "eu.europol": {"se.spoc"}} {
		draft := spontaneous(t, to...)
		draft.Copy = nil
		if sending := must(s.atWork(from).Send(ctx, draft)); len(sending.Messages) != len(to) || len(sending.Copies) != 0 {
			t.Errorf("%s sends %+v", from, sending)
		}
	}
}

// What blocks one recipient stops that one alone; the copy says whom the others are.
func TestCopyOfWhatIsNotBlocked(t *testing.T) {
	s := copyingStage(t)
	se, eu := s.atWork("se.spoc"), s.atWork("eu.europol")
	sending := must(se.Send(ctx, spontaneous(t, "no.nobody", "fi.spoc")))
	if len(sending.Messages) != 1 || len(sending.Blocked) != 1 || len(sending.Copies) != 1 {
		t.Fatalf("sent %+v", sending)
	}
	awaitIn(t, eu, sending.Copies[0].ID, "handed-over")
	has := members(t, must(eu.Read(ctx, client.Ref{ID: sending.Copies[0].ID})).Body)
	if !reflect.DeepEqual(has["copied_to"], []any{"fi.spoc"}) || !reflect.DeepEqual(has["copied"], []any{sending.Messages[0].Message.String()}) {
		t.Errorf("the copy says %v", has)
	}
}

// An explanation tells of the copy before anything is sent, of a locked desk too.
func TestExplainCopy(t *testing.T) {
	s := copyingStage(t)
	se, _ := s.start("se.spoc")
	s.ready(se)
	draft := spontaneous(t, "fi.spoc")
	x := must(se.Explain(ctx, draft))
	if len(x.Copies) != 1 || x.Problem != nil {
		t.Fatalf("explained as %+v", x)
	}
	c := x.Copies[0]
	if c.Address != "eu.europol" || c.Type != "EUROPOL_COPY" || c.Title == "" || c.Problem != nil || c.Withheld != "" ||
		len(c.AskedBy) != 1 || c.AskedBy[0].Title != "Exchange with copies" || len(c.Agreements) != 1 || c.Agreements[0].Title != "Supply to Europol" {
		t.Errorf("the copy is explained as %+v", c)
	}
	draft.Copy, draft.NoCopy = nil, &client.NoCopy{Reason: "SAFETY"}
	x = must(se.Explain(ctx, draft))
	if len(x.Copies) != 1 || x.Copies[0].Withheld != "SAFETY" || x.Copies[0].Problem != nil || x.Copies[0].Agreements != nil {
		t.Errorf("a copy that is withheld is explained as %+v", x.Copies)
	}
}

// Withdrawing a message withdraws no copy of it, and says which there are.
func TestCopyIsNotWithdrawn(t *testing.T) {
	s := copyingStage(t)
	se := s.atWork("se.spoc")
	sending := must(se.Send(ctx, spontaneous(t, "fi.spoc"))) // whose desk is down
	id, copied := sending.Messages[0].ID, sending.Copies[0].ID
	awaitOut(t, se, id, "accepted")
	awaitOut(t, se, copied, "accepted")
	m := must(se.Withdraw(ctx, id))
	if !slices.Equal(m.Copies, []signed.ID{copied}) {
		t.Errorf("the withdrawal names the copies %v", m.Copies)
	}
	awaitOut(t, se, id, "withdrawn")
	if o := outState(t, se, copied); o.State != "accepted" || o.Says != "" {
		t.Errorf("the copy is %s, and its desk says %q", o.State, o.Says)
	}
	if m = must(se.Withdraw(ctx, copied)); !m.Copy || len(m.Copies) != 0 {
		t.Errorf("the copy's own withdrawal is %+v", m)
	}
	awaitOut(t, se, copied, "withdrawn")
}

// The power is cut at each commit that the disk may have kept, complete or with a torn
// one behind it: there is the whole sending, its copy included, or nothing of it.
func TestCopyIsAllOrNothing(t *testing.T) {
	s := copyingStage(t)
	se := s.atWork("se.spoc")
	before := len(s.disk("se.spoc").wal)
	must(se.Send(ctx, spontaneous(t, "fi.spoc", "no.spoc")))
	after := s.disk("se.spoc")
	seen := map[int]bool{}
	for _, end := range after.commits(0) {
		for _, length := range []int{end, min(end+1000, len(after.wal)), min(end+5000, len(after.wal))} {
			n := after.queued(t, length)
			if seen[n] = true; n != 0 && n != 3 {
				t.Errorf("with %d bytes of %d there are %d messages of 3", length, len(after.wal), n)
			}
		}
	}
	if !seen[0] || !seen[3] {
		t.Errorf("of a log of %d bytes that had %d before, the sendings are of %v messages", len(after.wal), before, seen)
	}
}

// queued counts the messages of a disk whose log is cut.
func (d disk) queued(t *testing.T, length int) (n int) {
	t.Helper()
	dir := t.TempDir()
	d.put(dir, length)
	db := must(sql.Open("sqlite", filepath.Join(dir, "desk.db")))
	defer db.Close()
	if err := db.QueryRow(`SELECT count(*) FROM mail`).Scan(&n); err != nil && !strings.Contains(err.Error(), "no such table") {
		t.Fatal(err)
	}
	return n
}

// A commit that fails leaves nothing of a sending, and the next try sends all of it once.
func TestCopyWhoseCommitFails(t *testing.T) {
	s := copyingStage(t)
	f := newFault(1)
	se := s.faulty("se.spoc", f)
	f.at(s.desk("se.spoc"), "INSERT ON copies")
	draft := spontaneous(t, "fi.spoc")
	draft.Name = "once"
	if _, err := se.Send(ctx, draft); err == nil {
		t.Fatal("a sending whose commit failed is answered as queued")
	}
	<-f.struck
	await(t, se, "taking it", func() bool {
		if out, err := se.Outbox(ctx, client.Query{}); err == nil && len(out) != 0 {
			t.Fatalf("of the sending that failed %d messages are left", len(out))
		}
		sending, err := se.Send(ctx, draft)
		return err == nil && len(sending.Messages) == 1 && len(sending.Copies) == 1
	})
	if out := must(se.Outbox(ctx, client.Query{})); len(out) != 2 {
		t.Errorf("%d messages", len(out))
	}
}
