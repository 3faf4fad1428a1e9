package desk_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"samband/gateway/api"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// A broker shows page after page of rubbish, and then a message that it bent. That is in
// the evidence, and all that it showed is counted: in verify, the status and /readyz.
func TestEvidenceIsNotCrowdedOut(t *testing.T) {
	s := newLie(t)
	se, fi := s.unlocked("se.spoc"), s.unlocked("fi.spoc")
	s.ready(se)
	s.ready(fi)
	rubbish := func(page int) (items []api.InboxItem) {
		for n := range 60 {
			items = append(items, api.InboxItem{Envelope: fmt.Appendf(nil, "rubbish %d of page %d", n, page)})
		}
		return items
	}
	pages := 0
	var bent []byte
	shown := map[string]bool{}
	s.edge.set(func() {
		s.edge.lie = func(caller signed.Address, answer any) {
			a, ok := answer.(*api.InboxAnswer)
			if !ok || caller != "fi.spoc" || pages > 3 || pages == 3 && len(a.Items) == 0 {
				return
			}
			if pages++; pages <= 3 {
				a.Items = rubbish(pages)
			} else {
				bent = bytes.Replace(a.Items[0].Envelope, []byte("samband/message/v1"), []byte("samband/message/v9"), 1)
				a.Items[0].Envelope = bent
			}
			for _, i := range a.Items {
				shown[signed.HashOf(i.Envelope).String()] = true
			}
		}
		s.edge.answers++
	})
	send(t, se, request(t))
	await(t, fi, "shown what was bent", func() bool {
		v := must(fi.Verify(ctx, client.Ref{}))
		return bent != nil && slices.ContainsFunc(v.Evidence, func(e client.Evidence) bool { return bytes.Equal(e.Exhibits["envelope"], bent) })
	})
	v := must(fi.Verify(ctx, client.Ref{}))
	if len(v.Breaches) != 1 || v.Breaches[0].Pieces != len(shown) || v.Breaches[0].Lost != len(shown)-len(v.Evidence) || v.Breaches[0].Lost == 0 {
		t.Errorf("of %d that were shown it keeps %d, and says %+v", len(shown), len(v.Evidence), v.Breaches)
	}
	st := must(fi.Status(ctx))
	if st.Evidence != len(shown) || len(st.Breaches) != 1 || st.Breaches[0] != v.Breaches[0] {
		t.Errorf("the status says %d: %+v", st.Evidence, st.Breaches)
	}
	if err := fi.Ready("evidence"); err == nil || !bytes.Contains([]byte(err.Error()), []byte(v.Breaches[0].Subject)) {
		t.Errorf("/readyz says %v", err)
	}
}
