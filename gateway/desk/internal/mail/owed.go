package mail

import (
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// The sender's watch: of each message that this desk sent it knows what another owes next,
// and since when. What is owed for too long is shown, whoever keeps it back: a broker that
// shows a message to nobody looks no different from a recipient that takes nothing in.
//
// It follows from the rows alone, so it ends by itself with the proof of the next step, and
// a restart changes nothing. A message stands where it stands since the time that the log
// says, or since this desk heard of it, whichever is earlier: so a broker whose clock is
// fast, or that lies about the hour, puts nothing off. How long that is goes by this desk's
// clock up to the last answer of the broker that could be verified: of what came since then
// this desk knows nothing, and that is another alarm. A clock of this desk that is fast
// makes the watch early by as much, and one that is slow makes it late; the offset to the
// log's clock is shown.

// A term is for how long the next step may be owed.
type term struct {
	state  client.State
	urgent bool
	step   client.Step
	after  time.Duration
}

var terms = []term{
	{client.Queued, true, client.Acceptance, 5 * time.Minute},
	{client.Queued, false, client.Acceptance, time.Hour},
	{client.Accepted, true, client.Consignment, 15 * time.Minute},
	{client.Accepted, false, client.Consignment, 24 * time.Hour},
	{client.Consigned, true, client.Handover, time.Hour},
	{client.Consigned, false, client.Handover, 24 * time.Hour},
}

// endLate is how long after its expiry, or its lapse, a message may lack its end: the
// broker's clock may be slow, or in doubt.
const endLate = time.Hour

// expired is when a message of a state must have expired to be owed its end by now.
func (t *term) expired(now signed.Time) signed.Time {
	switch t.state {
	case client.Accepted:
		return now.Add(-endLate)
	case client.Consigned:
		return now.Add(-endLate - envelope.MaxLifetime) // it lapses
	}
	return signed.Time{} // the broker refuses it once it has expired
}

// knows is until when this desk knows what the broker had to say.
func (m *Room) knows() signed.Time {
	return earlier(m.hearing.last(), signed.At(m.Now()))
}

func earlier(a, b signed.Time) signed.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Owed is what another has owed for too long of a message that this desk sent, or what
// hinders this desk itself; nil: nothing.
func (m *Room) Owed(r *store.Row, h *envelope.Header) *client.Owed {
	if r.Received || r.Unproven.Event != "" {
		return nil
	}
	known, now := m.knows(), signed.At(m.Now())
	for i := range terms {
		t := &terms[i]
		if t.state != r.State || t.urgent != r.Urgent {
			continue
		}
		o := &client.Owed{Step: t.step, Since: r.Stands}
		due := r.Stands.Add(t.after)
		switch past := t.expired(known); {
		case !past.IsZero() && !past.Before(r.Expires):
			o.Step, o.Since = client.End, h.Expires
			if t.state == client.Consigned {
				o.Since = envelope.LapsesAt(h.Expires)
			}
		case !known.Before(due):
			if t.step == client.Acceptance {
				o.Hindered = m.hindrance(r.Code, r.Detail)
			} else {
				o.By = r.To
			}
		case t.step == client.Acceptance && !now.Before(due) && now.Sub(known) > 2*feedWait:
			o.Hindered = client.Unreachable
		default:
			return nil
		}
		return o
	}
	return nil
}

// hindrance is why this desk itself does not get a queued message accepted, as it alone
// can tell. What the broker answered is no such reason: it can answer so for ever.
func (m *Room) hindrance(code problem.Code, detail string) client.Hindrance {
	switch {
	case code == "" && detail == Unreadable:
		return client.Damaged
	case code.Row().Class == problem.Reseal && m.Ring.Locked():
		return client.Locked
	case m.Store.Room().Full:
		return client.DiskFull
	}
	return ""
}

// Overdue counts what others have owed for too long, by step and urgency: each that there
// is, if only with zero. What this desk itself hinders is not among it.
func (m *Room) Overdue(tx *store.Tx) (all []client.Overdue, err error) {
	known := m.knows()
	for i := range terms {
		t := &terms[i]
		late := client.Overdue{Step: t.step, Urgent: t.urgent}
		end := client.Overdue{Step: client.End, Urgent: t.urgent}
		found, err := tx.CountOwed(t.state, t.urgent, known.Add(-t.after), t.expired(known))
		if err != nil {
			return nil, err
		}
		for _, o := range found {
			switch {
			case o.Past:
				end.Messages, end.Since = o.N, o.Since
			case m.hindrance(o.Code, o.Detail) == "":
				if late.Messages == 0 || o.Since.Before(late.Since) {
					late.Since = o.Since
				}
				late.Messages += o.N
			}
		}
		all = append(all, late)
		if t.state == client.Queued {
			continue
		}
		all = addOverdue(all, end)
	}
	return all, nil
}

func addOverdue(all []client.Overdue, o client.Overdue) []client.Overdue {
	for i := range all {
		if a := &all[i]; a.Step == o.Step && a.Urgent == o.Urgent {
			if a.Messages == 0 || o.Messages > 0 && o.Since.Before(a.Since) {
				a.Since = o.Since
			}
			a.Messages += o.Messages
			return all
		}
	}
	return append(all, o)
}
