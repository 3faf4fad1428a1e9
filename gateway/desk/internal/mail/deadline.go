package mail

import (
	"cmp"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/signed"
	"samband/schema"
)

// Deadline computes the clock of a message, wherever it stands; nil when its type
// has none, when nobody has consigned it yet, or when it was refused. It starts
// when the message is consigned, or at its end if that is its consignment (SPEC
// §9.4).
func (m *Room) Deadline(tx *store.Tx, r *store.Row, h *envelope.Header, now time.Time) (*client.Deadline, error) {
	t, ok := m.Type(h.Type.Hash)
	if !ok || t.Clock == nil || t.Clock.Yearly != nil || !r.Counts() {
		return nil, nil
	}
	start, err := consignedAt(tx, r)
	if err != nil || start.IsZero() {
		return nil, err
	}
	run := schema.Run{Urgency: urgencyOf(r), Outcome: r.Outcome, Start: start.AsTime(), Zone: m.zone(r.To)}
	if !r.ClockFrom.IsZero() {
		run.From = r.ClockFrom.AsTime()
	}
	access, alone, err := accessTo(tx, r)
	if err != nil {
		return nil, err
	}
	run.Access = access
	if run.Pauses, err = pauses(tx, r); err != nil {
		return nil, err
	}
	if run.Extensions, err = extensions(tx, r); err != nil {
		return nil, err
	}
	lapsed, err := tx.Time(r.TextHash, envelope.Lapsed)
	if err != nil {
		return nil, err
	}
	over := cmp.Or(r.Answered, r.Dropped, lapsed)
	if !over.IsZero() {
		now = over.AsTime()
	}
	at := t.Clock.At(run, now)
	if at.Class == "" {
		return nil, nil // one of its kind has no clock
	}
	d := m.deadlineOf(&at)
	d.Access, d.Alone, d.Answered, d.Dropped = access, alone, r.Answered, r.Dropped
	if d.OnTime = !r.Answered.IsZero() && !at.Overdue; !over.IsZero() {
		d.Paused, d.Warning, d.Remaining, d.Then = false, 0, 0, nil
		d.Overdue = d.Overdue && r.Answered.IsZero() && r.Dropped.IsZero() // it lapsed, and an answer was owed
	}
	return d, nil
}

// deadlineOf is a deadline as people see it.
func (m *Room) deadlineOf(at *schema.Deadline) *client.Deadline {
	d := &client.Deadline{
		Class: at.Class, Source: at.Source, Due: signed.At(at.Due), Remaining: client.Duration(at.Remaining.Truncate(time.Second)),
		Paused: at.Paused, Overdue: at.Overdue, AtEnd: at.AtEnd, Warning: m.warning(at.Spent),
	}
	if !at.Extended.Until.IsZero() {
		d.Extended, d.ExtendedBy = signed.At(at.Extended.Until), at.Extended.By
	}
	if at.Then != nil {
		d.Then = m.deadlineOf(at.Then)
	}
	return d
}

// warning is the highest of the fractions at which this desk is warned that has passed;
// 0: none has.
func (m *Room) warning(spent float64) (highest float64) {
	for _, f := range m.WarnAt {
		if spent >= f {
			highest = max(highest, f)
		}
	}
	return highest
}

// zone is the time zone in which the days of a desk are counted.
func (m *Room) zone(desk signed.Address) *time.Location { return m.Logs().View().Zone(desk) }

// consignedAt is when the receiving desk had a message: its consignment, or its end
// where that is its consignment; zero: it had not.
func consignedAt(tx *store.Tx, r *store.Row) (signed.Time, error) {
	at, err := tx.Time(r.TextHash, envelope.Consigned)
	if err == nil && at.IsZero() {
		at, err = tx.Time(r.TextHash, envelope.HandedOver)
	}
	return at, err
}

func urgencyOf(r *store.Row) schema.Urgency {
	if r.Urgent {
		return schema.Urgent
	}
	return schema.NonUrgent
}

// accessTo is how the receiving desk reaches what a message asks for: as its newest
// declaration says, or, where it could send none, as it noted at home alone.
func accessTo(tx *store.Tx, r *store.Row) (access schema.Access, alone bool, err error) {
	later, err := tx.Later(r.Seq, store.Declares)
	for _, l := range later {
		access = cmp.Or(schema.Access(l.Access), access)
	}
	if access == schema.Undeclared && r.Declared != "" {
		return schema.Access(r.Declared), true, err
	}
	return access, false, err
}

// pauses are the times in which a question back was open: from its acceptance until it was
// settled, dropped or lapsed, whichever came first. What came later moves no clock that ran
// again.
func pauses(tx *store.Tx, r *store.Row) (out []schema.Pause, err error) {
	later, err := tx.Later(r.Seq, store.Pauses)
	for _, l := range later {
		lapsed, err := tx.Time(l.TextHash, envelope.Lapsed)
		if err != nil {
			return nil, err
		}
		p := schema.Pause{From: l.Accepted.AsTime()}
		for _, end := range []signed.Time{l.Answered, l.Dropped, lapsed} {
			if at := end.AsTime(); !end.IsZero() && (p.Until.IsZero() || at.Before(p.Until)) {
				p.Until = at
			}
		}
		out = append(out, p)
	}
	return out, err
}

// extensions are until when the answer to a message shall come, by each word of it.
func extensions(tx *store.Tx, r *store.Row) (out []schema.Extension, err error) {
	later, err := tx.Later(r.Seq, store.Extends)
	for _, l := range later {
		if !l.ClockUntil.IsZero() {
			out = append(out, schema.Extension{At: l.Accepted.AsTime(), Until: l.ClockUntil.AsTime(), By: l.TextHash})
		}
	}
	return out, err
}
