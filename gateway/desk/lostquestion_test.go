package desk_test

import (
	"strings"
	"testing"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
)

// A desk that lost its own question, since an older database was put back or it begins
// empty, takes the answer all the same, and its log says what it lacks. It used to refuse the
// answer for good, and the other desk was told to choose another kind of reply.
func TestAnswerToALostQuestion(t *testing.T) {
	s := newStage(t)
	se, stop := s.start("se.spoc")
	s.unlock(se)
	s.ready(se)
	stop()
	putBack := s.keepDatabase("se.spoc")
	se, stop = s.start("se.spoc")
	s.unlock(se)
	fi := s.unlocked("fi.spoc")
	s.ready(fi)
	for _, test := range []struct {
		name  string
		loses func()
	}{
		{"put back", putBack},
		{"begun empty", func() {
			s.removeDatabase("se.spoc")
			must(desk.BeginEmpty(s.desk("se.spoc"), "no backup", morning))
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			question := send(t, se, request(t))
			awaitIn(t, fi, question, "handed-over")
			awaitOut(t, se, question, "handed-over")
			stop()
			test.loses()
			se, stop = s.start("se.spoc")
			s.unlock(se)
			answer := must(fi.Answer(ctx, client.Ref{From: "se.spoc", ID: question}, client.Draft{Type: "ANSWER", Body: body(t, "04-answer.json")})).Messages[0].ID
			awaitIn(t, se, answer, "handed-over")
			awaitOut(t, fi, answer, "handed-over")
			said := false
			for _, e := range must(se.Log(ctx, client.Query{})) {
				said = said || e.Event == "names what is not held here" && strings.Contains(e.Subject, answer.String())
			}
			if !said {
				t.Error("the desk's log does not say that it lacks the question")
			}
			if v := must(se.Verify(ctx, client.Ref{ID: answer})); len(v.Evidence)+len(v.Faults) != 0 {
				t.Errorf("somebody is accused: %+v", v)
			}
		})
	}
	stop()
}
