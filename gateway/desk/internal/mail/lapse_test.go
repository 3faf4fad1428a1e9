package mail_test

import (
	"slices"
	"testing"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/signed"
	"samband/schema"
)

// A talk is a conversation of Finland and Sweden, as Finland's room hears of it. Its hours
// are counted from its beginning.
type talk struct {
	*players
	id    signed.ID
	index int64 // of the newest event
}

// says is an urgent message, by its type's name, that is accepted at an hour.
func (k *talk) says(hour int, from, to signed.Address, name, outcome string, after *envelope.Envelope) *envelope.Envelope {
	t := k.types[slices.IndexFunc(k.types, func(t *schema.Type) bool { return t.Name == name })]
	h := *k.template
	h.ID, h.From, h.To, h.Conversation, h.Urgency = signed.NewID(), from, to, k.id, envelope.Urgent
	h.Type = envelope.TypeRef{Name: t.Name, Version: t.Version, Hash: signed.Hash(t.Hash)}
	h.Sealed = envelope.SealedOf([]byte("sealed"))
	if after != nil {
		h.InReplyTo = after.TextHash()
	}
	e := &envelope.Envelope{Header: h, Note: &signed.Note{Text: h.Text()}, Sealed: []byte("sealed")}
	if from == "se.spoc" {
		must(0, k.rooms["fi.spoc"].Arrives(e, k.event(hour, e, envelope.Accepted)))
		return e
	}
	must(0, k.rooms["fi.spoc"].Queues(e, t, store.Facts{Outcome: outcome}))
	k.hears(hour, e, envelope.Accepted, outcome)
	return e
}

func (k *talk) event(hour int, e *envelope.Envelope, event envelope.Event) store.ProvenEvent {
	k.index++
	return store.ProvenEvent{TextHash: e.TextHash(), Event: event, Proof: []byte{}, Index: k.index, Time: signed.At(morning.Add(time.Duration(hour) * time.Hour))}
}

// hears has the room hear of an event of an hour.
func (k *talk) hears(hour int, e *envelope.Envelope, event envelope.Event, outcome string) {
	must(0, k.rooms["fi.spoc"].Hears(k.row(e).Seq, k.event(hour, e, event), &store.Facts{Outcome: outcome}))
}

func (k *talk) row(e *envelope.Envelope) (r store.Row) {
	must(0, k.rooms["fi.spoc"].Store.View(func(tx *store.Tx) (err error) {
		if e.From == "fi.spoc" {
			r, err = tx.Sent(e.ID)
		} else {
			r, err = tx.Received(e.From, e.ID)
		}
		return err
	}))
	return r
}

// clock is where the clock of a message stands at an hour.
func (k *talk) clock(hour int, e *envelope.Envelope) (d *client.Deadline) {
	r := k.row(e)
	must(0, k.rooms["fi.spoc"].Store.View(func(tx *store.Tx) (err error) {
		d, err = k.rooms["fi.spoc"].Deadline(tx, &r, &e.Header, morning.Add(time.Duration(hour)*time.Hour))
		return err
	}))
	return d
}

// The clock of a message that lapsed is stopped, and overdue if it was so then; not where
// the message is settled or dropped as well, in whichever order, or in the same second
// (SPEC §9.4).
func TestClockOfALapse(t *testing.T) {
	p := newPlayers(t)
	for _, c := range []struct {
		name            string
		lapse, end      int            // hours; the term is 5; end 0: there is none
		by              signed.Address // whose STOP it is: the sender's drops, the other's settles
		overdue, onTime bool
	}{
		{"lapsed in time", 4, 0, "", false, false},
		{"lapsed late", 6, 0, "", true, false},
		{"dropped, then lapsed", 7, 6, "fi.spoc", false, false},
		{"dropped in the second of the lapse", 6, 6, "fi.spoc", false, false},
		{"lapsed, then dropped", 6, 7, "fi.spoc", false, false},
		{"settled in the second of the lapse", 6, 6, "se.spoc", false, false},
		{"settled in time, in the second of the lapse", 4, 4, "se.spoc", false, true},
		{"lapsed in time, then settled late", 4, 6, "se.spoc", false, false},
	} {
		k := &talk{players: p, id: signed.NewID()}
		x := k.says(0, "fi.spoc", "se.spoc", "CROSSBORDER_OP", "URGENT_SURVEILLANCE", nil)
		k.hears(0, x, envelope.Consigned, "")
		k.hears(c.lapse, x, envelope.Lapsed, "")
		switch c.by {
		case "fi.spoc":
			k.says(c.end, "fi.spoc", "se.spoc", "STOP", "STOP", x)
		case "se.spoc":
			stop := k.says(c.end, "se.spoc", "fi.spoc", "STOP", "STOP", x)
			k.hears(9, stop, envelope.HandedOver, "STOP")
		}
		at := k.clock(10, x)
		if at == nil || at.Overdue != c.overdue || at.OnTime != c.onTime {
			t.Errorf("%s: the clock stands at %+v, want overdue %t, on time %t", c.name, at, c.overdue, c.onTime)
		}
	}
}

// A question that lapsed pauses no more: an answer that comes later does not put the pause
// back on a clock that ran again (SPEC §9.4).
func TestPauseEndsWithTheLapse(t *testing.T) {
	k := &talk{players: newPlayers(t), id: signed.NewID()}
	x := k.says(0, "se.spoc", "fi.spoc", "INFO_REQUEST", "INFO_REQUEST", nil)
	k.hears(0, x, envelope.HandedOver, "INFO_REQUEST")
	question := k.says(1, "fi.spoc", "se.spoc", "CLARIFY", "CLARIFY", x)
	k.hears(1, question, envelope.Consigned, "")
	if at := k.clock(3, x); !at.Paused {
		t.Errorf("with a question out the clock stands at %+v, want paused", at)
	}
	k.hears(3, question, envelope.Lapsed, "")
	before := k.clock(12, x)
	if due := signed.At(morning.Add(10 * time.Hour)); before.Due != due || !before.Overdue {
		t.Errorf("after the lapse the clock stands at %+v, want overdue since %s", before, due)
	}
	answer := k.says(11, "se.spoc", "fi.spoc", "CLARIFICATION", "CLARIFICATION", question)
	k.hears(11, answer, envelope.HandedOver, "CLARIFICATION")
	if k.row(question).Answered.IsZero() {
		t.Error("the answer settles nothing: this test shows nothing")
	}
	if at := k.clock(12, x); at.Due != before.Due || !at.Overdue {
		t.Errorf("after the answer the clock stands at %+v, want %+v", at, before)
	}
}
