package mail

import (
	"context"
	"errors"
	"fmt"

	"samband/gateway/api"
	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/gateway/verify"
)

// An outbox submits what has no proof of acceptance yet, oldest first, as many
// messages a call as there are. What is refused, or lies here damaged, doesn't
// keep up the others; a broker that takes nothing now does: the rest would fare no
// better. There are three: of the urgent and of the other small messages, and of the large
// ones, the urgent first. These go by a connection of their own, so that nothing short
// waits for them.
type outbox struct {
	queue
	part api.Part
	from place
}

// A place is behind the last message that was looked at of each kind.
type place struct{ urgent, other int64 }

// A submission is a message on its way out: the same bytes each time.
type submission struct {
	store.Row
	*envelope.Envelope
	bytes []byte
}

func (o *outbox) do(ctx context.Context) error {
	for o.part == api.Large && o.again.any() {
		group, err := o.wantedAgain()
		if err == nil && len(group) > 0 {
			err = o.submit(ctx, group)
		}
		if err != nil {
			return err
		}
	}
	return drain(ctx, &o.from, o.next, o.submit, sendsNothing)
}

// next is the next group behind a place, and where it ends.
func (o *outbox) next(after place) (group []submission, last place, err error) {
	last = after
	if o.urgent || o.part == api.Large {
		if group, last.urgent, err = o.behind(true, after.urgent); err != nil || last != after {
			return group, last, err
		}
	}
	if !o.urgent {
		group, last.other, err = o.behind(false, after.other)
	}
	return group, last, err
}

// behind is the next group of one kind.
func (o *outbox) behind(urgent bool, after int64) (group []submission, last int64, err error) {
	last = after
	var rows []store.Row
	var texts [][]byte
	err = o.Store.View(func(tx *store.Tx) (err error) {
		if rows, err = tx.Unsent(urgent, o.part == api.Large, after, o.most); err != nil {
			return err
		}
		for size, n := 0, 0; n < len(rows); n++ {
			b, err := tx.Envelope(rows[n].TextHash)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if size += 4 + len(b); size > api.MaxSequence || n > 0 && size > int(o.load) {
				rows = rows[:n]
				break
			}
			texts = append(texts, b)
		}
		return nil
	})
	if err != nil {
		return nil, last, err
	}
	var steps []step
	for n, r := range rows {
		last = r.Seq
		e, err := parseStored(texts[n], r.TextHash)
		switch {
		case err != nil:
			o.Log.Error("a queued message can't be read", "id", r.ID, "problem", err.Error())
			steps = append(steps, func(c *change) error { return c.waits(r.Seq, nil, Unreadable) })
		case o.Heeded(e.To) != nil:
			p, _ := problem.Of(o.Heeded(e.To))
			steps = append(steps, func(c *change) error { return c.waits(r.Seq, p, "") })
		case r.Code.Row().Class == problem.Reseal && r.State == client.Queued && o.moved(e):
			if err := o.reseal(r, e, nil); err != nil {
				o.Log.Warn("a message is not sealed anew", "id", r.ID, "problem", err.Error())
			}
		case r.Code == problem.NotYet && r.State == client.Queued && o.early(e) && !o.Ring.Locked():
			if err := o.reseal(r, e, nil); err != nil {
				o.Log.Warn("a message is not sealed anew", "id", r.ID, "problem", err.Error())
			}
		default:
			s := submission{r, e, texts[n]}
			resigned, err := o.whole(&s)
			if err != nil {
				p, _ := problem.Of(err)
				o.Log.Error("a queued message is not signed anew", "id", r.ID, "problem", err.Error())
				steps = append(steps, func(c *change) error { return c.waits(r.Seq, p, Unreadable) })
				continue
			}
			if resigned != nil {
				steps = append(steps, resigned)
			}
			group = append(group, s)
		}
	}
	if len(steps) > 0 {
		err = o.write(unsynced, nil, steps...)
	}
	return group, last, err
}

// takesNothing reports whether a submission failed as every other would now.
func takesNothing(err error) bool {
	p, ok := problem.Of(err)
	return unreachable(err) || ok && (p.Code.Row().Subject == problem.Broker || p.Code.Row().Subject == problem.Connection)
}

// sendsNothing reports whether a submission failed as every other of this desk would
// now. What it has to say about others' messages may pass all the same.
func sendsNothing(err error) bool {
	return takesNothing(err) || problem.CodeOf(err) == problem.QuotaExhausted
}

// submit makes one call of a group, and one write of its answer.
func (o *outbox) submit(ctx context.Context, group []submission) error {
	items := make([][]byte, len(group))
	for n, s := range group {
		items[n] = s.bytes
	}
	answer, err := call(ctx, &o.queue, items, o.Broker.Submit)
	if err != nil {
		return errors.Join(err, o.allWait(group, err))
	}
	a := &accepting{outbox: o, answered: answer}
	var errs []error
	for n := range answer.Items {
		if err := a.takeIn(&group[n], &answer.Items[n]); err != nil {
			errs = append(errs, fmt.Errorf("submit message %s: %w", group[n].Row.ID, err))
		}
	}
	return errors.Join(o.write(a.wait, answer.under, a.steps...), errors.Join(errs...))
}

// allWait shows of a group what its messages wait for.
func (o *outbox) allWait(group []submission, err error) error {
	p, ok := problem.Of(err)
	if !ok {
		return nil
	}
	var steps []step
	for _, s := range group {
		if s.Row.Code != p.Code {
			steps = append(steps, func(c *change) error { return c.waits(s.Seq, p, "") })
		}
	}
	if len(steps) == 0 {
		return nil
	}
	return o.write(unsynced, nil, steps...)
}

// accepting makes the write of what one call brought.
type accepting struct {
	*outbox
	*answered[api.SubmitItem]
	wait  durability
	steps []step
}

func (a *accepting) then(s step) { a.steps = append(a.steps, s) }

// stays leaves a message where it is, shows what it waits for, and has it tried
// again.
func (a *accepting) stays(s *submission, err error) error {
	if p, ok := problem.Of(err); ok {
		if fault := a.ClockFault(); fault != nil && p.Code == problem.NotYet {
			p = problem.New(p.Code, "%s; %s", p.Detail, fault)
		}
		a.then(func(c *change) error { return c.waits(s.Seq, p, "") })
	}
	return err
}

// take takes in what became of one message of the call.
func (a *accepting) takeIn(s *submission, item *api.SubmitItem) error {
	if err := item.Refusal(); err != nil {
		return a.refused(s, err)
	}
	accepted, err := a.under.Acceptance(s.Envelope, []byte(item.Acceptance))
	if err != nil {
		a.accuse(err)
		return a.stays(s, err)
	}
	a.then(advances(s.Seq, provenEvent(s.Row.TextHash, accepted)))
	for _, f := range []*api.LoggedEvent{item.Consigned, item.End} {
		if f == nil {
			continue
		}
		event, err := a.believe(a.under, &s.Header, s.Row.TextHash, f)
		if errors.Is(err, verify.ErrNoNote) {
			continue
		}
		if err != nil {
			return err
		}
		a.then(advances(s.Seq, event))
	}
	return nil
}

// refused takes in a refusal of a message. A nil result means that it is dealt
// with.
func (a *accepting) refused(s *submission, err error) error {
	p, ok := problem.Of(err)
	r := api.RefusalOf(err)
	switch {
	case !ok:
		return err
	case p.Code.Row().Subject == problem.Connection || p.Class() == problem.Retry:
		return a.stays(s, err)
	case p.Class() == problem.Reseal:
		if s.State != client.Queued || !a.moved(s.Envelope) { // the log says that it was accepted, or the same bytes go again
			return a.stays(s, err)
		}
		return a.reseal(s.Row, s.Envelope, err)
	case p.Code == problem.IDReused && r.Accepted != s.Row.TextHash:
		own, err := a.earlierAttempt(s, r)
		if own || err != nil {
			return err
		}
	case r.Stands != nil: // withdrawn, and this desk's disk has forgotten it
		event, err := a.believe(a.under, &s.Header, s.Row.TextHash, r.Stands)
		if err == nil {
			a.then(advances(s.Seq, event))
		}
		return err
	}
	return a.rejected(s, r)
}

// earlierAttempt recognises an ID_REUSED that names an earlier text of our own:
// that one was accepted and we never heard. It is sent again, and gets its first
// acceptance.
func (a *accepting) earlierAttempt(s *submission, r *api.Refusal) (own bool, err error) {
	err = a.Store.View(func(tx *store.Tx) error {
		row, err := tx.OfText(false, r.Accepted)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		own = row.Seq == s.Seq
		return err
	})
	if own {
		a.then(func(c *change) error {
			row, err := c.Row(s.Seq)
			if err != nil {
				return err
			}
			row.TextHash, row.Code, row.Detail = r.Accepted, "", ""
			defer wake(a.worker())
			return c.Put(&row)
		})
	}
	return own, err
}

func (o *outbox) worker() chan struct{} {
	switch {
	case o.part == api.Large:
		return o.workers.large
	case o.urgent:
		return o.workers.urgent
	}
	return o.workers.outbox
}

// rejected ends a message that the broker refused for good. The refusal must
// bring the proof that it is logged: without it a broker could say no to the
// sender and deliver all the same. What lacks it, or is false, ends nothing.
func (a *accepting) rejected(s *submission, r *api.Refusal) error {
	p := r.Problem
	a.Log.Warn("message refused by the broker", "id", s.Row.ID, "code", p.Code, "problem", p.Detail)
	if r.Proof == "" {
		return a.stays(s, problem.New(problem.ProofMissing, "refused by %s, and no entry of the log is shown for it", p.Code))
	}
	subject, shown := "message "+s.Row.TextHash.String(), map[string][]byte{"refusal": []byte(r.Proof), "checkpoint": a.under.AuditCheckpoint()}
	refusal, err := a.under.Refusal(s.Envelope, []byte(r.Proof))
	switch {
	case err != nil:
	case refusal.Record.Code != p.Code:
		err = breach(subject, shown, problem.ProofInvalid, "the proven refusal is of code %s, not %s", refusal.Record.Code, p.Code)
	case s.State != client.Queued:
		if shown["before"], err = a.proofOf(s); err == nil {
			err = breach(subject, shown, problem.AlreadyEnded, "the log says rejected, and it says %s", s.State)
		}
	}
	if err != nil {
		a.accuse(err)
		return a.stays(s, err)
	}
	if err := a.timely(envelope.Rejected, refusal.Record.Time); err != nil {
		a.then(func(c *change) error { return c.waits(s.Seq, nil, err.Error()) })
		return err
	}
	a.wait = synced
	a.then(func(c *change) error { return c.reject(s.Seq, provenEvent(s.Row.TextHash, refusal), p) })
	return nil
}

// proofOf is the proof of where a message stands, or of its acceptance.
func (a *accepting) proofOf(s *submission) (proof []byte, err error) {
	err = a.Store.View(func(tx *store.Tx) error {
		f, err := tx.Proven(s.Row.TextHash, envelope.Event(s.State))
		if errors.Is(err, store.ErrNotFound) {
			f, err = tx.Proven(s.Row.TextHash, envelope.Accepted)
		}
		proof = f.Proof
		return err
	})
	return proof, err
}

// believe verifies an event of a message, and keeps one that fails as evidence.
func (m *Room) believe(next *verify.Answer, h *envelope.Header, textHash signed.Hash, f *api.LoggedEvent) (store.ProvenEvent, error) {
	verified, err := next.Event(h, textHash, m.Desk, claimOf(f))
	if err != nil {
		m.accuse(err)
		return store.ProvenEvent{}, err
	}
	event := provenEvent(textHash, verified)
	if event.Event.ByTheClock() {
		return event, m.timely(event.Event, event.Time)
	}
	return event, nil
}

// errEarly says that the log is ahead of this desk's clock. Which of the two is
// right nobody can prove, so it is no evidence.
var errEarly = errors.New("later than this desk's clock")

// timely checks that an end by the broker's time alone is not before its time by
// this desk's clock: else a broker could end what it likes by a lie about the
// hour. Where the clocks disagree the end waits, and the offset is shown.
func (m *Room) timely(event envelope.Event, at signed.Time) error {
	offset := at.AsTime().Sub(m.Now())
	if offset <= maxOffset {
		return nil
	}
	m.setOffset(offset)
	return fmt.Errorf("the log says %s at %s: %w", event, at, errEarly)
}
