package mail

import (
	"errors"
	"slices"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/register"
	"samband/gateway/signed"
	"samband/schema"
)

// Yearly is the class of what is owed each year.
const Yearly = "yearly"

// Duties are what this desk owes in this year, by its own calendar, and has not sent:
// of each type that the law asks for yearly of a desk with one of its functions, where an
// agreement in force permits it. Whom it is sent to, under the same agreement, owes none.
// A message is sent once its acceptance is proven.
func (m *Room) Duties(tx *store.Tx, now time.Time) (owed []client.Duty, err error) {
	for _, t := range m.Types() {
		if t.Clock == nil || t.Clock.Yearly == nil || slices.ContainsFunc(owed, func(d client.Duty) bool { return d.Type == t.Name }) {
			continue
		}
		zone := m.zone(m.Desk)
		start, end := t.Clock.Yearly.Term(now.In(zone).Year(), zone)
		due := now // or the day on which it was owed: nobody owed it before there was an agreement
		if end.Before(now) {
			due = end
		}
		if v := m.Logs().View(); !serves(v, m.Desk, t.Clock.Yearly.By) || !permitted(v, m.Desk.Party(), t.Name, signed.At(due)) {
			continue
		}
		sent, err := sentSince(tx, t.Name, signed.At(start))
		if err != nil {
			return nil, err
		}
		if sent {
			continue
		}
		at := schema.Deadline{
			Class: Yearly, Source: t.Clock.Source, Due: end, Remaining: end.Sub(now), Overdue: !now.Before(end),
			Spent: float64(now.Sub(start)) / float64(end.Sub(start)),
		}
		owed = append(owed, client.Duty{Type: t.Name, Deadline: *m.deadlineOf(&at)})
	}
	return owed, nil
}

func sentSince(tx *store.Tx, typ string, start signed.Time) (bool, error) {
	r, err := tx.LastOf(typ)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	at, err := tx.Time(r.TextHash, envelope.Accepted)
	return !at.Before(start), err
}

// serves reports whether a desk has a function.
func serves(v register.View, desk signed.Address, function string) bool {
	d, ok := v.Desk(desk)
	return ok && slices.Contains(d.Functions, register.Function(function))
}

// permitted reports whether an agreement in force lets a party send a type to another.
func permitted(v register.View, party, typ string, now signed.Time) bool {
	return slices.ContainsFunc(v.Parties(), func(other *register.Party) bool {
		return other.Name != party && slices.ContainsFunc(v.AgreementsBetween(party, other.Name, now), func(a *register.Agreement) bool {
			return slices.Contains(a.Types, typ)
		})
	})
}
