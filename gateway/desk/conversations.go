package desk

import (
	"cmp"
	"context"
	"slices"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/mail"
	"samband/gateway/desk/internal/store"
	"samband/gateway/problem"
)

// Conversations lists what this desk speaks of with others, by what the log proves:
// first where it is this desk's turn, by the nearest deadline, then where something
// else is open, then the newest. Those of one id are listed alone; where there are
// none, UNKNOWN_MESSAGE.
func (d *Desk) Conversations(_ context.Context, q client.Query) ([]client.Conversation, error) {
	all := []client.Conversation{}
	err := d.room.Store.View(func(tx *store.Tx) error {
		open, err := mail.OpenByConversation(tx)
		if err != nil {
			return err
		}
		talks, err := tx.Conversations(q.ID, limit(q))
		if err != nil {
			return err
		}
		listed := map[store.Conversation]bool{}
		for n := range talks {
			k := talks[n]
			k.Last = 0
			listed[k] = true
		}
		for k := range open {
			if !listed[k] && q.ID.IsZero() {
				c, err := tx.Conversation(k)
				if err != nil {
					return err
				}
				talks = append(talks, c)
			}
		}
		for _, k := range talks {
			of := k
			of.Last = 0
			c, err := d.room.Conversation(tx, k, open[of], d.now())
			if err != nil {
				return err
			}
			all = append(all, *c)
		}
		return nil
	})
	if err == nil && len(all) == 0 && !q.ID.IsZero() {
		err = problem.New(problem.UnknownMessage, "this desk has no conversation %s", q.ID)
	}
	slices.SortStableFunc(all, urgentFirst)
	return all[:min(len(all), limit(q))], err
}

// urgentFirst orders conversations by who has to act, and by the nearest deadline.
func urgentFirst(a, b client.Conversation) int {
	return cmp.Or(cmp.Compare(rank(a.Turn), rank(b.Turn)), compareDue(nearest(a), nearest(b)))
}

// rank puts those first in which this desk has to act.
func rank(t client.Turn) int {
	switch t {
	case client.Ours, client.Both:
		return 0
	case client.Theirs:
		return 1
	}
	return 2
}

// nearest is the deadline that ends first of what this desk owes or, where it owes
// nothing, of what is open; nil: none is.
func nearest(c client.Conversation) (first *client.Deadline) {
	for _, ours := range []bool{true, false} {
		for _, o := range c.Open {
			if d := o.Deadline; d != nil && (o.From == c.With) == ours && (first == nil || d.Due.Before(first.Due)) {
				first = d
			}
		}
		if first != nil {
			break
		}
	}
	return first
}

// compareDue puts a deadline before none.
func compareDue(a, b *client.Deadline) int {
	switch {
	case a == nil || b == nil:
		return cmp.Compare(number(a == nil), number(b == nil))
	case a.Due.Before(b.Due):
		return -1
	case b.Due.Before(a.Due):
		return 1
	}
	return 0
}
