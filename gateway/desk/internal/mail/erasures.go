package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"samband/gateway/api"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// What a person erases is destroyed at once, and a backup of this desk still has it. So
// the desk tells itself what it erased, in the one place that no backup brings back: a
// sealed list in the log, signed by its locked ring (SPEC §8.4). A desk that finds there
// a list of its own that it does not know was put back from a backup. It hides what the
// list names, and a person decides what becomes of that: so nobody who stole the ring
// can make this desk destroy its mail.

// gather is how long an erasure waits for others, so that they share a list.
const gather = time.Minute

// Hidden says, in a message's item, why its content is not shown.
const Hidden = "hidden: this desk erased it and was put back from a backup since; erase it, or keep it with a reason"

// Erase destroys what this desk has of a message's content, in all its texts, and notes
// that a list owes it. What is gone already may still be on the disk if an earlier call
// failed before it got so far. A message of this desk to itself is erased as both that
// it is.
func (m *Room) Erase(received bool, from signed.Address, id signed.ID) error {
	m.scrubbing.Store(true)
	defer wake(m.workers.erasures)
	mac := m.LogMAC()
	return m.write(vital, nil, func(c *change) error {
		found, err := c.rowsOf(received, from, id)
		if err != nil {
			return err
		}
		some := false
		for _, r := range found {
			now, err := c.eraseTexts(r.Seq)
			if err != nil {
				return err
			}
			some = some || now
		}
		if !some {
			return nil // it was erased before: a list names it, or will
		}
		for _, r := range found {
			if err := c.AddErasing(store.Erasing{Received: r.Received, From: r.From, ID: r.ID, Since: signed.At(m.Now())}); err != nil {
				return err
			}
		}
		if err := c.Log(m.Entry("erased", "message "+id.String(), nil)); err != nil {
			return err
		}
		return c.KeepLog(mac)
	})
}

// LogMAC is what keeps the head of the desk's own log; nil while the ring is locked.
func (m *Room) LogMAC() (mac func(lines int64, chain []byte) []byte) {
	m.Ring.Use(func(l *keys.Locked) error {
		mac = l.LogMAC()
		return nil
	})
	return mac
}

// rowsOf finds a message, and beside one of this desk to itself its other side.
func (c *change) rowsOf(received bool, from signed.Address, id signed.ID) (found []store.Row, err error) {
	var r store.Row
	if received {
		r, err = c.Received(from, id)
	} else {
		r, err = c.Sent(id)
	}
	if err != nil {
		return nil, err
	}
	found = append(found, r)
	if r.From == r.To {
		other, err := c.OfText(!received, r.TextHash)
		if err == nil {
			found = append(found, other)
		} else if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
	}
	return found, nil
}

// eraseTexts erases all texts of a message, and reports whether one was still there.
func (c *change) eraseTexts(seq int64) (some bool, err error) {
	texts, err := c.Texts(seq)
	if err != nil {
		return false, err
	}
	for _, text := range texts {
		err := c.Erase(text)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
		some = some || err == nil
	}
	return some, nil
}

// Keep shows a hidden message again. DESK_LOCKED while locked; UNKNOWN_MESSAGE for one
// that is not hidden.
func (m *Room) Keep(received bool, from signed.Address, id signed.ID, reason string) error {
	return m.withRing(func(ring *keys.Locked) error {
		return m.write(vital, nil, func(c *change) error {
			found, err := c.rowsOf(received, from, id)
			if err != nil {
				return err
			}
			shown := false
			for _, r := range found {
				name := nameOf(ring, &r)
				if err := c.DropErasedName(name[:]); err != nil {
					return err
				}
				err := c.Unhide(r.Seq)
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
				shown = shown || err == nil
			}
			if !shown {
				return problem.New(problem.UnknownMessage, "message %s is not hidden", id)
			}
			e := m.Entry("kept", "message "+id.String(), nil)
			e.Detail = reason
			return c.Log(e)
		})
	})
}

func nameOf(ring *keys.Locked, r *store.Row) keys.ErasedName {
	return ring.ErasedName(r.Received, r.From, r.ID)
}

// keepFileKey keeps the key of a message that was opened, and hides it if a list names
// it: it came again after this desk had erased it.
func (c *change) keepFileKey(r *store.Row, wrapped []byte, name keys.ErasedName) error {
	erased, err := c.IsErasedName(name[:])
	if err == nil && erased {
		err = c.Hide(r.Seq)
	}
	if err != nil {
		return err
	}
	return c.PutFileKey(r.TextHash, wrapped)
}

// MayShow says why nothing may be shown now; nil: it may. Until this desk has read the
// log to its end once since it started, it may have been put back from a backup and not
// know it. Where the broker does not answer, a person may decide: see ShowAnyway. It comes
// before all else that is read in tx: what tx read before may be older than what the log said.
func (m *Room) MayShow(tx *store.Tx) error {
	if !m.shows.Load() {
		why := "it is reading"
		if !m.Reachable() {
			why = "the broker does not answer"
		}
		return problem.New(problem.ErasuresUnread, "%s has not read the log since it started: %s", m.Desk, why)
	}
	unopened, err := tx.CountErasures(store.ListUnopened)
	if err == nil && unopened > 0 {
		err = problem.New(problem.ErasuresUnread, "%s has to open %d lists of what it erased", m.Desk, unopened)
	}
	return err
}

// ShowAnyway shows content although the log was not read, because a person says so.
func (m *Room) ShowAnyway(reason string) error {
	if m.shows.Load() {
		return nil
	}
	e := m.Entry("shown before the log was read", "erasures", nil)
	e.Detail = reason
	if err := m.write(vital, nil, func(c *change) error { return c.Log(e) }); err != nil {
		return err
	}
	m.shows.Store(true)
	m.Touch()
	return nil
}

// readErasures hears that a page of the progress feed was written: once one is empty, all
// of this desk's own lists that the log has were read. Until then no page is waited for
// that leads on. It returns how long the next page is waited for.
func (p *progress) readErasures(page *api.ProgressAnswer) time.Duration {
	if len(page.Items) == 0 {
		p.Room.readAll.Store(true)
	}
	switch {
	case p.shows.Load():
	case len(page.Items) == 0:
		p.shows.Store(true)
		wake(p.workers.keys)
		p.Touch()
	case page.Next > p.after:
		return 0
	}
	return p.wait
}

// ownErasures takes in a list of this desk's own that the log has. One that this desk did
// not make, while it ran, was made by somebody who has its locked ring: it hides what it
// names all the same, and destroys nothing.
func (p *progress) ownErasures(next *verify.Answer, item *api.ProgressItem, said bool) (step, error) {
	m := p.Room
	proven, err := next.Erasure(m.Desk, item.Note, []byte(item.Proof))
	state := store.ListUnopened
	if errors.Is(err, verify.ErrNoNote) {
		r, noProof := next.Proven([]byte(item.Proof), envelope.Erased)
		if noProof != nil || r.By != m.Desk {
			return nil, errors.Join(err, noProof)
		}
		proven, state, err = &verify.ProvenEvent{Record: r}, store.ListLost, nil
	}
	if err != nil {
		m.accuse(err)
		return nil, err
	}
	list, event, why := proven.Record.Statement, "put back from a backup", "this desk was put back from a backup"
	if !said && state == store.ListUnopened {
		elsewhere, err := p.listedElsewhere(proven)
		if err != nil {
			return nil, err
		}
		if elsewhere {
			event, why = "listed elsewhere", "the locked ring of this desk is used elsewhere"
			m.accuse(breach("list of erasures "+list.String(), exhibitsOf(next, item), problem.RingElsewhere,
				"leaf %d has a list of erasures by the locked ring of this desk, which did not make it", proven.Record.Index))
		}
	}
	return func(c *change) error {
		known, err := c.ErasuresState(list)
		switch {
		case err != nil:
			return err
		case known == store.ListMade:
			return c.proveErasures(list)
		case known != "":
			return nil
		}
		c.logged = append(c.logged, func() {
			m.Log.Warn("erasures unknown: "+why, "list", list, "state", state)
			wake(m.workers.erasures)
		})
		if err := c.AddErasures(store.Erasures{List: list, Note: item.Note, State: state, Since: signed.At(m.Now())}); err != nil {
			return err
		}
		return c.LogBounded(m.Entry(event, "list of erasures "+list.String(), nil))
	}, nil
}

// listedElsewhere reports whether a list that this desk did not sign was logged while it
// ran, and it does not know it. What was logged before, a lost copy of it may have made.
func (m *Room) listedElsewhere(list *verify.ProvenEvent) (elsewhere bool, err error) {
	err = m.Store.View(func(tx *store.Tx) error {
		known, err := tx.ErasuresState(list.Record.Statement)
		if err != nil || known != "" {
			return err
		}
		absent, err := tx.Absent(list.Record.Index)
		elsewhere = !absent
		return err
	})
	return elsewhere, err
}

func (c *change) proveErasures(list signed.Hash) error {
	c.logged = append(c.logged, func() { c.room.Log.Info("erasures proven", "list", list) })
	return c.MoveErasures(list, store.ListProven)
}

// erasures states what was erased, and opens the lists that this desk did not know.
type erasures struct {
	queue
	later   *time.Timer
	refused int64 // the register's size when the broker refused a list for good; zero: it did not
}

func (w *erasures) do(ctx context.Context) error {
	if err := w.finishErasing(); err != nil {
		return err
	}
	err := w.withRing(func(ring *keys.Locked) error {
		return errors.Join(w.openLists(ring), w.makeLists(ring))
	})
	if err != nil && problem.CodeOf(err) != problem.DeskLocked {
		return err
	}
	return w.submit(ctx)
}

// openLists hides what lists name that this desk did not know. One that does not open is
// tried again each time: the right ring may be put back.
func (w *erasures) openLists(ring *keys.Locked) error {
	var lists, again []store.Erasures
	err := w.Store.View(func(tx *store.Tx) (err error) {
		if lists, err = tx.Erasures(store.ListUnopened, api.MaxItems); err == nil {
			again, err = tx.Erasures(store.ListUnreadable, api.MaxItems)
		}
		return err
	})
	if err != nil {
		return err
	}
	named, becomes := map[keys.ErasedName]bool{}, map[signed.Hash]string{}
	for _, l := range append(lists, again...) {
		names, err := namesIn(ring, l.Note)
		switch {
		case err == nil:
			becomes[l.List] = store.ListOpened
		case l.State == store.ListUnopened:
			w.Log.Error("a list of erasures can't be read", "list", l.List, "problem", err.Error())
			becomes[l.List] = store.ListUnreadable
		}
		for _, n := range names {
			named[n] = true
		}
	}
	if len(becomes) == 0 {
		return nil
	}
	defer wake(w.workers.erasures) // there may be more
	return w.write(synced, nil, func(c *change) error {
		for n := range named {
			if err := c.AddErasedName(n[:]); err != nil {
				return err
			}
		}
		if err := c.hideNamed(ring, named); err != nil {
			return err
		}
		c.logged = append(c.logged, func() { w.Log.Info("erasures opened", "lists", len(becomes)) })
		for list, state := range becomes {
			if err := c.MoveErasures(list, state); err != nil {
				return err
			}
		}
		return nil
	})
}

func namesIn(ring *keys.Locked, note []byte) ([]keys.ErasedName, error) {
	s, err := statementIn(note)
	if err != nil {
		return nil, err
	}
	return ring.OpenErased(s.List)
}

// hideNamed hides the messages that names stand for.
func (c *change) hideNamed(ring *keys.Locked, named map[keys.ErasedName]bool) error {
	for after := int64(0); len(named) > 0; {
		found, err := c.Messages(after, 1000)
		if err != nil || len(found) == 0 {
			return err
		}
		for _, r := range found {
			if after = r.Seq; named[nameOf(ring, &r)] {
				if err := c.Hide(r.Seq); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// makeLists signs lists of what was erased, once the oldest has waited long enough, or
// there is enough for a whole one.
func (w *erasures) makeLists(ring *keys.Locked) error {
	for {
		var waiting []store.Erasing
		err := w.Store.View(func(tx *store.Tx) (err error) {
			waiting, err = tx.Unlisted(keys.MaxErased)
			return err
		})
		if err != nil || len(waiting) == 0 {
			return err
		}
		age := w.Now().Sub(waiting[0].Since.AsTime())
		if len(waiting) < keys.MaxErased && age >= 0 && age < gather { // below zero: the clock was set back
			w.wakeIn(gather - age)
			return nil
		}
		var names []keys.ErasedName
		for _, e := range waiting {
			names = append(names, ring.ErasedName(e.Received, e.From, e.ID))
		}
		slices.SortFunc(names, func(a, b keys.ErasedName) int { return bytes.Compare(a[:], b[:]) })
		made, err := w.statement(ring, envelope.Statement{Event: envelope.Erased, List: ring.SealErased(slices.Compact(names))})
		if err != nil {
			return err
		}
		list := signed.HashOf(made.Note)
		err = w.write(synced, nil, func(c *change) error {
			for _, e := range waiting {
				if err := c.ListErasing(e.Seq, list); err != nil {
					return err
				}
			}
			c.logged = append(c.logged, func() { w.Log.Info("erasures listed", "list", list) })
			if err := c.Say(list); err != nil {
				return err
			}
			return c.AddErasures(store.Erasures{List: list, Note: made.Note, State: store.ListMade, Since: made.Since})
		})
		if err != nil {
			return err
		}
	}
}

func (w *erasures) wakeIn(pause time.Duration) {
	if w.later != nil {
		w.later.Stop()
	}
	w.later = time.AfterFunc(pause, func() { wake(w.workers.erasures) })
}

// submit states the lists that are made, until each is proven.
func (w *erasures) submit(ctx context.Context) error {
	if w.refused == w.logs.Load().Register().Size() {
		return nil // until the register has grown
	}
	w.refused = 0
	for {
		var lists []store.Erasures
		err := w.Store.View(func(tx *store.Tx) (err error) {
			lists, err = tx.Erasures(store.ListMade, w.most)
			return err
		})
		if err != nil || len(lists) == 0 {
			return err
		}
		notes := make([][]byte, len(lists))
		for n, l := range lists {
			notes[n] = l.Note
		}
		answer, err := call(ctx, &w.queue, notes, w.Broker.State)
		if err != nil {
			return err
		}
		var steps []step
		var errs []error
		for n := range answer.Items {
			s, err := w.takeIn(&lists[n], &answer.Items[n], answer.under)
			if err != nil {
				errs = append(errs, fmt.Errorf("state a list of erasures: %w", err))
			} else if s != nil {
				steps = append(steps, s)
			}
		}
		if err := errors.Join(w.write(synced, answer.under, steps...), errors.Join(errs...)); err != nil || w.refused != 0 {
			return err
		}
	}
}

// takeIn takes in what the broker answered to one list.
func (w *erasures) takeIn(l *store.Erasures, item *api.StateItem, under *verify.Answer) (step, error) {
	refusal := item.Refusal()
	if refusal == nil {
		if _, err := under.Erasure(w.Desk, l.Note, []byte(item.Proof)); err != nil {
			w.accuse(err)
			return nil, err
		}
		return func(c *change) error { return c.proveErasures(l.List) }, nil
	}
	p, ok := problem.Of(refusal)
	old, err := statementIn(l.Note)
	switch {
	case err != nil:
		return nil, err
	case !ok || p.Class() == problem.Retry:
		return nil, refusal
	case w.logs.Load().Register().Size() > old.AsOfRegister.Size:
		return w.anew(l, old)
	case p.Class() == problem.Reseal:
		return nil, refusal
	}
	w.refused = w.logs.Load().Register().Size()
	w.Log.Warn("a list of erasures is refused", "list", l.List, "problem", p.Error())
	return func(c *change) error {
		return c.LogBounded(w.Entry("refused: erased", "list of erasures "+l.List.String(), p))
	}, nil
}

// anew signs a list with the keys and heads of now.
func (w *erasures) anew(l *store.Erasures, old *envelope.Statement) (step, error) {
	var made store.Statement
	err := w.withRing(func(ring *keys.Locked) (err error) {
		made, err = w.statement(ring, *old)
		return err
	})
	if err != nil {
		return nil, err
	}
	list := signed.HashOf(made.Note)
	return func(c *change) error {
		if err := c.Say(list); err != nil {
			return err
		}
		return c.RenewErasures(l.List, store.Erasures{List: list, Note: made.Note})
	}, nil
}
