package desk_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// A halfway is a broker to which the first call gets through in part before the
// cable is cut; its answer is lost. What comes after gets through.
type halfway struct {
	desk.Broker
	passes int           // items of the first call that the broker hears
	ready  chan struct{} // the first call of words waits for it, and is cut

	mu     sync.Mutex
	calls  int
	said   [][]byte               // each item of each call
	proven map[signed.Hash]string // what the lost answer proved, by the item's hash
}

func (s *stage) halfway(addr signed.Address, passes int) *halfway {
	s.t.Helper()
	return &halfway{Broker: must(desk.Dial(s.desk(addr))), passes: passes, ready: make(chan struct{}), proven: map[signed.Hash]string{}}
}

// next notes a call, and says which it is.
func (b *halfway) next(items [][]byte) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, items...)
	b.calls++
	return b.calls
}

func (b *halfway) lost(hash signed.Hash, proof string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.proven[hash] = proof
}

func (b *halfway) Submit(ctx context.Context, h api.Heads, envelopes [][]byte) (*api.SubmitAnswer, error) {
	if b.next(envelopes) > 1 {
		return b.Broker.Submit(ctx, h, envelopes)
	}
	a, err := b.Broker.Submit(ctx, h, envelopes[:b.passes])
	if err == nil {
		for _, i := range a.Items {
			b.lost(i.Hash, i.Acceptance)
		}
	}
	return nil, errors.Join(err, api.ErrUnreachable)
}

func (b *halfway) State(ctx context.Context, h api.Heads, notes [][]byte) (*api.StateAnswer, error) {
	switch b.next(notes) {
	case 1:
		select {
		case <-b.ready:
		case <-ctx.Done():
		}
		return nil, api.ErrUnreachable
	case 2:
		a, err := b.Broker.State(ctx, h, notes[:b.passes])
		if err == nil {
			for _, i := range a.Items {
				b.lost(i.Hash, i.Proof)
			}
		}
		return nil, errors.Join(err, api.ErrUnreachable)
	}
	return b.Broker.State(ctx, h, notes)
}

// check says whether the lost proofs are those that the desk has now, and whether
// it said the same bytes each time.
func (b *halfway) check(t *testing.T, d *desk.Desk, sent []signed.ID, event envelope.Event) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.proven) != b.passes {
		t.Errorf("%d items got through before the cut", len(b.proven))
	}
	first := map[int64]bool{}
	for _, proof := range b.proven {
		first[must(auditlog.ParseProof([]byte(proof))).Entry.Record.Index] = true
	}
	for _, id := range sent {
		v := must(d.Verify(ctx, client.Ref{ID: id}))
		if v.Proven != len(v.Facts) || len(v.Evidence) != 0 {
			t.Errorf("of a message %s proves %+v", d.Address(), v)
		}
		for _, f := range v.Facts {
			if f.Event == string(event) {
				delete(first, f.Index)
			}
		}
	}
	if len(first) != 0 {
		t.Errorf("the first proofs %v are none of the desk's", first)
	}
	texts := map[string]bool{}
	for _, s := range b.said {
		texts[string(s)] = true
	}
	if len(texts) != len(sent) {
		t.Errorf("of %d messages %d texts were said", len(sent), len(texts))
	}
}

const together = 6

// The cable is cut while a call of several envelopes is under way. Each is accepted
// once, and those that the broker had heard keep their first acceptance.
func TestHalfSubmitted(t *testing.T) {
	for name, passes := range map[string]int{"half of them were heard": together / 2, "all were heard, and the answer lost": together} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			se, stop := s.start("se.spoc")
			s.ready(se) // it has the register
			stop()
			b := s.halfway("se.spoc", passes)
			se = must(s.OpenDesk("se.spoc", s.conf(b)))
			s.unlock(se)
			var sent []signed.ID
			for range together {
				sent = append(sent, send(t, se, request(t)))
			}
			s.RunDesk(se)
			for _, id := range sent {
				awaitOut(t, se, id, "accepted")
			}
			b.check(t, se, sent, envelope.Accepted)
			if n := len(s.thief("fi.spoc").inbox().Items); n != together {
				t.Errorf("the broker has %d messages", n)
			}
		})
	}
}

// The same of words: each message is handed over once, by the note that was signed
// first.
func TestHalfSaid(t *testing.T) {
	for name, passes := range map[string]int{"half of them were heard": together / 2, "all were heard, and the answer lost": together} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			se := s.unlocked("se.spoc")
			s.ready(se)
			var sent []signed.ID
			for range together {
				sent = append(sent, send(t, se, request(t)))
			}
			for _, id := range sent {
				awaitOut(t, se, id, "accepted")
			}
			b := s.halfway("fi.spoc", passes)
			s.cut("fi.spoc") // until it is unlocked
			fi, _ := s.startTo("fi.spoc", b)
			s.unlock(fi)
			s.mend("fi.spoc")
			await(t, fi, "done with judging", func() bool {
				items := must(fi.Inbox(ctx, client.Query{}))
				return len(items) == together && !slices.ContainsFunc(items, func(i client.InboxItem) bool { return i.Says != "handed-over" })
			})
			close(b.ready)
			for _, id := range sent {
				awaitOut(t, se, id, "handed-over")
				awaitIn(t, fi, id, "handed-over")
			}
			b.check(t, fi, sent, envelope.HandedOver)
			if v := must(fi.Verify(ctx, client.Ref{})); v.Messages != together || v.Proven != 2*together {
				t.Errorf("fi proves %+v", v)
			}
		})
	}
}
