package desk_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/signed"
)

// One party's desk sends 3,000 small messages, and then another party's desk an urgent
// one. The desk that gets them all consigns the urgent one with the first page, or the next
// if the broker had not listed it yet.
func TestUrgentBehindAFlood(t *testing.T) {
	const flood = 3000
	plan := gatewaytest.Plan{Name: "nordic.example", Founders: []string{"se"}, Threshold: 1}
	for _, p := range []struct {
		name  string
		keyed bool
	}{{"fi", false}, {"no", true}, {"se", true}} {
		plan.Parties = append(plan.Parties, gatewaytest.Party{Name: p.name, Title: "Party " + p.name, Desks: []gatewaytest.Desk{
			{Address: signed.Address(p.name + ".spoc"), Directory: directory, Keyed: p.keyed},
		}})
	}
	plan.Agreements = []gatewaytest.Agreement{{
		Title: "Police cooperation in the North", Parties: []string{"fi", "no", "se"}, Types: []string{"INFO_REQUEST"},
		Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.Unclassified, Lasts: 366 * 24 * time.Hour,
	}}
	s := stillOf(t, must(gatewaytest.Make(filepath.Join(t.TempDir(), "exchange"), plan)))
	s.clock = gatewaytest.NewClock(time.Now().UTC()) // the exchange is younger than the other tests' morning
	must(0, s.StartBroker(broker.Config{Clock: s.clock}))
	must(0, s.EnterAll(ctx))
	fi, stop := s.start("fi.spoc")
	s.ready(fi)
	stop()

	f := s.register.Federation()
	none, heads := (&auditlog.Range{}).Head(f.Audit.Name), api.Heads{Register: s.register.Size()}
	desks := map[signed.Address]*api.Client{}
	sends := func(from signed.Address, urgency string, n int) (messages []signed.Hash) {
		h := s.KeyedDesks[from]
		if desks[from] == nil {
			desks[from] = must(h.Client(s.URL(), f))
			t.Cleanup(desks[from].Close)
		}
		var all [][]byte
		for range n {
			header := must(h.Header(s.register.Now(), none, "fi.spoc", "INFO_REQUEST", s.clock.Wall()))
			header.Urgency = urgency
			e := must(h.Sign(*header, []byte("not an age file")))
			all, messages = append(all, e.Bytes()), append(messages, e.TextHash())
		}
		for group := range slices.Chunk(all, api.MaxItems) {
			for _, i := range must(desks[from].Submit(ctx, heads, group)).Items {
				must(0, i.Refusal())
			}
		}
		return messages
	}
	began := time.Now()
	sends("se.spoc", envelope.NonUrgent, flood)
	urgent := sends("no.spoc", envelope.Urgent, 1)[0]
	took := time.Since(began)

	began = time.Now()
	s.start("fi.spoc") // locked: it consigns what comes
	a := must(desks["no.spoc"].Progress(ctx, heads, api.Page{Wait: patience, Limit: 1}))
	if len(a.Items) != 1 || a.Items[0].Message != urgent || a.Items[0].Event != envelope.Consigned {
		t.Fatalf("%d items are heard of: %+v", len(a.Items), a.Items)
	}
	before := must(auditlog.ParseProof([]byte(a.Items[0].Proof))).Entry.Record.Index - flood - 1
	t.Logf("%d messages sent in %s; the urgent one is consigned after %s, behind %d others", flood,
		took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), before)
	if before > api.MaxLimit {
		t.Errorf("%d messages of the flood are consigned before the urgent one", before)
	}
}
