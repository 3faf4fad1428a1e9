package desk_test

import (
	"context"
	"sync/atomic"
	"testing"

	"samband/gateway/api"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// refusals is a broker that counts the words that it refuses.
type refusals struct {
	desk.Broker
	refused *atomic.Int64
}

func (b refusals) State(ctx context.Context, h api.Heads, notes [][]byte) (*api.StateAnswer, error) {
	a, err := b.Broker.State(ctx, h, notes)
	if err != nil {
		return nil, err
	}
	for _, i := range a.Items {
		if problem.CodeOf(i.Refusal()) == problem.KeyRevoked {
			b.refused.Add(1)
		}
	}
	return a, nil
}

// The broker takes no word of a desk whose ring is revoked. The desk shows that,
// and does not say it again before the register has moved.
func TestRefusedStatement(t *testing.T) {
	s := newStage(t)
	se := s.unlocked("se.spoc")
	words := refusals{must(desk.Dial(s.desk("fi.spoc"))), &atomic.Int64{}}
	fi, _ := s.startTo("fi.spoc", words)
	s.ready(se)
	id := send(t, se, request(t))
	awaitIn(t, fi, id, "consigned")
	s.enter(s.party("fi").Revoke("fi.spoc", "locked", signed.Time{}))
	s.unlock(fi)
	await(t, fi, "refused", func() bool {
		items := must(fi.Inbox(ctx, client.Query{ID: id}))
		return items[0].State != "handed-over" && items[0].Problem != nil && items[0].Problem.Code == problem.KeyRevoked
	})
	// Another message goes its way meanwhile, and nobody repeats what was refused.
	other := request(t)
	other.To = []signed.Address{"se.spoc"}
	awaitOut(t, se, send(t, se, other), "handed-over")
	if n := words.refused.Load(); n != 1 {
		t.Errorf("the statement was sent %d times", n)
	}
	s.enter(s.party("se").Agreement(register.Agreement{
		Title: "Another", Parties: []string{"fi"}, Types: []string{"SPONTANEOUS"}, Purposes: []string{"PREVENT_CRIME"},
		Ceiling: envelope.Unclassified, From: signed.At(morning), Until: signed.At(morning.AddDate(0, 1, 0)),
	}))
	await(t, fi, "once more refused", func() bool { return words.refused.Load() == 2 })
}
