package broker_test

import (
	"strings"
	"testing"

	"samband/gateway/api"
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
	alarms := func(n string) {
		t.Helper()
		_, metrics := b.get(t, "/metrics")
		for _, kind := range []string{"head-ahead", "head-contradicts"} {
			if !strings.Contains(metrics, `samband_alarm{kind="`+kind+`"} `+n+"\n") {
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
}
