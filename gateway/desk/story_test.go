package desk_test

import (
	"context"
	"strings"
	"testing"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
)

var ctx = context.Background()

// A request goes out, is handed over, is answered in time, and both sides prove
// all of it.
func TestRequestAndAnswer(t *testing.T) {
	s := newStage(t)
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	await(t, se, "at the exchange", func() bool { st, _ := se.Status(ctx); return st.Registered })
	id := send(t, se, request(t))
	awaitOut(t, se, id, "handed-over")
	awaitIn(t, fi, id, "handed-over")

	m, err := fi.Read(ctx, client.Ref{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	if m.From != "se.spoc" || !strings.Contains(string(m.Body), "Norrtälje") || len(m.Attachments) != 1 {
		t.Errorf("fi reads %+v", m)
	}
	if m.Deadline == nil || m.Deadline.Class != "8h" || m.Deadline.Overdue {
		t.Errorf("the clock stands at %+v", m.Deadline)
	}

	sending, err := fi.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: "ANSWER", Body: body(t, "04-answer.json")})
	if err != nil {
		t.Fatal(err)
	}
	answer := sending.Messages[0].ID
	awaitOut(t, fi, answer, "handed-over")
	awaitIn(t, se, answer, "handed-over")
	in, _ := fi.Inbox(ctx, client.Query{ID: id})
	if d := in[0].Deadline; d.Answered.IsZero() || !d.OnTime {
		t.Errorf("after the answer fi's clock stands at %+v", d)
	}
	if d := outState(t, se, id).Deadline; d.Answered.IsZero() || !d.OnTime {
		t.Errorf("after the answer se's clock stands at %+v", d)
	}
	for _, d := range []*desk.Desk{se, fi} {
		v, err := d.Verify(ctx, client.Ref{ID: id})
		if err != nil || len(v.Faults) > 0 || len(v.Evidence) > 0 || v.Proven != 2 {
			t.Errorf("%s proves %+v, %v", d.Address(), v, err)
		}
	}
	if _, err := se.Read(ctx, client.Ref{ID: answer}); err != nil {
		t.Error(err)
	}
}

// What the desk's own check stops is stored nowhere and stands in its log.
func TestNotSent(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	await(t, se, "at the exchange", func() bool { st, _ := se.Status(ctx); return st.Registered })
	good := request(t)
	for want, spoil := range map[problem.Code]func(*client.Draft){
		problem.BodyInvalid:   func(d *client.Draft) { d.Urgent = false },
		problem.BodyMalformed: func(d *client.Draft) { d.Body = []byte(`{"a":1,"a":2}`) },
		problem.UnknownDesk: func(d *client.Draft) {
			d.To[0], d.Body = "fi.nobody", []byte(strings.Replace(string(d.Body), `"fi.spoc"`, `"fi.nobody"`, 1))
		},
		problem.TypeUnknown:           func(d *client.Draft) { d.Type = "GOSSIP" },
		problem.ReplyNotAllowed:       func(d *client.Draft) { d.Type, d.Body, d.Urgent = "ANSWER", body(t, "04-answer.json"), false },
		problem.ClassificationTooHigh: func(d *client.Draft) { d.Classification = "bpl" },
		problem.PurposeNotPermitted: func(d *client.Draft) {
			d.Body = []byte(strings.Replace(string(d.Body), "INVESTIGATE_CRIME", "BORDER_CONTROL", 1))
		},
		problem.DatesInvalid: func(d *client.Draft) { d.Lifetime = 31 * 24 * 3600e9 },
	} {
		draft := good
		draft.To = append(draft.To[:0:0], good.To...)
		draft.Body = append(draft.Body[:0:0], good.Body...)
		if spoil(&draft); want == problem.ReplyNotAllowed {
			draft.Attachments = nil
		}
		_, err := se.Send(ctx, draft)
		if problem.CodeOf(err) != want {
			t.Errorf("want %s, got %v", want, err)
		}
	}
	log := must(se.Log(ctx, client.Query{}))
	if len(log) != 9 || log[0].Event != "not sent" || log[0].Code == "" {
		t.Errorf("the desk's log has %d lines, the last %+v", len(log), log[0])
	}
	if items, err := se.Outbox(ctx, client.Query{}); err != nil || len(items) != 0 {
		t.Errorf("the outbox has %d items, %v", len(items), err)
	}
}
