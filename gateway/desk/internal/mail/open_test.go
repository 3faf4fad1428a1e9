package mail_test

import (
	"testing"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/envelope"
	"samband/gateway/signed"
)

// Of 32 messages that come together some take longer to open than one may,
// and one panics. The others get their one statement as if nothing had happened, also
// if the slow ones have taken every place. What is slow is consigned meanwhile,
// and handed over after its verdict; what panicked is consigned and shown.
func TestSlowAndPanicked(t *testing.T) {
	for name, slow := range map[string]int{"one is slow": 1, "all places are slow": 8} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t)
			sent := h.sends(32)
			panics, slow, rest := sent[0], sent[1:1+slow], sent[1+slow:]
			waits := map[signed.ID]bool{}
			for _, id := range slow {
				waits[id] = true
			}
			release := make(chan struct{})
			h.room.OpenBy(time.Second, func(e *envelope.Envelope, own func() *mail.Verdict) *mail.Verdict {
				if e.ID == panics {
					panic("suspect's name")
				}
				if waits[e.ID] {
					<-release
				}
				return own()
			})
			h.run()
			for _, id := range rest {
				h.await("handed over", func() bool { return h.row(id).State == client.HandedOver })
				if events := h.events(id); len(events) != 2 {
					t.Errorf("the log says %v of a message that was opened at once", events)
				}
			}
			for _, id := range slow {
				h.await("consigned", func() bool { return h.row(id).State == client.Consigned })
			}
			h.await("shown", func() bool { return h.row(panics).State == client.Consigned && h.row(panics).Detail == mail.Unreadable })
			h.sees(append(slow[:len(slow):len(slow)], panics), "consigned")
			close(release)
			h.sees(slow, "handed-over")
			for _, id := range slow {
				h.await("handed over", func() bool { return h.row(id).State == client.HandedOver })
				if events := h.events(id); len(events) != 3 {
					t.Errorf("the log says %v of a message whose verdict came late", events)
				}
			}
			h.sees(rest, "handed-over")
			if r := h.row(panics); r.State != client.Consigned || r.Unproven.Event != "" {
				t.Errorf("what panicked is %s, with the statement %q", r.State, r.Unproven.Event)
			}
		})
	}
}

// A verdict that comes while the consignment is on its way is stated after it: no
// statement takes the place of another that was signed.
func TestVerdictBeforeItsConsignmentIsProven(t *testing.T) {
	h := newHall(t)
	sent := h.sends(1)
	h.room.OpenBy(time.Nanosecond, func(_ *envelope.Envelope, own func() *mail.Verdict) *mail.Verdict {
		h.await("signed as consigned", func() bool {
			return h.row(sent[0]).Unproven.Event == envelope.Consigned || h.row(sent[0]).State == client.Consigned
		})
		return own()
	})
	h.run()
	h.sees(sent, "handed-over")
	h.await("handed over", func() bool { return h.row(sent[0]).State == client.HandedOver })
	if events := h.events(sent[0]); len(events) != 3 {
		t.Errorf("the log says %v", events)
	}
}
