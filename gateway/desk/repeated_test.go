package desk_test

import (
	"strings"
	"testing"

	"samband/gateway/desk/client"
	"samband/gateway/problem"
)

// A fresh draft that repeats one that was just queued is refused, by explain too, and sent
// where it isn't marked as fresh, has a name, or differs. What was withdrawn may be sent
// again.
func TestRepeated(t *testing.T) {
	s := newStage(t)
	se := s.atWork("se.spoc")
	s.cut("se.spoc")
	fresh := func() client.Draft {
		d := request(t)
		d.Fresh = true
		return d
	}
	id := send(t, se, fresh())
	_, err := se.Send(ctx, fresh())
	if problem.CodeOf(err) != problem.Repeated || !strings.Contains(err.Error(), id.String()) || !strings.Contains(err.Error(), "queued") {
		t.Errorf("the same at once: %v", err)
	}
	if x := must(se.Explain(ctx, fresh())); x.Problem == nil || x.Problem.Code != problem.Repeated {
		t.Errorf("explained as %+v", x.Problem)
	}
	other := fresh()
	other.Body = unlisted(t)
	other.Attachments = other.Attachments[:0]
	named := fresh()
	named.Name = "the second"
	for name, d := range map[string]client.Draft{"another body": other, "on purpose": request(t), "with a name": named} {
		if _, err := se.Send(ctx, d); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
