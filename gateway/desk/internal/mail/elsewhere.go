package mail

import (
	"cmp"
	"errors"
	"fmt"

	"samband/gateway/api"
	"samband/gateway/auditlog"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// An elsewhere is what a page has that was said in this desk's name and not by it. This
// desk keeps the hash of each note that it signs, durably and before it sends it: any other
// note with a valid signature was signed by somebody who has its ring, or by a copy of this
// desk. A desk that was put back from a backup has forgotten what it said since: so a word
// that was logged while this desk did not run is said by a lost copy of it, is listed, and
// is no alarm. Each other is RING_ELSEWHERE.
type elsewhere struct {
	*Room
	found []word
	ends  []store.Lost // what the log says of messages that were sent by a lost copy
}

// A word is one of them.
type word struct {
	store.Elsewhere
	event  envelope.Event
	sender signed.Address // of the message
	other  signed.Address // the desk at its other end; "": nobody said
	id     signed.ID
	at     int64 // the leaf
}

// absent reports whether a leaf was logged while this desk did not run.
func (m *Room) absent(leaf int64) (absent bool, err error) {
	err = m.Store.View(func(tx *store.Tx) error {
		absent, err = tx.Absent(leaf)
		return err
	})
	return absent, err
}

// notSaid reports of a word that this desk does not know whether a lost copy of it said that.
// Where this desk's own rows are damaged it may have said it itself: the page comes again.
func (o *elsewhere) notSaid(leaf int64) (lost bool, err error) {
	lost, err = o.absent(leaf)
	if err == nil && !lost && o.ownDamage() {
		err = fmt.Errorf("%w: what it said itself is not certain", store.ErrDamaged)
	}
	return lost, err
}

// account accounts for a word in this desk's name.
func (o *elsewhere) account(next *verify.Answer, item *api.ProgressItem, of *subject) error {
	if of.said {
		return nil
	}
	proven, err := next.Word(o.Desk, claimOf(&item.LoggedEvent))
	if err == nil && item.Event != envelope.Withdrawn && proven.Record.Message != item.Message {
		err = breach("word "+signed.HashOf(item.Note).String(), exhibitsOf(next, item), problem.ProofInvalid,
			"the word is of message %s, not of %s", proven.Record.Message, item.Message)
	}
	if err != nil {
		o.accuse(err)
		return err
	}
	w := word{Elsewhere: store.Elsewhere{Note: signed.HashOf(item.Note), Text: item.Message}, event: item.Event, sender: item.Sender, id: item.ID, at: proven.Record.Index}
	if item.Sender != o.Desk {
		w.other = item.Sender
	}
	if w.Lost, err = o.notSaid(w.at); err != nil {
		return err
	}
	o.found = append(o.found, w)
	if w.Lost {
		return nil
	}
	ring := "locked"
	if item.Event == envelope.Consigned {
		ring = "online"
	}
	o.accuse(breach("message "+item.ID.String()+" of "+string(item.Sender), exhibitsOf(next, item), problem.RingElsewhere,
		"leaf %d says %s with the %s ring of this desk, which did not say it", w.at, item.Event, ring))
	return nil
}

// sent accounts for a message that was sent in this desk's name and that it does not have.
// The broker alone says whose it is: what it can't show signed raises no alarm.
func (o *elsewhere) sent(next *verify.Answer, item *api.ProgressItem) (err error) {
	var r *auditlog.Record
	if item.Event.ByTheClock() {
		r, err = next.Proven([]byte(item.Proof), item.Event)
	} else {
		var p *verify.ProvenEvent
		if p, err = next.Statement(item.Note, []byte(item.Proof)); err == nil {
			r = p.Record
		}
	}
	if err != nil || r.Message != item.Message {
		return nil
	}
	w := word{Elsewhere: store.Elsewhere{Note: item.Message, Text: item.Message}, event: envelope.Accepted, sender: o.Desk, other: r.By, id: item.ID, at: max(0, item.Accepted.Leaf()-1)}
	if w.other == "" {
		w.other = r.To
	}
	if w.Lost, err = o.notSaid(w.at); err != nil {
		return err
	}
	if w.Lost {
		o.ends = append(o.ends, lostOf(&w, o.Desk, item.Event, r.Index))
	}
	o.found = append(o.found, w)
	if !w.Lost {
		o.accuse(breach("message "+item.ID.String()+" of "+string(o.Desk), exhibitsOf(next, item), problem.RingElsewhere,
			"the log has %s of a message that was sent with the locked ring of this desk, which did not send it; or the broker invents it", item.Event))
	}
	return nil
}

func exhibitsOf(next *verify.Answer, item *api.ProgressItem) map[string][]byte {
	return map[string][]byte{"event": []byte(item.Event), "note": item.Note, "proof": []byte(item.Proof), "checkpoint": next.AuditCheckpoint()}
}

// steps are what is to be written of them: each once, what this desk lacks is to be asked
// for, and of what a lost copy said the desk's log has one line a page.
func (o *elsewhere) steps() []step {
	if len(o.found) == 0 {
		return nil
	}
	return []step{func(c *change) error {
		var lost []word
		for _, w := range o.found {
			fresh, err := c.AddElsewhere(w.Elsewhere)
			if err != nil {
				return err
			}
			if w.Lost && (w.event != envelope.Accepted || fresh) {
				if err := c.lose(lostOf(&w, o.Desk, w.event, w.at)); err != nil {
					return err
				}
			}
			if fresh && w.Lost {
				lost = append(lost, w)
			}
			if w.event == envelope.Accepted || w.event == envelope.Withdrawn {
				continue
			}
			if err := c.WantElsewhere(w.Text, fresh && w.event == envelope.Consigned); err != nil {
				return err
			}
		}
		for _, l := range o.ends {
			if err := c.lose(l); err != nil {
				return err
			}
		}
		if len(lost) == 0 {
			return nil
		}
		first, last := lost[0], lost[len(lost)-1]
		e := c.room.Entry("said by a lost copy of this desk", fmt.Sprintf("%d words, leaves %d to %d", len(lost), first.at, last.at), nil)
		e.Detail = fmt.Sprintf("the first is %s of message %s, the last %s of message %s", first.event, first.id, last.event, last.id)
		return c.LogBounded(e)
	}}
}

// lostOf is the message of a word of a lost copy.
func lostOf(w *word, me signed.Address, event envelope.Event, at int64) store.Lost {
	return store.Lost{Sender: w.sender, LostMessage: client.LostMessage{ID: w.id, Received: w.sender != me, Other: w.other, Event: event, Leaf: at}}
}

// lose lists a message that a lost copy of this desk had, if this desk does not have it. The
// desk's log has a line of each that has ended; the others come again.
func (c *change) lose(l store.Lost) (err error) {
	if l.Received {
		_, err = c.Received(l.Sender, l.ID)
	} else {
		_, err = c.Sent(l.ID)
	}
	if err == nil || !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := c.AddLost(l); err != nil || l.Event == envelope.Accepted || l.Event == envelope.Consigned {
		return err
	}
	e := c.room.Entry("lost", "message "+l.ID.String(), nil)
	if e.Detail = string(l.Event) + ", received from " + string(l.Other); !l.Received {
		e.Detail = string(l.Event) + ", sent to " + cmp.Or(string(l.Other), "a desk that nobody names")
	}
	return c.LogBounded(e)
}

// began notes, before anything of the first answer of a process is kept, how far the log
// came while this desk did not run.
func (m *Room) began(first *verify.Answer) error {
	if m.absence.noted.Load() {
		return nil
	}
	m.absence.Lock()
	defer m.absence.Unlock()
	if m.absence.noted.Load() {
		return nil
	}
	if until := first.Audit().Size; until > m.absence.since {
		err := m.Store.UpdateVital(func(tx *store.Tx) error { return tx.AddAbsence(m.absence.since, until) })
		if err != nil {
			return err
		}
	}
	m.absence.noted.Store(true)
	return nil
}
