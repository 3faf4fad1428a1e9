package desk

import (
	"errors"
	"slices"

	"samband/gateway/api"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
)

// verifyPage is how many messages are compared under one look into the database.
const verifyPage = 100

// verifyRows compares what this desk goes by with what was proven: of one message, or of all.
func (d *Desk) verifyRows(v *client.Verification, message client.Ref) error {
	if !message.ID.IsZero() {
		m, err := d.find(message)
		if err != nil {
			return err
		}
		return d.room.Store.View(func(tx *store.Tx) error {
			r, err := tx.OfText(m.Received, m.Message)
			if err != nil {
				return err
			}
			return d.verifyRow(v, tx, &r)
		})
	}
	for after, more := int64(0), true; more; {
		err := d.room.Store.View(func(tx *store.Tx) error {
			all, err := tx.Messages(after, verifyPage)
			for n := range all {
				after = all[n].Seq
				if err := d.verifyRow(v, tx, &all[n]); err != nil {
					return err
				}
			}
			more = len(all) > 0
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// verifyRow compares one message.
func (d *Desk) verifyRow(v *client.Verification, tx *store.Tx, r *store.Row) error {
	fault := func(format string, args ...any) {
		addFault(v, problem.New(problem.DeskDamaged, format, args...), mail.SubjectOf(r))
	}
	h, err := mail.HeaderOf(tx, r.TextHash)
	if err != nil {
		fault("its header can't be read")
		return nil
	}
	if h.ID != r.ID || h.From != r.From || h.To != r.To || h.Type.Name != r.Type || h.Conversation != r.Conversation || h.InReplyTo != r.ReplyTo {
		fault("it is listed as %s from %s to %s, and its signed header says %s from %s to %s", r.ID, r.From, r.To, h.ID, h.From, h.To)
	}
	if r.Received != (h.To == d.Address()) && h.From != h.To {
		fault("it is listed in the wrong direction")
	}
	if err := d.verifyState(tx, r, fault); err != nil {
		return err
	}
	if err := d.verifyContent(tx, r, fault); err != nil {
		return err
	}
	return d.verifyLinks(tx, r, fault)
}

// verifyState compares where a message stands with what is proven of it.
func (d *Desk) verifyState(tx *store.Tx, r *store.Row, fault func(string, ...any)) error {
	texts, err := tx.Texts(r.Seq)
	if err != nil {
		return err
	}
	if !slices.Contains(texts, r.TextHash) {
		fault("its text is none of those that it ever had")
	}
	least := client.Queued
	if r.Received {
		least = client.Accepted
	}
	stands, accepted := least, false
	for _, text := range texts {
		moments, err := tx.Moments(text)
		if err != nil {
			return err
		}
		for _, m := range moments {
			accepted = accepted || m.Event == envelope.Accepted
			if s := client.State(m.Event); store.Follows(s, stands) {
				stands = s
			}
		}
	}
	switch {
	case r.Accepted != accepted:
		fault("whether it was accepted is listed otherwise than the log proves")
	case r.State == client.Rejected && (stands == client.Queued || stands == client.Rejected): // this desk's own word, or the broker's
	case r.State != stands:
		fault("it is listed as %s, and what is proven of it says %s", r.State, stands)
	}
	return nil
}

// verifyContent compares the sealed part with its header and, while the ring is unlocked,
// tries the file key.
func (d *Desk) verifyContent(tx *store.Tx, r *store.Row, fault func(string, ...any)) error {
	b, err := tx.Envelope(r.TextHash)
	if errors.Is(err, store.ErrNotFound) {
		if _, err := tx.FileKey(r.TextHash); err == nil {
			fault("it is listed as erased, and its file key is there")
		}
		return nil
	}
	if err != nil {
		return err
	}
	e, err := envelope.Parse(b)
	if err != nil || e.TextHash() != r.TextHash {
		fault("its sealed part is not the one that its signed header names")
		return nil
	}
	if d.Locked() || r.Received && r.State != client.HandedOver {
		return nil
	}
	err = d.room.TryKey(tx, e)
	if problem.CodeOf(err) == problem.DeskLocked {
		return nil
	}
	if errors.Is(err, store.ErrNotFound) {
		fault("its file key is gone: it can't be opened any more")
	} else if err != nil {
		fault("its file key does not open it: %v", err)
	}
	return nil
}

// verifyLinks compares what settled a message with the log, and with the link by which it
// did.
func (d *Desk) verifyLinks(tx *store.Tx, r *store.Row, fault func(string, ...any)) error {
	if r.Answer.IsZero() {
		return nil
	}
	at, err := tx.Time(r.Answer, envelope.Accepted)
	if err != nil {
		return err
	}
	if at != r.Answered {
		fault("it is listed as answered at %s, and the log says %s", r.Answered, at)
	}
	reply, err := tx.OfText(!r.Received, r.Answer)
	if errors.Is(err, store.ErrNotFound) {
		fault("the message that answered it is gone")
		return nil
	}
	if err != nil {
		return err
	}
	links, err := tx.Links(reply.Seq)
	if err == nil && !slices.ContainsFunc(links, func(l store.Link) bool { return l.Asked == r.Seq && l.Kind == store.Settles }) {
		fault("nothing says that the message which is listed as its answer answers it")
	}
	return err
}

// verifyOwn says what of this desk's own records was lost, whether its log is whole, and
// whether the feed's cursor can be read.
func (d *Desk) verifyOwn(v *client.Verification, message client.Ref) error {
	mac := d.room.LogMAC()
	return d.room.Store.View(func(tx *store.Tx) error {
		lost, err := tx.Damages(false, 1000)
		if err != nil {
			return err
		}
		for _, l := range lost {
			if message.ID.IsZero() || mail.Names(l.Subject, message.ID) {
				addFault(v, problem.New(problem.DeskDamaged, "found %s in table %s: %s", l.Found, l.Place, l.Detail), l.Subject)
			}
		}
		if !message.ID.IsZero() {
			return nil
		}
		check, err := tx.CheckLog(mac)
		if err != nil {
			return err
		}
		v.Lines = check.Lines
		for _, f := range check.Faults {
			addFault(v, problem.New(problem.DeskDamaged, "%s", f), "this desk's own log")
		}
		cursor, err := tx.Cursor(mail.ProgressFeed)
		if err != nil {
			return err
		}
		if at, err := api.ParseCursor(cursor); err != nil || at.Leaf() > max(v.Audit.Size, d.room.Logs().Audit().Size) {
			addFault(v, problem.New(problem.DeskDamaged, "how far the feed was read is %q: it is read from its beginning", cursor), "the feed of what became of messages")
		}
		return nil
	})
}
