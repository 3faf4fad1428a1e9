package broker_test

import (
	"bytes"
	"context"
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

// Each refusal of an envelope, over the real edge. A final one leaves an entry
// that its repeat gets again; others leave none.
func TestRefusedEnvelopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	se := w.desks["se.spoc"]
	fi := w.desks["fi.spoc"]
	header := func(edit func(*envelope.Header)) func() []byte {
		return func() []byte { return se.envelope("fi.spoc", edit).Bytes() }
	}
	bytesOf := func(edit func(e *envelope.Envelope) []byte) func() []byte {
		return func() []byte { return edit(se.envelope("fi.spoc")) }
	}
	hour := time.Hour
	for _, c := range []struct {
		name string
		code problem.Code
		make func() []byte
	}{
		{"other exchange", problem.WrongExchange, header(func(h *envelope.Header) { h.Exchange = signed.HashOf("training") })},
		{"files beside it", problem.PartsUnsupported, header(func(h *envelope.Header) { h.Parts = &envelope.PartsRef{Count: 1, Bytes: 9} })},
		{"for another", problem.OnBehalfUnaccredited, header(func(h *envelope.Header) { h.OnBehalfOf = "no.police" })},
		{"unknown recipient", problem.UnknownDesk, header(func(h *envelope.Header) { h.To = "dk.spoc" })},
		{"unknown type", problem.TypeUnknown, header(func(h *envelope.Header) { h.Type.Name = "POEM" })},
		{"other type file", problem.TypeOutdated, header(func(h *envelope.Header) { h.Type.Hash = signed.HashOf("older") })},
		{"created tomorrow", problem.NotYet, header(func(h *envelope.Header) { h.Created = h.Created.Add(24 * hour); h.Expires = h.Created.Add(hour) })},
		{"lives too long", problem.DatesInvalid, header(func(h *envelope.Header) { h.Expires = h.Created.Add(31 * 24 * hour) })},
		{"expired", problem.Expired, header(func(h *envelope.Header) { h.Created = h.Created.Add(-2 * hour); h.Expires = h.Created.Add(hour) })},
		{"no such agreement", problem.NoAgreement, header(func(h *envelope.Header) { h.Agreement = signed.HashOf("none") })},
		{"above the ceiling", problem.ClassificationTooHigh, header(func(h *envelope.Header) { h.Classification = envelope.BPL })},
		{"stale opening key", problem.RegisterMoved, header(func(h *envelope.Header) { h.ToKey = envelope.KeyIDOf("older") })},
		{"log not reached", problem.HeadAhead, header(func(h *envelope.Header) { h.AsOfAudit.Size += 1000 })},
		{"register not reached", problem.HeadAhead, header(func(h *envelope.Header) { h.AsOfRegister.Size += 1000 })},
		{"another register", problem.HeadContradicts, header(func(h *envelope.Header) { h.AsOfRegister.Root = signed.HashOf("damaged") })},
		{"another log", problem.WrongExchange, header(func(h *envelope.Header) { h.AsOfAudit.Origin = "other.example/audit" })},
		{"another's", problem.CertificateWrong, func() []byte { return fi.envelope("se.spoc").Bytes() }},
		{"sealed part altered", problem.SealedMismatch, bytesOf(func(e *envelope.Envelope) []byte { b := e.Bytes(); b[len(b)-1] ^= 1; return b })},
		{"header altered", problem.SignatureInvalid, bytesOf(func(e *envelope.Envelope) []byte {
			return bytes.Replace(e.Bytes(), []byte("urgency urgent"), []byte("urgency non-urgent"), 1)
		})},
		{"recipient swapped", problem.SignatureInvalid, bytesOf(func(e *envelope.Envelope) []byte {
			return bytes.Replace(e.Bytes(), []byte("to fi.spoc"), []byte("to no.spoc"), 1)
		})},
		{"a signature missing", problem.SignatureMissing, bytesOf(func(e *envelope.Envelope) []byte {
			e.Note.Signatures = e.Note.Signatures[:1]
			return e.Bytes()
		})},
		{"a signature too many", problem.SignatureExtra, bytesOf(func(e *envelope.Envelope) []byte {
			e.Note.Signatures = append(e.Note.Signatures, e.Note.Signatures[0])
			return e.Bytes()
		})},
		{"signatures swapped", problem.SignatureExtra, bytesOf(func(e *envelope.Envelope) []byte {
			e.Note.Signatures[0], e.Note.Signatures[1] = e.Note.Signatures[1], e.Note.Signatures[0]
			return e.Bytes()
		})},
		{"not a text", problem.TextMalformed, func() []byte { return []byte("GET / HTTP/1.1\r\n\r\n") }},
		{"lines in another order", problem.TextMalformed, bytesOf(func(e *envelope.Envelope) []byte {
			return bytes.Replace(e.Bytes(), []byte("urgency urgent\nclassification unclassified\n"), []byte("classification unclassified\nurgency urgent\n"), 1)
		})},
		{"oversize", problem.Oversize, func() []byte { return make([]byte, envelope.MaxEnvelope+1) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			raw := c.make()
			submit := func() *api.Refusal {
				_, err := gatewaytest.SubmitOne(context.Background(), se.client, se.heads(), raw)
				return wants(t, err, c.code)
			}
			r := submit()
			if final := r.Problem.Class() == problem.Final; final != (r.Proof != "") {
				t.Fatalf("class %s with proof %q", r.Problem.Class(), r.Proof)
			}
			if r.Proof == "" {
				return
			}
			rec := w.prove(r.Proof)
			if rec.Kind != envelope.Rejected || rec.Caller != "se.spoc" || rec.Code != c.code {
				t.Errorf("logged as %+v", rec)
			}
			_, err := envelope.Parse(raw)
			if again := w.prove(submit().Proof); err == nil && rec.Time.Before(rec.Until) && again.Index != rec.Index {
				t.Errorf("a repeat is logged again: %+v", again)
			}
		})
	}
}

// What the law or the keys became since does not change an answer given.
func TestFirstAnswerStands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se, fi := w.desks["se.spoc"], w.desks["fi.spoc"]
	e := se.envelope("fi.spoc")
	leaf := w.prove(se.accepted(e).Acceptance).Index
	consignment := fi.consignment(e.TextHash())
	fi.stated(consignment)
	refused := se.envelope("no.spoc")
	_, err := se.submit(refused)
	wants(t, err, problem.NoAgreement)

	for _, subject := range []signed.Address{"se.spoc", "fi.spoc"} {
		note := w.party(subject.Party(), func(l register.Link) register.Entry {
			return &register.Revocation{Link: l, Desk: subject, Rings: w.rings(subject, register.Locked)}
		})
		if _, err := b.Enter(context.Background(), note); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.prove(se.accepted(e).Acceptance).Index; got != leaf {
		t.Errorf("after the revocation the message is leaf %d, and was %d", got, leaf)
	}
	if r := fi.stated(consignment); r.Kind != envelope.Consigned {
		t.Errorf("a repeated consignment is answered with %+v", r)
	}
	_, err = se.submit(refused)
	wants(t, err, problem.NoAgreement)
	_, err = se.submit(se.envelope("fi.spoc"))
	wants(t, err, problem.KeyRevoked)
	_, err = fi.state(fi.statement(envelope.HandedOver, e))
	wants(t, err, problem.KeyRevoked)
	_, err = fi.state(fi.consignment(e.TextHash())) // the online ring is another
	if problem.CodeOf(err) == problem.KeyRevoked {
		t.Errorf("the online ring is refused for the locked one")
	}

	// The online ring bars at once, on a connection that is there already.
	note := w.party("fi", func(l register.Link) register.Entry {
		return &register.Revocation{Link: l, Desk: "fi.spoc", Rings: w.rings("fi.spoc", register.Online)}
	})
	if _, err := b.Enter(context.Background(), note); err != nil {
		t.Fatal(err)
	}
	_, err = fi.state(consignment)
	wants(t, err, problem.DeskBarred)

	// Nobody waits for a desk that is barred.
	fi.client.Close()
	b.stop()
	_, text := w.start().get(t, "/metrics")
	if strings.Contains(text, `samband_desk_connected{desk="fi.spoc"}`) || !strings.Contains(text, `samband_desk_connected{desk="no.spoc"} 0`) {
		t.Error("the metrics show a barred desk as dark")
	}
}

func TestEnterRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	size := b.Started().Register.Size
	theirs, err := w.PartyKeys("fi")
	check(t, err)
	for name, note := range map[string][]byte{
		"replayed":  w.register.Entries(2)[0],
		"a poem":    []byte("roses are red\n"),
		"another's": w.sign((&register.Accession{Link: w.link("se"), Agreement: signed.HashOf("an agreement")}).Text(), theirs),
	} {
		if _, err := b.Enter(context.Background(), note); err == nil {
			t.Errorf("%s is entered", name)
		} else if _, refused := problem.Of(err); !refused {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := b.Started().Register.Size; got != size {
		t.Errorf("the register grew from %d to %d", size, got)
	}
}
