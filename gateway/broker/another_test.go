package broker_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"samband/gateway/api"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// Whoever has the header of another's message learns nothing of it from the broker:
// each call that names a message answers as for one that isn't there.
func TestAnothersMessageIsUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	agreement := &register.Agreement{
		Title: "Pohjoinen yhteistyö", Parties: []string{"fi", "no"}, Types: []string{"INFO_REQUEST"},
		Purposes: []string{"INVESTIGATE_CRIME"}, Ceiling: envelope.Unclassified,
		From: signed.At(time.Now()).Add(-time.Hour), Until: signed.At(time.Now()).Add(24 * time.Hour),
	}
	w.party("no", func(l register.Link) register.Entry { agreement.Link = l; return agreement })
	w.party("fi", func(l register.Link) register.Entry { return &register.Accession{Link: l, Agreement: agreement.Hash()} })
	w.start()
	se, no := w.desks["se.spoc"], w.desks["no.spoc"]
	theirs := se.envelope("fi.spoc")
	se.accepted(theirs)
	fresh := se.envelope("fi.spoc")
	no.progress(0, 0) // so that it knows the log

	ask := map[string]func(*envelope.Envelope) error{
		"want": func(e *envelope.Envelope) error {
			return no.client.Want(t.Context(), no.heads(), api.Want{Message: e.TextHash()})
		},
		"consigned":   func(e *envelope.Envelope) error { _, err := no.state(no.consignment(e.TextHash())); return err },
		"handed over": func(e *envelope.Envelope) error { _, err := no.state(no.statement(envelope.HandedOver, e)); return err },
		"submitted": func(e *envelope.Envelope) error {
			_, err := gatewaytest.SubmitOne(context.Background(), no.client, no.heads(), e.Bytes())
			return err
		},
		"answered": func(e *envelope.Envelope) error {
			_, err := no.submit(no.envelope("fi.spoc", func(h *envelope.Header) {
				h.Agreement, h.InReplyTo = agreement.Hash(), e.TextHash()
			}))
			return err
		},
	}
	for name, ask := range ask {
		there, absent := ask(theirs), ask(fresh)
		if problem.CodeOf(there) != problem.CodeOf(absent) || (there == nil) != (absent == nil) {
			t.Errorf("%s: %v, and where there is none %v", name, there, absent)
		} else if there != nil && strings.ReplaceAll(there.Error(), theirs.TextHash().String(), fresh.TextHash().String()) != absent.Error() {
			t.Errorf("%s: %v, and where there is none %v", name, there, absent)
		}
		a, b := errors.As(there, new(*api.Refusal)), errors.As(absent, new(*api.Refusal))
		if a != b {
			t.Errorf("%s: refused %v, and where there is none %v", name, a, b)
		}
	}
}

// What is of another exchange says nothing of our logs, though that exchange and its
// logs have the same names: a twin is told so for good, and raises no alarm.
func TestTwinExchange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se := w.desks["se.spoc"]
	se.accepted(se.envelope("fi.spoc"))
	ahead, other := se.audit, se.audit
	ahead.Size += 1000
	other.Root = signed.HashOf("the twin's log")
	for name, head := range map[string]signed.Head{"a longer log": ahead, "another log": other} {
		twin := &keyedDesk{world: w, audit: head, KeyedDesk: &gatewaytest.KeyedDesk{
			Address: se.Address, Exchange: signed.HashOf("the twin"), Message: se.Message, Consignment: se.Consignment}}
		e := twin.envelope("fi.spoc", func(h *envelope.Header) { h.Exchange = twin.Exchange })
		_, err := se.submit(e)
		wants(t, err, problem.WrongExchange)
		for _, note := range [][]byte{twin.consignment(e.TextHash()), twin.statement(envelope.HandedOver, e), twin.statement(envelope.Withdrawn, e)} {
			if _, err := se.state(note); problem.CodeOf(err) != problem.WrongExchange {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if _, metrics := b.get(t, "/metrics"); strings.Contains(metrics, `samband_alarm{desk="se.spoc"`) || len(b.Started().Alarms) > 0 {
		t.Error("a twin's heads raise an alarm")
	}
}
