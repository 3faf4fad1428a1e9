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

// Whoever names a small register gets little of it beside an answer: no call but
// those that are answered by pages fills the broker's memory with it.
func TestCatchupIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi, no := w.desks["se.spoc"], w.desks["fi.spoc"], w.desks["no.spoc"]
	from := w.register.Size()
	for i := range int64(20) {
		no.Recipient = strings.Repeat("k", 4000) + signed.FormatInt(i)
		w.enterDesk(no)
	}
	w.bringUp(b.Enter, from)
	fi.inbox(0)
	e := se.envelope("fi.spoc")
	submitted, err := gatewaytest.SubmitOne(t.Context(), se.client, api.Heads{}, e.Bytes())
	check(t, err)
	stated, err := gatewaytest.StateOne(t.Context(), fi.client, api.Heads{}, fi.consignment(e.TextHash()))
	check(t, err)
	refused, err := gatewaytest.StateOne(t.Context(), se.client, api.Heads{}, se.statement(envelope.Withdrawn, e))
	wants(t, err, problem.AlreadyConsigned)
	for name, c := range map[string]*api.Catchup{"submitted": &submitted.Catchup, "stated": &stated.Catchup, "refused": &refused.Catchup} {
		n := 0
		for _, entry := range c.Register.Entries {
			n += len(entry)
		}
		if n == 0 || n > api.MaxCatchup {
			t.Errorf("%s: %d bytes of the register come with the answer", name, n)
		}
	}
	if all := fi.inbox(0).Catchup.Register.Entries; len(all) != 0 {
		t.Errorf("a desk that knows the register gets %d entries", len(all))
	}
	page, err := fi.client.Inbox(t.Context(), api.Heads{}, api.Ask{Limit: 1})
	check(t, err)
	if got := int64(len(page.Catchup.Register.Entries)); got != w.register.Size() {
		t.Errorf("a page brings %d entries of %d", got, w.register.Size())
	}
}
