package desk_test

import (
	"testing"

	"samband/gateway/desk"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// The broker takes no word of a desk whose ring is revoked. The desk shows that,
// and does not say it again before the register has moved.
func TestRefusedStatement(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	fi, _ := s.start("fi.spoc")
	s.ready(se)
	id := send(t, se, request(t))
	awaitIn(t, fi, id, "consigned")
	s.edge.enter(must(s.party("fi").Revoke("fi.spoc", "locked", signed.Time{})).Note)
	s.unlock(fi)
	await(t, fi, "refused", func() bool {
		items := must(fi.Inbox(ctx, desk.Query{ID: id}))
		return items[0].State == "opened" && items[0].Problem != nil && items[0].Problem.Code == problem.KeyRevoked
	})
	// Another message goes its way meanwhile, and nobody repeats what was refused.
	other := request(t)
	other.To = []signed.Address{"se.spoc"}
	awaitOut(t, se, send(t, se, other), "handed-over")
	refused := func() (n int) {
		s.edge.set(func() { n = s.edge.refused })
		return n
	}
	if n := refused(); n != 1 {
		t.Errorf("the statement was sent %d times", n)
	}
	s.edge.enter(must(s.party("se").Agreement(register.Agreement{
		Title: "Another", Parties: []string{"fi"}, Types: []string{"SPONTANEOUS"}, Purposes: []string{"PREVENT_CRIME"},
		Ceiling: envelope.Unclassified, From: signed.At(morning), Until: signed.At(morning.AddDate(0, 1, 0)),
	})).Note)
	await(t, fi, "once more refused", func() bool { return refused() == 2 })
}
