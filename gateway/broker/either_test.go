package broker_test

import (
	"bytes"
	"context"
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

var forged = problem.New(problem.SignatureInvalid, "the signature does not verify")

// A text that comes with good and bad signatures at once is accepted or refused,
// and never both: what is ordered first stands, in one group and in two.
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
			acts := []func() (journal.Done, error){
				func() (journal.Done, error) {
					return rival.Do(ctx, sequencer.Submission{Envelope: e, Raw: e.Bytes(), DecidedAt: size, Seen: seen})
				},
				func() (journal.Done, error) {
					return rival.Do(ctx, sequencer.Rejection{Caller: e.From, Text: e.TextHash(), Problem: forged, Until: e.Expires})
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
	e, seen := se.envelope("fi.spoc"), b.Seen()
	_, err := gatewaytest.SubmitOne(t.Context(), se.client, se.heads(), altered(e))
	leaf := w.prove(wants(t, err, problem.SignatureInvalid).Proof).Index
	proof, err := b.Order(e, seen)
	if problem.CodeOf(err) != problem.SignatureInvalid {
		t.Errorf("a text that was refused meanwhile: %v", err)
	}
	if r := w.prove(proof); r.Index != leaf || r.TextHash != e.TextHash() {
		t.Errorf("the text was refused as leaf %d, and is answered with %+v", leaf, r)
	}

	// The same of two items of one call, which pass the stages side by side.
	e = se.envelope("fi.spoc")
	answer, err := se.client.Submit(t.Context(), se.heads(), [][]byte{altered(e), e.Bytes()})
	check(t, err)
	first, second := answer.Items[0].Refusal(), answer.Items[1].Refusal()
	leaf = w.prove(wants(t, first, problem.SignatureInvalid).Proof).Index
	if r := w.prove(wants(t, second, problem.SignatureInvalid).Proof); r.Index != leaf || r.TextHash != e.TextHash() {
		t.Errorf("the text was refused as leaf %d, and is answered with %+v", leaf, r)
	}
}

// A message that stands accepted is never logged as refused: neither when its
// lost bytes come with bad signatures, nor when its header comes alone.
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

	for _, raw := range [][]byte{altered(e), []byte(e.Note.Text)} {
		a, err := gatewaytest.SubmitOne(t.Context(), se.client, se.heads(), raw)
		check(t, err)
		if r := w.prove(a.Acceptance); r.Kind != envelope.Accepted || r.Index != leaf {
			t.Errorf("answered with %+v", r)
		}
	}
	_, err := se.state([]byte(e.Note.Text))
	if r := wants(t, err, problem.TextMalformed); r.Proof != "" {
		t.Errorf("the text of an accepted message is refused by %+v", w.prove(r.Proof))
	}
	se.inbox(0)
	if se.audit.Size != size {
		t.Errorf("the log grew from %d to %d", size, se.audit.Size)
	}
	if again := se.progress(0, 0).Again; len(again) != 1 {
		t.Errorf("asked to send again: %+v", again)
	}
	se.accepted(e)
}
