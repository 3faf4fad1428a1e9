package gatewaytest

import (
	"fmt"
	"slices"
	"time"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/envelope"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A witness is the desk driven by hand: it asks the broker what a desk's program
// would ask, and keeps the answers to compare.
type witness struct {
	*world
	*KeyedDesk
	client *api.Client
	view   register.View
	audit  signed.Head // claims to know nothing of the log
}

func (w *world) witness() *witness {
	w.Helper()
	h := &witness{world: w, KeyedDesk: w.KeyedDesks[w.hand.address]}
	r, err := register.Replay(append([][]byte{w.Federation()}, w.Entries...))
	w.must(err)
	fed := r.Federation()
	h.client, err = h.Client(w.URL(), fed)
	w.must(err)
	h.view, h.audit = r.Now(), (&auditlog.Range{}).Head(fed.Audit.Name)
	return h
}

// write submits a message.
func (h *witness) write(subject string, to *station) (*sending, *envelope.Envelope) {
	header, err := h.Header(h.view, h.audit, to.address, "SPONTANEOUS", time.Now())
	h.must(err)
	e, err := h.Seal(h.view, header, bodyAbout(subject))
	h.must(err)
	h.submit(e)
	m := &sending{e.ID, h.hand, to, subject}
	h.record(m)
	return m, e
}

func (h *witness) submit(e *envelope.Envelope) *Submitted {
	h.world.Helper()
	a, err := SubmitOne(h.ctx, h.client, api.Heads{}, e.Bytes())
	h.must(err)
	return a
}

// receives lists what lies in the witness's inbox: envelopes with their records.
func (h *witness) receives() (items []string) {
	h.world.Helper()
	a, err := h.client.Inbox(h.ctx, api.Heads{}, api.Ask{Limit: api.MaxLimit})
	h.must(err)
	for _, i := range a.Items {
		items = append(items, fmt.Sprintf("%s\n%s", h.recordOf(i.Acceptance), i.Envelope))
	}
	return items
}

// handOver says of these messages in its inbox that it has them and opened them.
func (h *witness) handOver(these ...*sending) {
	h.world.Helper()
	a, err := h.client.Inbox(h.ctx, api.Heads{}, api.Ask{Limit: api.MaxLimit})
	h.must(err)
	for _, i := range a.Items {
		e, err := envelope.Parse(i.Envelope)
		h.must(err)
		if !slices.ContainsFunc(these, func(m *sending) bool { return m.id == e.ID }) {
			continue
		}
		consignment, err := h.Consign(e.TextHash(), h.audit, h.view.Head(), time.Now())
		h.must(err)
		handover, err := h.State(envelope.Statement{Event: envelope.HandedOver, Message: e.TextHash()}, h.audit, h.view.Head(), time.Now())
		h.must(err)
		for _, note := range [][]byte{consignment, handover} {
			_, err := StateOne(h.ctx, h.client, api.Heads{}, note)
			h.must(err)
		}
	}
}

// answers are all that the broker says to the witness, but for the checkpoints
// that its proofs stand under: those grow.
func (h *witness) answers(sent ...*envelope.Envelope) (said []string) {
	h.world.Helper()
	said = h.receives()
	p, err := h.client.Progress(h.ctx, api.Heads{}, api.Page{Limit: api.MaxLimit})
	h.must(err)
	for _, i := range p.Items {
		said = append(said, fmt.Sprintf("%d %s %s\n%s\n%s", i.Cursor, i.ID, i.Event, h.recordOf(i.Proof), i.Note))
	}
	for _, e := range sent {
		a := h.submit(e)
		said = append(said, h.recordOf(a.Acceptance))
		for _, f := range []*api.LoggedEvent{a.Consigned, a.End} {
			if f != nil {
				said = append(said, h.recordOf(f.Proof))
			}
		}
	}
	return said
}

func (h *witness) recordOf(proof string) string {
	h.world.Helper()
	p, err := auditlog.ParseProof([]byte(proof))
	h.must(err)
	return p.Entry.Record.Text()
}
