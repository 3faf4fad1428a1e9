package desk_test

import (
	"strings"
	"testing"
	"time"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// whole is a body with what a reply needs beside what the desk fills in.
func whole(more string) []byte {
	return []byte(`{"our_reference": "A 77/2026", "handling": [{"code": "H0"}]` + more + `}`)
}

// turns waits until two desks see their one conversation so.
func turns(t *testing.T, what string, see map[*desk.Desk]client.Turn, open int) {
	t.Helper()
	for d, want := range see {
		await(t, d, what, func() bool {
			c := must(d.Conversations(ctx, client.Query{}))
			return len(c) == 1 && c[0].Turn == want && len(c[0].Open) == open
		})
	}
}

func answerTo(t *testing.T, d *desk.Desk, id signed.ID, typ string, body []byte) signed.ID {
	t.Helper()
	s, err := d.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: typ, Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return s.Messages[0].ID
}

// A request, a question about it and its answer, a reminder, an answer, the close: each
// desk knows whose turn it is, what is open, and that nothing follows.
func TestTurns(t *testing.T) {
	s, se, fi, id := asked(t)
	s.unlock(se)
	turns(t, "asked", map[*desk.Desk]client.Turn{se: client.Theirs, fi: client.Ours}, 1)
	if !must(fi.Inbox(ctx, client.Query{ID: id}))[0].Open {
		t.Error("the request is not open in the inbox")
	}
	question := answerTo(t, fi, id, "CLARIFY", body(t, "02-clarify.json"))
	awaitIn(t, se, question, "handed-over")
	turns(t, "asked back", map[*desk.Desk]client.Turn{se: client.Ours, fi: client.Theirs}, 2)
	told := answerTo(t, se, question, "CLARIFICATION", body(t, "03-clarification.json"))
	awaitIn(t, fi, told, "handed-over")
	turns(t, "told", map[*desk.Desk]client.Turn{se: client.Theirs, fi: client.Ours}, 1)

	reminder := answerTo(t, se, id, "REMINDER", whole(`, "days_overdue": 1, "still_needed": true`))
	awaitIn(t, fi, reminder, "handed-over")
	if at := outState(t, se, reminder); at.InReplyTo != outState(t, se, id).Message {
		t.Errorf("the reminder names %s", at.InReplyTo)
	}
	turns(t, "reminded", map[*desk.Desk]client.Turn{se: client.Theirs, fi: client.Ours}, 1)

	answer := answerTo(t, fi, reminder, "ANSWER", body(t, "04-answer.json"))
	awaitIn(t, se, answer, "handed-over")
	turns(t, "answered", map[*desk.Desk]client.Turn{se: client.Nobody, fi: client.Nobody}, 0)
	if at := outState(t, se, id).Deadline; at.Answered.IsZero() || !at.OnTime {
		t.Errorf("answered by way of the reminder, the clock stands at %+v", at)
	}
	closing := answerTo(t, se, answer, "CLOSE", whole(`, "result": "HELPED"`))
	awaitIn(t, fi, closing, "handed-over")
	for _, d := range []*desk.Desk{se, fi} {
		if c := must(d.Conversations(ctx, client.Query{ID: outState(t, se, id).Conversation})); c[0].Closed.IsZero() {
			t.Errorf("at %s the conversation stands at %+v", d.Address(), c[0])
		}
	}
	_, err := fi.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: "CLARIFY", Body: whole(`, "questions": [{"id": "Q1", "question": "Which of the two?"}]`)})
	if problem.CodeOf(err) != problem.ReplyNotAllowed || !strings.Contains(err.Error(), "closed") {
		t.Errorf("after the close: %v", err)
	}
	if _, err := se.Conversations(ctx, client.Query{ID: signed.NewID()}); problem.CodeOf(err) != problem.UnknownMessage {
		t.Errorf("an unknown conversation: %v", err)
	}
}

// Whoever asked and closes asks no more; whoever owes an answer does not end that by
// closing, and may still give it.
func TestClosedByEither(t *testing.T) {
	s, se, fi, id := asked(t)
	s.unlock(se)
	reminder := answerTo(t, se, id, "REMINDER", whole(`, "days_overdue": 1, "still_needed": true`))
	awaitIn(t, fi, reminder, "handed-over")
	closing := answerTo(t, fi, reminder, "CLOSE", whole(`, "result": "HELPED"`))
	awaitIn(t, se, closing, "handed-over")
	turns(t, "closed by who owes", map[*desk.Desk]client.Turn{se: client.Theirs, fi: client.Ours}, 1)
	question := client.Draft{Type: "CLARIFICATION", Body: whole(`, "answers": [{"question": "Q1", "answer": "The second"}]`)}
	if _, err := se.Answer(ctx, client.Ref{ID: reminder}, question); problem.CodeOf(err) != problem.ReplyNotAllowed {
		t.Errorf("a clarification after the close: %v", err)
	}
	awaitIn(t, se, answerTo(t, fi, id, "ANSWER", body(t, "04-answer.json")), "handed-over")
	turns(t, "answered", map[*desk.Desk]client.Turn{se: client.Nobody, fi: client.Nobody}, 0)

	other := send(t, se, request(t))
	awaitIn(t, fi, other, "handed-over")
	awaitIn(t, fi, answerTo(t, se, other, "CLOSE", whole(`, "result": "HELPED"`)), "handed-over")
	s.clock.Move(9 * time.Hour)
	if at := inDeadline(fi, other); at.Overdue || !at.Answered.IsZero() {
		t.Errorf("closed by who asked, the clock stands at %+v", at)
	}
	if c := must(fi.Conversations(ctx, client.Query{ID: outState(t, se, other).Conversation})); c[0].Turn != client.Nobody || len(c[0].Open) > 0 {
		t.Errorf("closed by who asked: %+v", c[0])
	}
}

// A delay extends the clock at both desks; what comes after the time was up doesn't.
func TestDelay(t *testing.T) {
	s, se, fi, id := asked(t)
	s.unlock(se)
	delay := func(hours int) []byte {
		until := morning.Add(time.Duration(hours) * time.Hour).Format(time.RFC3339)
		return whole(`, "reason": "JUDICIAL_AUTHORISATION", "expected_by": "` + until + `"`)
	}
	d := answerTo(t, fi, id, "DELAY", delay(30))
	awaitIn(t, se, d, "handed-over")
	s.clock.Move(20 * time.Hour)
	for _, at := range []*client.Deadline{outState(t, se, id).Deadline, inDeadline(fi, id)} {
		if at.Overdue || at.Extended != signed.At(morning.Add(30*time.Hour)) || at.Due != at.Extended || at.ExtendedBy != outState(t, fi, d).Message {
			t.Errorf("delayed, the clock stands at %+v", at)
		}
	}
	s.clock.Move(11 * time.Hour)
	awaitIn(t, se, answerTo(t, fi, d, "UPDATE", []byte(strings.Replace(string(delay(60)), `"reason"`, `"progress"`, 1))), "handed-over")
	for _, at := range []*client.Deadline{outState(t, se, id).Deadline, inDeadline(fi, id)} {
		if !at.Overdue || at.Due != signed.At(morning.Add(30*time.Hour)) {
			t.Errorf("delayed again too late, the clock stands at %+v", at)
		}
	}
}

// What a desk may not send is refused before it is sealed, and what another sends all
// the same by whoever sees it: the broker by its header, else the recipient.
func TestRefusedChains(t *testing.T) {
	s, se, fi, id := asked(t)
	s.unlock(se)
	request := outState(t, se, id)
	for d, draft := range map[*desk.Desk]client.Draft{
		se: {Type: "ANSWER", Body: body(t, "04-answer.json")},
		fi: {Type: "REMINDER", Body: whole(`, "days_overdue": 1, "still_needed": true`)},
	} {
		if _, err := d.Answer(ctx, client.Ref{ID: id}, draft); problem.CodeOf(err) != problem.ReplyNotAllowed {
			t.Errorf("%s sends %s about it: %v", d.Address(), draft.Type, err)
		}
	}
	naming := func(text signed.Hash) func(*envelope.Header) {
		return func(h *envelope.Header) {
			h.Conversation, h.InReplyTo, h.Urgency = request.Conversation, text, request.Urgency
		}
	}
	unknown := s.thief("fi.spoc").message("se.spoc", "ANSWER", naming(signed.HashOf("nothing")))
	awaitIn(t, se, unknown, "refused")
	for name, edit := range map[string]func(*envelope.Header){
		"naming nothing":        naming(signed.Hash{}),
		"of other conversation": func(h *envelope.Header) { h.InReplyTo = request.Message },
	} {
		if err := s.thief("fi.spoc").refused("se.spoc", "ANSWER", edit); problem.CodeOf(err) != problem.ReplyNotAllowed {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.thief("se.spoc").refused("fi.spoc", "ANSWER", naming(request.Message)); problem.CodeOf(err) != problem.ReplyNotAllowed {
		t.Errorf("an answer to oneself: %v", err)
	}
}

// At each of the desk's fractions of a term the clock warns, and once the term has ended
// it is overdue; both are counted.
func TestWarnings(t *testing.T) {
	s, _, fi, id := asked(t)
	for _, step := range []struct {
		after            time.Duration
		warning          float64
		overdue          bool
		warned, overdueN int
	}{{3 * time.Hour, 0, false, 0, 0}, {time.Hour, 0.5, false, 1, 0}, {3 * time.Hour, 0.8, false, 1, 0}, {2 * time.Hour, 0.8, true, 0, 1}} {
		s.clock.Move(step.after)
		at := inDeadline(fi, id)
		if at.Warning != step.warning || at.Overdue != step.overdue || at.Source == "" {
			t.Errorf("the clock stands at %+v, want the warning %v, overdue %t", at, step.warning, step.overdue)
		}
		checkClasses(t, fi, "samband_requests_overdue", map[string]int{"8h": step.overdueN})
		checkClasses(t, fi, "samband_requests_warned", map[string]int{"8h": step.warned})
	}
}
