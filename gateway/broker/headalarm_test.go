package broker_test

import (
	"strings"
	"testing"

	"samband/gateway/api"
	"samband/gateway/broker"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A head raises an alarm when its desk signed it: not one that a call names, nor
// one in a text whose signatures don't verify.
func TestHeadAlarm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	se.accepted(se.envelope("fi.spoc"))
	kinds := []string{"head-ahead", "head-contradicts"}
	alarms := func(n string) {
		t.Helper()
		_, metrics := b.get(t, "/metrics")
		for _, kind := range kinds {
			if named := strings.Contains(metrics, `samband_alarm{desk="se.spoc",kind="`+kind+`"}`); named != (n != "0") {
				t.Errorf("se.spoc is named as who caused %s: %t", kind, named)
			}
			if n != "0" && !strings.Contains(metrics, `samband_alarm{desk="se.spoc",kind="`+kind+`"} `+n+"\n") || !strings.Contains(metrics, `samband_alarm{desk="",kind="`+kind+`"} 0`) {
				t.Errorf("not %s alarms of %s", n, kind)
			}
		}
	}
	ahead, other := se.audit, se.audit
	ahead.Size++
	other.Root = signed.HashOf("another log")
	_, err := se.client.Inbox(t.Context(), api.Heads{Audit: 1 << 40}, api.Ask{Limit: 1})
	wants(t, err, problem.HeadAhead)
	for _, keys := range [][]*signed.PrivateKey{fi.Message, se.Message} {
		alarms("0")
		for head, code := range map[signed.Head]problem.Code{ahead: problem.HeadAhead, other: problem.HeadContradicts} {
			h := &keyedDesk{KeyedDesk: &gatewaytest.KeyedDesk{Address: se.Address, Exchange: se.Exchange, Message: keys}, world: w, audit: head}
			e := h.envelope("fi.spoc")
			_, err := gatewaytest.SubmitOne(t.Context(), se.client, api.Heads{}, e.Bytes())
			wants(t, err, code)
			_, err = gatewaytest.StateOne(t.Context(), se.client, api.Heads{}, h.statement(envelope.Withdrawn, e))
			wants(t, err, code)
		}
	}
	alarms("2")
	// A restart ends none of them, and the status says who caused it and since when.
	raised := b.Started().Alarms
	b.stop()
	b = w.start()
	alarms("1")
	standing := b.Started().Alarms
	for n, kind := range kinds {
		if len(standing) != 2 || standing[n].Kind != kind || standing[n].Desk != "se.spoc" || standing[n].Since != raised[n].Since || standing[n].Detail == "" {
			t.Fatalf("the alarms are %+v, and were %+v", standing, raised)
		}
	}
	operator, err := broker.NewClient(w.dir)
	check(t, err)
	// An operator's word ends one; that it stands is what a word needs.
	if err := operator.Settle(t.Context(), "head-contradicts", "fi.spoc"); problem.CodeOf(err) != problem.NotFound {
		t.Errorf("an alarm that does not stand is settled: %v", err)
	}
	if err := operator.Settle(t.Context(), "head-contradicts", "se.spoc"); err != nil {
		t.Fatal(err)
	}
	if err := operator.Settle(t.Context(), "head-contradicts", "se.spoc"); problem.CodeOf(err) != problem.NotFound {
		t.Errorf("an alarm that does not stand is settled: %v", err)
	}
	// The desk itself ends the other, once it signs a head of ours that is as long; a shorter
	// one, and another desk's, end nothing.
	se.accepted(se.envelope("fi.spoc"))
	if n := len(b.Started().Alarms); n != 1 {
		t.Fatalf("%d alarms stand", n)
	}
	fi.audit = b.Started().Audit
	fi.accepted(fi.envelope("se.spoc"))
	if n := len(b.Started().Alarms); n != 1 {
		t.Fatalf("%d alarms stand", n)
	}
	se.audit = b.Started().Audit
	se.accepted(se.envelope("fi.spoc"))
	if standing := b.Started().Alarms; len(standing) != 0 {
		t.Errorf("the alarms are %+v", standing)
	}
	alarms("0")
}
