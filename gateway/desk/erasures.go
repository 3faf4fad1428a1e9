package desk

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
)

// maxReason is the longest reason that the desk's log takes, in bytes.
const maxReason = 500

// erasures tells how this desk stands with what it erased.
func (d *Desk) erasures(tx *store.Tx) (*client.Erasures, error) {
	e := &client.Erasures{}
	var err error
	if e.Unstated, err = tx.CountErasing(); err != nil {
		return nil, err
	}
	if e.Hidden, err = tx.CountHidden(); err != nil {
		return nil, err
	}
	for state, n := range map[string]*int{store.ListUnreadable: &e.Unreadable, store.ListLost: &e.Lost, store.ListUnopened: &e.Unopened} {
		if *n, err = tx.CountErasures(state); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// notShown says why no content may be shown now; "": it may.
func (d *Desk) notShown() (why string, err error) {
	err = d.room.Store.View(d.room.MayShow)
	if p, ok := problem.Of(err); ok {
		return p.Detail, nil
	}
	return "", err
}

// Erased lists the messages that are hidden, the newest first: this desk erased them, and
// was put back from a backup that has them. A person decides of each: Erase, or Keep.
func (d *Desk) Erased(_ context.Context, q client.Query) ([]client.HiddenMessage, error) {
	items := []client.HiddenMessage{}
	err := d.room.Store.View(func(tx *store.Tx) error {
		rows, err := tx.HiddenMessages(limit(q))
		if err == nil {
			items, err = listed(d, tx, rows, func(r *store.Row, i client.Item) client.HiddenMessage {
				return client.HiddenMessage{From: r.From, To: r.To, Received: r.Received, Item: i}
			})
		}
		return err
	})
	return items, err
}

// Keep shows a hidden message again, for a reason that the desk's log takes. DESK_LOCKED
// while locked; UNKNOWN_MESSAGE for one that is not hidden.
func (d *Desk) Keep(_ context.Context, message client.Ref, reason string) error {
	if err := checkReason(reason); err != nil {
		return err
	}
	m, err := d.find(message)
	if err != nil {
		return err
	}
	if err := d.room.Keep(m.Received, m.From, m.ID, reason); err != nil {
		return err
	}
	d.subjects.begin()
	return nil
}

// ShowAnyway shows content although this desk could not read in the log what it erased,
// for a reason that its log takes: the broker does not answer, and somebody must read.
func (d *Desk) ShowAnyway(_ context.Context, reason string) error {
	if err := checkReason(reason); err != nil {
		return err
	}
	return d.room.ShowAnyway(reason)
}

func checkReason(reason string) error {
	switch {
	case strings.TrimSpace(reason) == "":
		return problem.New(problem.TextMalformed, "a reason is missing: the desk's log takes it")
	case len(reason) > maxReason:
		return problem.New(problem.Oversize, "a reason passes the bound of %d bytes", maxReason)
	case !utf8.ValidString(reason) || strings.ContainsFunc(reason, unicode.IsControl):
		return problem.New(problem.TextMalformed, "a reason is one line of text")
	}
	return nil
}
