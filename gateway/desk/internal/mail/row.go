package mail

import (
	"errors"
	"slices"

	"samband/gateway/auditlog"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// durability says whether a write waits for the disk, and whether it must work on a full
// one.
type durability int

const (
	unsynced durability = iota
	synced
	vital // synced, and in the reserve where there is no other room
)

// A step is a part of a write.
type step func(*change) error

// A change is one write: rows and what follows from them, all or nothing.
type change struct {
	*store.Tx
	room  *Room
	under *verify.Answer              // of the answer that it takes in; nil: it takes in none
	says  map[signed.Hash]store.Facts // what received texts say, if the ring is unlocked

	breaches []error
	logged   []func() // for the program's log, once it is written
	scrub    bool
}

// write does steps as one write, together with the heads under which they were
// believed. What must be durable when write returns says so by wait.
func (m *Room) write(wait durability, under *verify.Answer, steps ...step) error {
	_, err := m.writeWith(wait, under, nil, steps)
	return err
}

// writeWith is write with what received texts say. It returns how many events were
// not written, because they contradict what is proven.
func (m *Room) writeWith(wait durability, under *verify.Answer, says map[signed.Hash]store.Facts, steps []step) (doubted int, err error) {
	c := &change{room: m, under: under, says: says}
	update := m.Store.UpdateUnsynced
	switch wait {
	case synced:
		update = m.Store.Update
	case vital:
		update = m.Store.UpdateVital
	}
	if err := update(func(tx *store.Tx) error { return c.does(tx, steps) }); err != nil {
		return 0, err
	}
	for _, b := range c.breaches {
		m.accuse(b)
	}
	for _, log := range c.logged {
		log()
	}
	m.Touch()
	if c.scrub {
		m.scrubbing.Store(true)
	}
	return len(c.breaches), m.finishErasing()
}

// does does steps, together with the heads under which they were believed.
func (c *change) does(tx *store.Tx, steps []step) error {
	c.Tx = tx
	if c.under != nil {
		if err := c.room.saveHeads(tx, c.under); err != nil {
			return err
		}
	}
	for _, s := range steps {
		if err := s(c); err != nil {
			return err
		}
	}
	return nil
}

// finishErasing empties the write-ahead log if something was erased that may
// still lie in it.
func (m *Room) finishErasing() error {
	if !m.scrubbing.Load() {
		return nil
	}
	if err := m.Store.Scrub(); err != nil {
		return err
	}
	m.scrubbing.Store(false)
	return nil
}

// advance is the one way by which the log moves a message: it keeps the proven event,
// and writes what follows from it for the message's state, its statement, its content and
// the clocks. A state never goes back, and an end stays.
func (c *change) advance(seq int64, f store.ProvenEvent) error {
	r, err := c.Row(seq)
	if err != nil {
		return err
	}
	if ok, err := c.fits(&r, f); !ok || err != nil {
		return err
	}
	if err := c.PutProven(f); err != nil {
		return err
	}
	if !r.Received {
		r.TextHash = f.TextHash
	}
	r.Accepted = r.Accepted || f.Event == envelope.Accepted
	if err := c.proven(&r, f); err != nil {
		return err
	}
	reached := client.State(f.Event)
	moved := store.Follows(reached, r.State)
	if moved {
		r.State, r.Code = reached, f.Code
		r.Stands = earlier(f.Time, signed.At(c.room.Now()))
		if !r.Received || reached == client.HandedOver {
			r.Detail = ""
		}
		c.logged = append(c.logged, func() { c.room.Log.Info("message moved", "id", r.ID, "state", reached, "code", f.Code) })
	}
	if r.Received {
		err = c.follow(&r, moved)
	} else {
		err = c.Put(&r)
	}
	if err != nil {
		return err
	}
	return c.weigh(seq)
}

// advances is advance as a step.
func advances(seq int64, f store.ProvenEvent) step {
	return func(c *change) error { return c.advance(seq, f) }
}

// fits reports whether an event may stand beside what is proven of its text: there
// is one end, neither expiry nor withdrawal of what is consigned, and no lapse of what
// is not. A refusal by
// the broker is no end here: what the log says of the message beside it is so.
// What does not fit convicts the broker, and is not believed.
func (c *change) fits(r *store.Row, f store.ProvenEvent) (bool, error) {
	known, err := c.Moments(f.TextHash)
	if err != nil {
		return false, err
	}
	if f.Event == envelope.Lapsed && !happened(known, envelope.Consigned) {
		return c.lapsedUnconsigned(r, f)
	}
	for _, k := range known {
		shown := map[string][]byte{"event": []byte(f.Event), "note": f.Note, "proof": f.Proof}
		if k.Event == envelope.Rejected {
			if f.Event != envelope.Rejected {
				refusal, err := c.Proven(f.TextHash, envelope.Rejected)
				if err != nil {
					return false, err
				}
				if ofBytes(refusal.Proof, f.TextHash) {
					continue
				}
				shown["refusal"] = refusal.Proof
				c.breaches = append(c.breaches, breach("message "+f.TextHash.String(), shown,
					problem.AlreadyEnded, "the log says %s, and before it said rejected", f.Event))
			}
			continue
		}
		ended := client.State(k.Event).Ended() && client.State(f.Event).Ended() && k.Event != f.Event
		if ended || contrary(k.Event, f.Event) || contrary(f.Event, k.Event) {
			before, err := c.Proven(f.TextHash, k.Event)
			if err != nil {
				return false, err
			}
			shown["checkpoint"], shown["before"] = c.under.AuditCheckpoint(), before.Proof
			c.breaches = append(c.breaches, breach("message "+f.TextHash.String(), shown,
				problem.AlreadyEnded, "the log says %s, and before it said %s", f.Event, k.Event))
			return false, nil
		}
	}
	return true, nil
}

// ofBytes reports whether a proven refusal is of bytes that the keys of the text's sender had
// not signed: then the text may pass with good signatures, and nobody is to blame.
func ofBytes(proof []byte, text signed.Hash) bool {
	p, err := auditlog.ParseProof(proof)
	return err == nil && p.Entry.Record.TextHash != text
}

func happened(known []store.Moment, event envelope.Event) bool {
	return slices.ContainsFunc(known, func(k store.Moment) bool { return k.Event == event })
}

// lapsedUnconsigned takes a lapse of a message of which no consignment is proven. The
// sender hears of both in the log's order, so to it the broker lies. A receiver that was
// put back from a backup has forgotten what it consigned: there it convicts nobody, and
// the desk's log has it.
func (c *change) lapsedUnconsigned(r *store.Row, f store.ProvenEvent) (bool, error) {
	subject, says := "message "+f.TextHash.String(), "the log says lapsed, and shows no consignment before"
	if !r.Received {
		c.breaches = append(c.breaches, breach(subject,
			map[string][]byte{"event": []byte(f.Event), "proof": f.Proof, "checkpoint": c.under.AuditCheckpoint()}, problem.ProofInvalid, "%s", says))
		return false, nil
	}
	p := problem.New(problem.ProofInvalid, "%s: this desk was put back from a backup, its online ring is used elsewhere, or the broker invents it", says)
	return true, c.LogBounded(c.room.Entry("lapsed without a consignment", subject, p))
}

func contrary(one, other envelope.Event) bool {
	return one == envelope.Consigned && (other == envelope.Expired || other == envelope.Withdrawn)
}

// proven takes this desk's statement away when it is proven, or came too late:
// another stands in its place.
func (c *change) proven(r *store.Row, f store.ProvenEvent) error {
	ours := r.Unproven.Event
	tooLate := client.State(f.Event).Ended() || ours == envelope.Withdrawn && f.Event == envelope.Consigned
	if ours == "" || ours != f.Event && !tooLate {
		return nil
	}
	r.Unproven = store.Statement{}
	if ours == f.Event {
		return nil
	}
	p := problem.New(problem.AlreadyEnded, "the message is %s", f.Event)
	if f.Event == envelope.Consigned {
		p = problem.New(problem.AlreadyConsigned, "the message is consigned")
	}
	c.logged = append(c.logged, func() {
		c.room.Log.Info("another statement stands", "id", r.ID, "ours", ours, "stands", f.Event)
	})
	return c.Log(c.room.Entry("too late: "+string(ours), "message "+f.TextHash.String(), p))
}

// follow writes what an event means for a received message: handed over, it is in
// the officers' view and has its effects; ended otherwise, nobody will see its
// content, and nothing of it is kept. Of what this desk refused it has no key, so
// those sealed bytes only take up room, and go without a scrub.
func (c *change) follow(r *store.Row, moved bool) error {
	if moved && r.State == client.HandedOver {
		_, err := c.FileKey(r.TextHash)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		r.Unapplied = err == nil
	}
	if err := c.Put(r); err != nil {
		return err
	}
	switch {
	case r.Unapplied:
		if says, ok := c.says[r.TextHash]; ok {
			return c.opened(r, says)
		}
	case moved && r.State.Ended() && r.State != client.HandedOver && r.From != r.To:
		err := c.Erase(r.TextHash)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		c.scrub = c.scrub || r.State != client.Refused
		return err
	}
	return nil
}

// opened writes what a message that was handed over says. Its type may have come after
// the message.
func (c *change) opened(r *store.Row, says store.Facts) error {
	r.Facts, r.Unapplied = says, false
	if _, t := c.room.typeOf(c.Tx, r); t != nil {
		r.Asks, r.Closes = t.Asks(), t.Closes()
	}
	return c.Put(r)
}

// waits shows what a message waits for: a refusal that is not final, or, without
// one, a detail in words.
func (c *change) waits(seq int64, p *problem.Problem, detail string) error {
	r, err := c.Row(seq)
	if err != nil {
		return err
	}
	var code problem.Code
	if p != nil {
		code, detail = p.Code, p.Detail
	}
	if r.State.Ended() || p != nil && !r.Received && r.State != client.Queued || r.Code == code && r.Detail == detail {
		return nil
	}
	r.Code, r.Detail = code, detail
	return c.Put(&r)
}
