package broker_test

import (
	"bytes"
	"context"
	"os"
	"sync"
	"testing"

	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/sequencer"
	"samband/gateway/envelope"
	"samband/gateway/gatewaytest"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// altered is an envelope's text under a signature that doesn't verify.
func altered(e *envelope.Envelope) []byte {
	n := &signed.Note{Text: e.Note.Text}
	for _, s := range e.Note.Signatures {
		s.Sig = bytes.Clone(s.Sig)
		s.Sig[3] ^= 1
		n.Signatures = append(n.Signatures, s)
	}
	return append(n.Bytes(), e.Sealed...)
}

var lawless = problem.New(problem.NoAgreement, "the agreement ended")

// A text that passes and is refused at once is accepted or refused, and never both: what
// is ordered first stands, in one group and in two. So it is with bytes, while the text
// stands.
func TestAcceptedOrRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	w.untilRemoved(b) // the index is at rest
	se := w.desks["se.spoc"]
	for _, groups := range []int{1, 2} {
		rival, err := b.Rival(straight)
		check(t, err)
		size, seen := rival.Register().Now().Size(), rival.Seen()
		var all, running sync.WaitGroup
		ctx, cancel := context.WithCancel(t.Context())
		if groups == 2 {
			running.Go(func() { rival.Run(ctx) })
		}
		for i := range 20 {
			e := se.envelope("fi.spoc")
			name, ofText := envelope.HashOfBytes(e.Bytes()), i/2%2 == 1 // else of the bytes
			acts := []func() (journal.Done, error){
				func() (journal.Done, error) {
					return rival.Do(ctx, sequencer.Submission{Envelope: e, Raw: e.Bytes(), Bytes: name, CheckedAt: size, Signed: true, DecidedAt: size, Seen: seen})
				},
				func() (journal.Done, error) {
					return rival.Do(ctx, sequencer.Rejection{Caller: e.From, Bytes: name, Envelope: e, CheckedAt: size, Signed: ofText, Problem: lawless})
				},
			}
			if i%2 == 1 {
				acts[0], acts[1] = acts[1], acts[0]
			}
			all.Go(func() {
				var events [2]*journal.Event
				var ordered sync.WaitGroup
				for j, act := range acts {
					ordered.Go(func() {
						done, err := act()
						if events[j] = done.Event; done.Event == nil {
							t.Error(err)
						}
					})
					if groups == 2 {
						ordered.Wait()
					}
				}
				ordered.Wait()
				if !t.Failed() && events[0].Leaf != events[1].Leaf {
					t.Errorf("in %d groups one text is both %s and %s", groups, events[0].Kind, events[1].Kind)
				}
			})
		}
		if groups == 1 {
			running.Go(func() { rival.Run(ctx) })
		}
		all.Wait()
		cancel()
		running.Wait()
	}
}

// Who submits a text that was refused meanwhile hears of that refusal.
func TestRejectedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se := w.desks["se.spoc"]
	unlawful := func(h *envelope.Header) { h.Agreement = signed.HashOf("no agreement") }
	e, seen := se.envelope("fi.spoc", unlawful), b.Seen()
	_, err := se.submit(e)
	leaf := w.prove(wants(t, err, problem.NoAgreement).Proof).Index
	proof, err := b.Order(e, seen)
	if problem.CodeOf(err) != problem.NoAgreement {
		t.Errorf("a text that was refused meanwhile: %v", err)
	}
	if r := w.prove(proof); r.Index != leaf || r.TextHash != e.TextHash() {
		t.Errorf("the text was refused as leaf %d, and is answered with %+v", leaf, r)
	}

	// The same of two items of one call, which pass the stages side by side: whatever
	// signatures come with the text, it was refused.
	e = se.envelope("fi.spoc", unlawful)
	answer, err := se.client.Submit(t.Context(), se.heads(), [][]byte{e.Bytes(), altered(e)})
	check(t, err)
	first, second := answer.Items[0].Refusal(), answer.Items[1].Refusal()
	leaf = w.prove(wants(t, first, problem.NoAgreement).Proof).Index
	if r := w.prove(wants(t, second, problem.NoAgreement).Proof); r.Index != leaf || r.TextHash != e.TextHash() {
		t.Errorf("the text was refused as leaf %d, and is answered with %+v", leaf, r)
	}
}

// The register grows between the check of signatures and the order: what did not verify does
// now. Its refusal would name bytes whose signatures are good by the record's own register, and
// so convict the broker; it comes again.
func TestKeysEnteredMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	rival, err := b.Rival(straight)
	check(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { rival.Run(ctx) })
	e := w.desks["se.spoc"].envelope("fi.spoc")
	unknown := problem.New(problem.UnknownDesk, "se.spoc is no desk in the register")
	for _, at := range []int64{0, rival.Register().Now().Size() - 1} {
		done, err := rival.Do(ctx, sequencer.Rejection{Caller: e.From, Bytes: envelope.HashOfBytes(e.Bytes()), Envelope: e, CheckedAt: at, Problem: unknown})
		if problem.CodeOf(err) != problem.BrokerBusy || done.Event != nil {
			t.Errorf("checked at register size %d it is answered %v, with %+v", at, err, done.Event)
		}
	}
	cancel()
	running.Wait()
}

// A signature that was bent on its way refuses the bytes that came, and not the text: that
// passes with good ones, in the same call, behind a restart and on a new index; and then the
// bent bytes get its acceptance too.
func TestBentSignatureRefusesBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se := w.desks["se.spoc"]
	e, later := se.envelope("fi.spoc"), se.envelope("fi.spoc")
	answer, err := se.client.Submit(t.Context(), se.heads(), [][]byte{altered(e), e.Bytes(), altered(e), altered(later)})
	check(t, err)
	bent := func(err error, of *envelope.Envelope) int64 {
		t.Helper()
		r := w.prove(wants(t, err, problem.SignatureInvalid).Proof)
		if r.Kind != envelope.Rejected || r.TextHash != envelope.HashOfBytes(altered(of)) || r.Until != of.Expires {
			t.Errorf("the bent bytes are refused by %+v", r)
		}
		return r.Index
	}
	bent(answer.Items[0].Refusal(), e)
	for _, n := range []int{1, 2} {
		check(t, answer.Items[n].Refusal())
		if r := w.prove(answer.Items[n].Acceptance); r.Kind != envelope.Accepted || r.Message != e.TextHash() {
			t.Errorf("item %d is answered with %+v", n, r)
		}
	}
	leaf := bent(answer.Items[3].Refusal(), later)
	for _, anew := range []bool{false, true} {
		b.stop()
		if anew {
			check(t, os.Remove(w.path("index.db")))
		}
		b = w.start()
		_, err := gatewaytest.SubmitOne(t.Context(), se.client, se.heads(), altered(later))
		if again := bent(err, later); again != leaf {
			t.Errorf("refused as leaf %d, and again as leaf %d", leaf, again)
		}
	}
	se.accepted(later)
}

// A message that stands accepted is never logged as refused: neither when its lost bytes
// come with bad signatures, nor when its header's text comes alone. That is bytes that are
// no envelope and no statement, whatever text they are of: they are refused, and bring
// nothing of the message.
func TestAcceptedIsNotRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.start()
	se := w.desks["se.spoc"]
	b.stop()
	putBack := w.keep("nats")
	b = w.start()
	e := se.envelope("fi.spoc")
	leaf := w.prove(se.accepted(e).Acceptance).Index
	b.stop()
	putBack()
	w.start().found(t, "journal-lost", "index-lost", "index-behind")
	size := se.audit.Size

	a, err := gatewaytest.SubmitOne(t.Context(), se.client, se.heads(), altered(e))
	check(t, err)
	if r := w.prove(a.Acceptance); r.Kind != envelope.Accepted || r.Index != leaf {
		t.Errorf("answered with %+v", r)
	}
	bare := []byte(e.Note.Text)
	_, asEnvelope := gatewaytest.SubmitOne(t.Context(), se.client, se.heads(), bare)
	_, asStatement := se.state(bare)
	for _, err := range []error{asEnvelope, asStatement} {
		r := wants(t, err, problem.TextMalformed)
		if rec := w.prove(r.Proof); rec.Kind != envelope.Rejected || rec.TextHash != envelope.HashOfBytes(bare) || rec.Until != rec.Time || r.Stands != nil {
			t.Errorf("the bare header's text is refused by %+v", rec)
		}
	}
	se.inbox(0)
	if se.audit.Size != size+2 {
		t.Errorf("the log grew from %d to %d", size, se.audit.Size)
	}
	if again := se.progress(0, 0).Again; len(again) != 1 {
		t.Errorf("asked to send again: %+v", again)
	}
	se.accepted(e)
}
