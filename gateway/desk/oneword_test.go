package desk_test

import (
	"bytes"
	"testing"
	"time"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A message that comes to an unlocked desk ends in one word: the log has no
// consignment of it, and its clock starts at the handover, for both desks.
func TestOneWordStartsTheClock(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitOut(t, se, id, "accepted")
	s.clock.Move(time.Hour)
	s.cut("fi.spoc")
	fi := s.unlocked("fi.spoc")
	s.mend("fi.spoc")
	awaitOut(t, se, id, "handed-over")
	awaitIn(t, fi, id, "handed-over")
	out, in := outState(t, se, id), must(fi.Inbox(ctx, client.Query{ID: id}))[0]
	for who, i := range map[string]client.Item{"se": out.Item, "fi": in.Item} {
		handed := morning.Add(time.Hour)
		if !i.Consigned.IsZero() || i.Ended != signed.At(handed) {
			t.Errorf("%s shows it consigned at %s and ended at %s", who, i.Consigned, i.Ended)
		}
		if i.Deadline == nil || i.Deadline.Due != signed.At(handed.Add(8*time.Hour)) {
			t.Errorf("%s's clock stands at %+v", who, i.Deadline)
		}
	}
	for _, d := range []*desk.Desk{se, fi} {
		if v := must(d.Verify(ctx, client.Ref{ID: id})); v.Proven != 2 || len(v.Faults)+len(v.Evidence) != 0 {
			t.Errorf("%s proves %+v", d.Address(), v)
		}
	}
}

// A desk is locked between its word about an answer and the proof of that word. The
// answer is handed over all the same; what it says is shown, and has its effects,
// once the desk is unlocked again.
func TestLockedBetweenWordAndProof(t *testing.T) {
	for name, goesOn := range map[string]func(s *stage, g *gate, w *words, stop func()) *desk.Desk{
		"the call gets through": func(s *stage, _ *gate, w *words, _ func()) *desk.Desk {
			w.fate <- passes
			return s.Desks["se.spoc"]
		},
		"the call is cut off": func(s *stage, g *gate, w *words, _ func()) *desk.Desk {
			w.fate <- cut
			again := s.call(g)
			if !bytes.Equal(again.notes[0], w.notes[0]) {
				s.t.Error("another note is said in place of the first")
			}
			again.fate <- passes
			return s.Desks["se.spoc"]
		},
		"the desk starts anew": func(s *stage, g *gate, w *words, stop func()) *desk.Desk {
			stop()
			next := newGate(must(desk.Dial(s.desk("se.spoc"))))
			se, _ := s.startTo("se.spoc", next)
			again := s.call(next)
			if !bytes.Equal(again.notes[0], w.notes[0]) {
				s.t.Error("another note is said in place of the first")
			}
			again.fate <- passes
			return se
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			g := newGate(must(desk.Dial(s.desk("se.spoc"))))
			se, stop := s.startTo("se.spoc", g)
			s.unlock(se)
			s.ready(se)
			fi := s.unlocked("fi.spoc")
			id := send(t, se, request(t))
			awaitIn(t, fi, id, "handed-over")
			awaitOut(t, se, id, "handed-over")
			s.clock.Move(time.Hour)
			answer := must(fi.Answer(ctx, client.Ref{ID: id}, client.Draft{Type: "ANSWER", Body: body(t, "04-answer.json")})).Messages[0].ID
			w := s.call(g)
			if i := must(se.Inbox(ctx, client.Query{ID: answer}))[0]; i.Says != "handed-over" || i.State != "accepted" || i.Summary != nil {
				t.Errorf("before the proof the answer is %+v", i)
			}
			must(0, se.Lock(ctx))
			s.clock.Move(time.Hour)
			se = goesOn(s, g, w, stop)
			awaitIn(t, se, answer, "handed-over")
			awaitOut(t, fi, answer, "handed-over")
			if _, err := se.Read(ctx, client.Ref{ID: answer}); problem.CodeOf(err) != problem.DeskLocked {
				t.Errorf("a locked desk reads: %v", err)
			}
			if i := must(se.Inbox(ctx, client.Query{ID: answer}))[0]; i.Summary != nil {
				t.Errorf("a locked desk lists %+v", i.Summary)
			}
			if at := outState(t, se, id).Deadline; !at.Answered.IsZero() {
				t.Errorf("locked, what the answer says is known: the clock stands at %+v", at)
			}
			s.unlock(se)
			await(t, se, "told of the answer", func() bool { return !outState(t, se, id).Deadline.Answered.IsZero() })
			if at := outState(t, se, id).Deadline; at.Answered != signed.At(morning.Add(time.Hour)) || !at.OnTime {
				t.Errorf("the clock stands at %+v", at)
			}
			if m, err := se.Read(ctx, client.Ref{ID: answer}); err != nil || len(m.Body) == 0 {
				t.Errorf("unlocked, it reads %v", err)
			}
			if v := must(se.Verify(ctx, client.Ref{ID: answer})); v.Proven != 2 || len(v.Faults)+len(v.Evidence) != 0 {
				t.Errorf("se proves %+v", v)
			}
		})
	}
}
