package desk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"samband/gateway/broker"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A notice to 200 desks, three of whom the law blocks, is sealed 197 times: the
// law is asked before anything is sealed, and the roster names the 197.
func TestNotice(t *testing.T) {
	plan := gatewaytest.Plan{
		Name: "nordic.example", Founders: []string{"icpb"}, Threshold: 1,
		Parties: []gatewaytest.Party{
			{Name: "icpb", Title: "Bureau", Desks: []gatewaytest.Desk{{Address: "icpb.command", Directory: directory}}},
			{Name: "fi", Title: "Suomi"},
		},
		Agreements: []gatewaytest.Agreement{{Title: "Notices", Parties: []string{"icpb", "fi"}, Types: []string{"SPONTANEOUS"},
			Purposes: []string{"DETECT_CRIME"}, Ceiling: "unclassified", Lasts: 365 * 24 * time.Hour}},
	}
	var to []signed.Address
	for i := range 200 {
		to = append(to, signed.Address(fmt.Sprintf("fi.d%03d", i)))
		plan.Parties[1].Desks = append(plan.Parties[1].Desks, gatewaytest.Desk{Address: to[i], Directory: directory, Keyed: true})
	}
	x := must(gatewaytest.Make(t.TempDir(), plan))
	blocked := []signed.Address{to[0], to[99], to[199]}
	for _, address := range blocked {
		x.Entries = append(x.Entries, must(x.Parties["fi"].Revoke(string(address), "locked", signed.Time{})).Note)
	}
	run := x.Still(context.Background())
	defer func() {
		if err := run.Stop(); err != nil {
			t.Error(err)
		}
	}()
	must(0, run.StartBroker(broker.Config{}))
	must(0, x.EnterAll(t.Context()))
	d := must(run.StartDesk("icpb.command", desk.Config{}))
	must(0, d.Unlock(t.Context(), []byte(gatewaytest.Passphrase)))
	must(0, run.CaughtUp("icpb.command"))

	var fields map[string]any
	must(0, json.Unmarshal(body(t, "07-spontaneous.json"), &fields))
	delete(fields, "recipients") // the desk writes the roster of those to whom it goes
	sending, err := d.Send(t.Context(), client.Draft{To: to, Type: "SPONTANEOUS", Body: must(json.Marshal(fields))})
	if err != nil {
		t.Fatal(err)
	}
	if len(sending.Messages) != 197 || len(sending.Blocked) != 3 {
		t.Fatalf("%d messages, blocked: %v", len(sending.Messages), sending.Blocked)
	}
	for _, b := range sending.Blocked {
		if !slices.Contains(blocked, b.To) || b.Problem.Code != problem.KeyRevoked {
			t.Errorf("blocked: %v", b)
		}
	}
	if sealed := count(t, d, "samband_envelopes_sealed_total"); sealed != 197 {
		t.Errorf("sealed %v times, want 197", sealed)
	}
}

func count(t *testing.T, d *desk.Desk, metric string) float64 {
	t.Helper()
	families, err := d.Metrics().Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == metric {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", metric)
	return 0
}
