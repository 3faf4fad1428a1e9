package desk_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// refuse ends a message as its recipient does that can't read it.
func (s *stage) refuse(from signed.Address, id signed.ID) {
	s.t.Helper()
	m := outState(s.t, s.Desks[from], id)
	s.thief(m.To).state(envelope.Statement{Event: envelope.Refused, Message: m.Message, Code: problem.SealUnreadable})
}

func inDeadline(d *desk.Desk, id signed.ID) *client.Deadline {
	return must(d.Inbox(ctx, client.Query{ID: id}))[0].Deadline
}

// A request in Finland's hands, whose sender is locked again: what comes to it
// stays consigned until the test ends it.
func asked(t *testing.T) (s *stage, se, fi *desk.Desk, id signed.ID) {
	t.Helper()
	s = newStage(t)
	se, fi = s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	id = send(t, se, request(t))
	awaitOut(t, se, id, "handed-over")
	awaitIn(t, fi, id, "handed-over")
	if err := se.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	return s, se, fi, id
}

// A question that its reader refuses never stopped the clock, for either desk.
func TestRefusedQuestion(t *testing.T) {
	s, se, fi, id := asked(t)
	question := must(fi.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: "CLARIFY", Body: body(t, "02-clarify.json")})).Messages[0].ID
	awaitOut(t, fi, question, "consigned")
	awaitIn(t, se, question, "consigned")
	s.clock.Move(9 * time.Hour)
	if ours, theirs := outState(t, se, id).Deadline, inDeadline(fi, id); !ours.Paused || !theirs.Paused {
		t.Fatalf("while a question is out, se's clock stands at %+v, fi's at %+v", ours, theirs)
	}
	s.refuse("fi.spoc", question)
	awaitOut(t, fi, question, "refused")
	if at := inDeadline(fi, id); at.Paused || !at.Overdue {
		t.Errorf("its question refused, fi's clock stands at %+v", at)
	}
	s.unlock(se)
	awaitIn(t, se, question, "refused")
	if at := outState(t, se, id).Deadline; at.Paused || !at.Overdue {
		t.Errorf("the question refused, se's clock stands at %+v", at)
	}
}

// A question that can't be opened stops no clock, whatever its signature.
func TestUnreadableQuestion(t *testing.T) {
	s, se, _, id := asked(t)
	s.unlock(se)
	asked := outState(t, se, id)
	question := s.thief("fi.spoc").message("se.spoc", "CLARIFY", func(h *envelope.Header) {
		h.Conversation, h.InReplyTo, h.Urgency = asked.Conversation, asked.Message, asked.Urgency
	})
	awaitIn(t, se, question, "refused")
	s.clock.Move(9 * time.Hour)
	if at := outState(t, se, id).Deadline; at.Paused || !at.Overdue {
		t.Errorf("the clock stands at %+v", at)
	}
}

// The receiving desk alone says which term runs, tells the asking desk, and may say
// otherwise until it has answered.
func TestDeclare(t *testing.T) {
	s, se, fi, id := asked(t)
	c := client.New(s.desk("fi.spoc"))
	for _, step := range []struct {
		access schema.Access
		class  string
	}{{schema.Indirect, "3d"}, {schema.Direct, "8h"}, {schema.Indirect, "3d"}} {
		must(c.Declare(ctx, client.Ref{ID: id}, step.access))
		await(t, fi, "declared "+string(step.access), func() bool {
			at := inDeadline(fi, id)
			return at.Class == step.class && at.Access == step.access && !at.Alone
		})
	}
	s.clock.Move(9 * time.Hour)
	if at := inDeadline(fi, id); at.Overdue || at.Class != "3d" {
		t.Errorf("fi's clock stands at %+v", at)
	}
	if at := outState(t, se, id).Deadline; at.Class != "8h" || at.Access != schema.Undeclared {
		t.Errorf("se, which is locked and can't read what fi declared, has its clock at %+v", at)
	}
	if log := must(fi.Log(ctx, client.Query{Limit: 1}))[0]; log.Event != "declared" || log.Detail != "indirect" || !strings.Contains(log.Subject, id.String()) {
		t.Errorf("fi's log says %+v", log)
	}
	s.unlock(se)
	await(t, se, "told of the declaration", func() bool {
		at := outState(t, se, id).Deadline
		return at.Class == "3d" && at.Access == schema.Indirect && !at.Overdue
	})
	answer := must(fi.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: "ANSWER", Body: body(t, "04-answer.json")})).Messages[0].ID
	awaitIn(t, se, answer, "handed-over")
	awaitOut(t, fi, answer, "handed-over")
	if at := inDeadline(fi, id); !at.OnTime {
		t.Errorf("after the answer fi's clock stands at %+v", at)
	}
	for want, declare := range map[problem.Code]func() (*client.InboxItem, error){
		problem.AlreadyEnded:   func() (*client.InboxItem, error) { return c.Declare(ctx, client.Ref{ID: id}, schema.Direct) },
		problem.UnknownMessage: func() (*client.InboxItem, error) { return se.Declare(ctx, client.Ref{ID: id}, schema.Indirect) },
		problem.BodyMalformed:  func() (*client.InboxItem, error) { return c.Declare(ctx, client.Ref{ID: id}, "sideways") },
	} {
		if _, err := declare(); problem.CodeOf(err) != want {
			t.Errorf("want %s, got %v", want, err)
		}
	}
	if _, err := se.Declare(ctx, client.Ref{ID: answer}, schema.Indirect); problem.CodeOf(err) != problem.UnknownMessage {
		t.Errorf("an answer has no clock: %v", err)
	}
	if err := fi.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := fi.Declare(ctx, client.Ref{ID: id}, schema.Direct); problem.CodeOf(err) != problem.DeskLocked {
		t.Errorf("a locked desk declares: %v", err)
	}
}

// A question about a clarification stops the clock as the first one did.
func TestQuestionAgain(t *testing.T) {
	s, se, fi, id := asked(t)
	s.unlock(se)
	question := must(fi.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: "CLARIFY", Body: body(t, "02-clarify.json")})).Messages[0].ID
	awaitIn(t, se, question, "handed-over")
	told := must(se.Answer(ctx, client.Ref{ID: question}, client.Draft{Type: "CLARIFICATION", Body: body(t, "03-clarification.json")})).Messages[0].ID
	awaitIn(t, fi, told, "handed-over")
	again := must(fi.Answer(ctx, client.Ref{ID: told}, client.Draft{Type: "CLARIFY", Body: body(t, "02-clarify.json")})).Messages[0].ID
	awaitOut(t, fi, again, "handed-over")
	s.clock.Move(9 * time.Hour)
	if ours, theirs := outState(t, se, id).Deadline, inDeadline(fi, id); !ours.Paused || !theirs.Paused {
		t.Errorf("se's clock stands at %+v, fi's at %+v", ours, theirs)
	}
}

// An answer that its reader refuses ends no clock; the next one does.
func TestRefusedAnswer(t *testing.T) {
	s, se, fi, id := asked(t)
	answer := func() signed.ID {
		return must(fi.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: "ANSWER", Body: body(t, "04-answer.json")})).Messages[0].ID
	}
	first := answer()
	awaitIn(t, se, first, "consigned")
	awaitOut(t, fi, first, "consigned")
	if at := inDeadline(fi, id); !at.OnTime {
		t.Fatalf("after an answer the clock stands at %+v", at)
	}
	s.clock.Move(9 * time.Hour)
	s.refuse("fi.spoc", first)
	awaitOut(t, fi, first, "refused")
	if at := inDeadline(fi, id); !at.Overdue || !at.Answered.IsZero() {
		t.Errorf("the answer refused, the clock stands at %+v", at)
	}
	awaitOut(t, fi, answer(), "consigned")
	if at := inDeadline(fi, id); at.Answered.IsZero() || at.OnTime {
		t.Errorf("after the second answer the clock stands at %+v", at)
	}
}

// Of two answers that were both on their way the first that counts ends the clock.
func TestFirstAnswerRefused(t *testing.T) {
	s, se, fi, id := asked(t)
	s.cut("fi.spoc")
	var answers [2]signed.ID
	for i := range answers {
		answers[i] = must(fi.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: "ANSWER", Body: body(t, "04-answer.json")})).Messages[0].ID
	}
	s.mend("fi.spoc")
	for _, answer := range answers {
		awaitOut(t, fi, answer, "consigned")
		awaitIn(t, se, answer, "consigned")
	}
	s.clock.Move(9 * time.Hour)
	s.refuse("fi.spoc", answers[0])
	awaitOut(t, fi, answers[0], "refused")
	if at := inDeadline(fi, id); at.Answered.IsZero() || !at.OnTime {
		t.Errorf("the clock stands at %+v", at)
	}
	s.refuse("fi.spoc", answers[1])
	awaitOut(t, fi, answers[1], "refused")
	if at := inDeadline(fi, id); !at.Answered.IsZero() || !at.Overdue {
		t.Errorf("both refused, the clock stands at %+v", at)
	}
}

// What a listing or a scrape reads grows with the requests, not with their square
// even if their sender put them all into one conversation; Status reads none.
func TestOneConversation(t *testing.T) {
	cost := func(n int) (status, scrape, inbox int64) {
		s := newStage(t)
		se := s.unlocked("se.spoc")
		s.ready(se)
		id := send(t, se, request(t))
		awaitOut(t, se, id, "accepted")
		first, thief := outState(t, se, id), s.thief("se.spoc")
		for range n - 1 {
			thief.message("fi.spoc", "INFO_REQUEST", func(h *envelope.Header) {
				h.Conversation, h.Urgency = first.Conversation, first.Urgency
			})
		}
		fi, stop := s.start("fi.spoc")
		await(t, fi, "come to have all", func() bool {
			items := must(fi.Inbox(ctx, client.Query{Limit: n}))
			return len(items) == n && !slices.ContainsFunc(items, func(i client.InboxItem) bool { return i.State != "consigned" })
		})
		stop()
		fi = s.open("fi.spoc")
		defer fi.Close()
		return rowsOf(fi, func() error { _, err := fi.Status(ctx); return err }),
			rowsOf(fi, func() error { _, err := fi.Metrics().Gather(); return err }),
			rowsOf(fi, func() error { _, err := fi.Inbox(ctx, client.Query{Limit: n}); return err })
	}
	status1, scrape1, inbox1 := cost(5)
	status4, scrape4, inbox4 := cost(20)
	if status4 != status1 {
		t.Errorf("status reads %d rows where 5 requests wait, and %d where 20 do", status1, status4)
	}
	for name, rows := range map[string][2]int64{"a scrape": {scrape1, scrape4}, "the inbox": {inbox1, inbox4}} {
		if rows[1] > 4*rows[0] {
			t.Errorf("%s reads %d rows where 5 requests wait, and %d where 20 do", name, rows[0], rows[1])
		}
	}
}

// rowsOf counts the rows that a call on a desk reads that doesn't run.
func rowsOf(d *desk.Desk, call func() error) int64 {
	before := d.RowsRead()
	must(0, call())
	return d.RowsRead() - before
}

// checkClasses checks a metric by the values of its labels: every other series is 0, but
// for what is owed yearly, which depends on the day of the test.
func checkClasses(t *testing.T, d *desk.Desk, metric string, want map[string]int) {
	t.Helper()
	found := map[string]int{}
	for _, family := range must(d.Metrics().Gather()) {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			if n := int(m.GetCounter().GetValue() + m.GetGauge().GetValue()); family.GetName() == metric {
				found[strings.Join(labels, " ")] = n
			}
		}
	}
	for labels, n := range found {
		if n != want[labels] && !strings.HasPrefix(labels, "yearly") {
			t.Errorf("%s of %s is %d, want %d", metric, labels, n, want[labels])
		}
	}
	for labels := range want {
		if _, ok := found[labels]; !ok {
			t.Errorf("%s has no series of %s", metric, labels)
		}
	}
}

// An answer is counted once, as the clock stood, and its request costs a scrape
// nothing more.
func TestCountedAnswer(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	// answered has Finland answer a new request, and try to once more, compares its
	// metrics with what is wanted, and returns how many rows they took.
	answered := func(after time.Duration, onTime, late int) int64 {
		fi, stop := s.start("fi.spoc")
		s.unlock(fi)
		id := send(t, se, request(t))
		awaitIn(t, fi, id, "handed-over")
		s.clock.Move(after)
		answer := must(fi.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: "ANSWER", Body: body(t, "04-answer.json")})).Messages[0].ID
		awaitOut(t, fi, answer, "handed-over")
		_, err := fi.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: "ANSWER", Body: body(t, "04-answer.json")})
		if problem.CodeOf(err) != problem.ReplyNotAllowed || !strings.Contains(err.Error(), answer.String()) {
			t.Errorf("answered once more: %v", err)
		}
		stop()
		fi = s.open("fi.spoc")
		defer fi.Close()
		checkClasses(t, fi, "samband_answers_total", map[string]int{"8h false": late, "8h true": onTime})
		checkClasses(t, fi, "samband_requests_overdue", nil)
		return rowsOf(fi, func() error { _, err := fi.Metrics().Gather(); return err })
	}
	answered(time.Hour, 1, 0)
	two := answered(9*time.Hour, 1, 1)
	if three := answered(9*time.Hour, 1, 2); three != two {
		t.Errorf("a scrape reads %d rows after two answered requests, %d after three", two, three)
	}
}
