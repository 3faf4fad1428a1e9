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
		since, start, end, ok := m.term(t, now)
		if !ok || !serves(m.Logs().View(), m.Desk, t.Clock.Yearly.By) {
			continue
		}
		sent, err := sentSince(tx, t.Name, signed.At(since))
		if err != nil {
			return nil, err
		}
		if sent {
			continue
		}
		at := schema.Deadline{
			Class: Yearly, Source: t.Clock.Source, Due: end, Remaining: end.Sub(now), Overdue: !now.Before(end),
			Spent: max(0, float64(now.Sub(start))/float64(end.Sub(start))),
		}
		owed = append(owed, client.Duty{Type: t.Name, Deadline: *m.deadlineOf(&at)})
	}
	return owed, nil
}

// term is the one in which a type is owed: since when a message of it counts, from when
// the term runs, and its end. Nobody owed it on a day on which no agreement was there to
// send it under: then it is owed on the next.
func (m *Room) term(t *schema.Type, now time.Time) (since, start, end time.Time, ok bool) {
	zone, view := m.zone(m.Desk), m.Logs().View()
	owed := func(at time.Time) bool { return permitted(view, m.Desk.Party(), t.Name, signed.At(at)) }
	year := now.In(zone).Year()
	start, end = t.Clock.Yearly.Term(year, zone)
	if now.Before(end) {
		return start, start, end, owed(now)
	}
	if owed(end) {
		return start, start, end, true
	}
	since = end
	start, end = t.Clock.Yearly.Term(year+1, zone)
	return since, start, end, owed(now)
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
