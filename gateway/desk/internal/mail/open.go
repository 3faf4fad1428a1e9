package mail

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"samband/gateway/desk/client"
	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

// Bounds of opening.
const (
	patience   = 10 * time.Second      // after which a message is consigned, while its opening goes on
	openings   = 8                     // at once
	settling   = 10 * time.Millisecond // in which verdicts that come together share a write
	maxOpened  = 256                   // read back from the database at once
	maxOpening = 32 << 20              // bytes of the messages that are being opened
)

// An opener opens received messages. While the ring is unlocked each is opened before
// this desk states anything of it, and its one statement is that it is handed over,
// or refused. What can't be opened, or not in time, is consigned; a verdict that
// comes later is stated once that consignment is proven.
type opener struct {
	room  *Room
	slots chan struct{}
	check func(*envelope.Envelope, store.ProvenEvent) *verdict // Room.open
	limit time.Duration                                        // patience

	mu      sync.Mutex
	running map[int64]*opening // by row
	bytes   int
	fewer   chan struct{} // closed when one is done with
	behind  int64         // rows up to here are in open, or were looked at
	more    bool          // there may be more rows behind
	round   int           // counts recalls
}

// An opening is of one message, from its arrival until the statement is written.
type opening struct {
	seq      int64
	size     int
	begun    time.Time
	late     atomic.Bool // it has taken longer than patience
	verdict  atomic.Pointer[verdict]
	consigns bool  // the worker's: it stated so, since the verdict was late
	loads    int64 // bundles that were loaded before it began
	from     signed.Address
}

// A verdict is what this desk found a message to be.
type verdict struct {
	refused *problem.Problem
	key     seal.FileKey // of one that is neither refused nor stuck
	says    store.Facts
	lacks   bool   // it names one that this desk lacks, and may have lost
	stuck   string // why it can't be opened, the fault being this desk's own
	locked  bool
}

func newOpener(m *Room) opener {
	return opener{
		room: m, slots: make(chan struct{}, openings), check: m.open, limit: patience,
		running: map[int64]*opening{}, fewer: make(chan struct{}), more: true,
	}
}

// lookAgain has the database read again for what waits to be opened: after the ring
// was unlocked, or a consignment proven.
func (j *opener) lookAgain() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.behind, j.more = 0, true
	j.round++
	wake(j.room.workers.open)
}

// beginAnew drops all openings and reads the database again: after it was opened
// anew, the rows that they are of may be others.
func (j *opener) beginAnew() {
	j.mu.Lock()
	clear(j.running)
	j.bytes = 0
	j.mu.Unlock()
	j.lookAgain()
}

// begin begins to open a message that lies in the database.
func (j *opener) begin(seq int64, e *envelope.Envelope, accepted store.ProvenEvent) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.running[seq] != nil {
		return
	}
	g := &opening{seq: seq, size: len(e.Sealed), begun: time.Now(), loads: j.room.bundles.loads.Load(), from: e.From}
	j.running[seq] = g
	j.bytes += g.size
	go j.run(g, e, accepted)
}

func (j *opener) run(g *opening, e *envelope.Envelope, accepted store.ProvenEvent) {
	j.slots <- struct{}{}
	leave := sync.OnceFunc(func() { <-j.slots })
	overdue := time.AfterFunc(j.limit, func() {
		g.late.Store(true)
		leave() // one that takes its time doesn't keep up the others
		wake(j.room.workers.open)
	})
	g.verdict.Store(j.safely(e, accepted))
	overdue.Stop()
	leave()
	wake(j.room.workers.open)
}

// safely turns a panic into a verdict of the message that it happened in. Its value
// may quote the message; its type can't.
func (j *opener) safely(e *envelope.Envelope, accepted store.ProvenEvent) (v *verdict) {
	defer func() {
		if p := recover(); p != nil {
			j.room.Log.Error("a message could not be opened", "id", e.ID, "problem", fmt.Sprintf("panic with a %T:\n%s", p, debug.Stack()))
			v = &verdict{stuck: Unreadable}
		}
	}()
	return j.check(e, accepted)
}

// hasRoom returns once what is being opened is within its bound.
func (j *opener) hasRoom(ctx context.Context) {
	for {
		j.mu.Lock()
		full, fewer := j.bytes > maxOpening, j.fewer
		j.mu.Unlock()
		if !full {
			return
		}
		select {
		case <-fewer:
		case <-ctx.Done():
			return
		}
	}
}

func (j *opener) drop(done []*opening) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, g := range done {
		if j.running[g.seq] == g {
			delete(j.running, g.seq)
			j.bytes -= g.size
		}
	}
	close(j.fewer)
	j.fewer = make(chan struct{})
}

func (j *opener) do(context.Context) error {
	return errors.Join(j.readBack(), j.stateAll())
}

// readBack begins to open what lies in the database unopened, a part at a time.
// Locked, it consigns what is not consigned yet.
func (j *opener) readBack() error {
	j.mu.Lock()
	recalls, round, behind, most := j.more, j.round, j.behind, maxOpened-len(j.running)
	j.mu.Unlock()
	if !recalls || most <= 0 {
		return nil
	}
	if err := j.applyDue(); err != nil {
		return err
	}
	locked := j.room.Ring.Locked()
	var rows []store.Row
	err := j.room.Store.View(func(tx *store.Tx) (err error) {
		rows, err = tx.Unopened(behind, locked, most)
		return err
	})
	if err != nil {
		return err
	}
	var steps []step
	for _, r := range rows {
		behind = r.Seq
		e, accepted, err := j.room.received(&r)
		switch {
		case err != nil:
			j.room.Log.Error("a received message can't be read", "id", r.ID, "problem", err.Error())
			s, err := j.stateConsignment(r.Seq, r.TextHash, Unreadable)
			if err != nil {
				return err
			}
			steps = append(steps, s)
		case locked:
			s, err := j.stateConsignment(r.Seq, r.TextHash, "")
			if err != nil {
				return err
			}
			steps = append(steps, s)
		default:
			j.begin(r.Seq, e, accepted)
		}
	}
	if len(steps) > 0 {
		if err := j.room.write(synced, nil, steps...); err != nil {
			return err
		}
		j.room.wakeStatements()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.round != round {
		return nil // recalled meanwhile
	}
	if j.more = len(rows) > 0; j.more {
		j.behind = behind
		wake(j.room.workers.open)
	}
	return nil
}

// received reads a stored message and the proof of its acceptance.
func (m *Room) received(r *store.Row) (e *envelope.Envelope, accepted store.ProvenEvent, err error) {
	var b []byte
	err = m.Store.View(func(tx *store.Tx) (err error) {
		if b, err = tx.Envelope(r.TextHash); err != nil {
			return err
		}
		accepted, err = tx.Proven(r.TextHash, envelope.Accepted)
		return err
	})
	if err != nil {
		return nil, accepted, err
	}
	e, err = parseStored(b, r.TextHash)
	return e, accepted, err
}

// stateAll writes statements of what has been opened, and of what takes too long.
func (j *opener) stateAll() error {
	ready := j.ready()
	if len(ready) == 0 {
		return nil
	}
	var steps []step
	var done []*opening
	rows := make([]store.Row, len(ready))
	err := j.room.Store.View(func(tx *store.Tx) (err error) {
		for n, g := range ready {
			if rows[n], err = tx.Row(g.seq); err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for n, g := range ready {
		s, finished, err := j.statementOf(g, &rows[n])
		if err != nil {
			return err
		}
		if s != nil {
			steps = append(steps, s)
		}
		if finished {
			done = append(done, g)
		}
	}
	if len(steps) > 0 {
		if err := j.room.write(synced, nil, steps...); err != nil {
			return err
		}
		j.room.wakeStatements()
	}
	for _, g := range ready {
		g.consigns = g.consigns || g.verdict.Load() == nil
	}
	if len(done) > 0 {
		j.drop(done)
	}
	for _, g := range done {
		if v := g.verdict.Load(); v != nil && v.stuck == LacksType && g.loads != j.room.bundles.loads.Load() {
			j.lookAgain() // the bundle came meanwhile
			break
		}
		if v := g.verdict.Load(); v != nil && v.stuck == Heeds && j.room.Heeded(g.from) == nil {
			j.lookAgain() // the register has the revocation meanwhile
			break
		}
	}
	return nil
}

// ready is what there is to state something of. What was opened at once waits, for
// a moment, for others that arrived with it, so that their statements share a write
// and a call.
func (j *opener) ready() (ready []*opening) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now, others, patient := time.Now(), false, true
	for _, g := range j.running {
		fresh := now.Sub(g.begun) < settling
		if g.verdict.Load() != nil || g.late.Load() && !g.consigns {
			ready, patient = append(ready, g), patient && fresh
		} else {
			others = others || fresh
		}
	}
	if len(ready) > 0 && others && patient {
		time.AfterFunc(settling, func() { wake(j.room.workers.open) })
		return nil
	}
	return ready
}

// statementOf is what is to be stated of a message now, and whether that is all.
func (j *opener) statementOf(g *opening, r *store.Row) (s step, finished bool, err error) {
	v := g.verdict.Load()
	switch {
	case r.State.Ended() || r.State == "" || r.Unproven.Event == envelope.HandedOver || r.Unproven.Event == envelope.Refused:
		return nil, true, nil
	case v == nil:
		s, err = j.stateConsignment(g.seq, r.TextHash, "")
		return s, false, err
	case v.stuck != "" || v.locked:
		s, err = j.stateConsignment(g.seq, r.TextHash, v.stuck)
		return s, true, err
	case r.Unproven.Event != "":
		return nil, false, nil // stated once its consignment is proven
	}
	s, err = j.stateVerdict(r, v)
	if problem.CodeOf(err) == problem.DeskLocked {
		s, err = j.stateConsignment(g.seq, r.TextHash, "")
	}
	return s, true, err
}

// stateVerdict signs what was found, and keeps with it what it speaks of: from then on
// it will be proven sooner or later.
func (j *opener) stateVerdict(of *store.Row, v *verdict) (step, error) {
	seq, textHash := of.Seq, of.TextHash
	st := envelope.Statement{Event: envelope.HandedOver, Message: textHash}
	if v.refused != nil {
		st = envelope.Statement{Event: envelope.Refused, Message: textHash, Code: v.refused.Code}
	}
	var made store.Statement
	var wrapped []byte
	var name keys.ErasedName
	err := j.room.withRing(func(ring *keys.Locked) (err error) {
		name = nameOf(ring, of)
		wrapped = ring.Wrap(v.key, factsText(v.says), textHash)
		made, err = j.room.statement(ring, st)
		return err
	})
	if err != nil {
		return nil, err
	}
	return func(c *change) error {
		r, err := c.Row(seq)
		if err != nil || r.State.Ended() || r.Unproven.Event != "" {
			return err
		}
		if err := c.State(&r, made); err != nil {
			return err
		}
		r.Code, r.Detail = "", ""
		if v.refused != nil {
			r.Code, r.Detail = v.refused.Code, v.refused.Detail
		} else if err := c.keepFileKey(&r, wrapped, name); err != nil {
			return err
		}
		if v.lacks {
			e := c.room.Entry("names what is not held here", "message "+r.ID.String(), nil)
			e.Detail = "it answers or follows a message that this desk does not have, and may have lost: its database was put back, begun empty or damaged, or it has not read the log since it started"
			if err := c.LogBounded(e); err != nil {
				return err
			}
		}
		c.logged = append(c.logged, func() { c.room.Log.Info("message opened", "id", r.ID, "statement", made.Event, "code", r.Code) })
		if err := c.Put(&r); err != nil {
			return err
		}
		return c.weigh(seq)
	}, nil
}

// stateConsignment states that this desk keeps a message, unless it stated so, and
// shows why no more is stated; the metric beside it alarms.
func (j *opener) stateConsignment(seq int64, textHash signed.Hash, stuck string) (step, error) {
	made, err := j.room.consignment(textHash)
	if err != nil {
		return nil, err
	}
	if stuck != "" {
		j.room.Log.Error("a message can't be opened", "message", textHash, "why", stuck)
	}
	return func(c *change) error {
		r, err := c.Row(seq)
		if err != nil || r.State.Ended() {
			return err
		}
		if r.State == client.Accepted && r.Unproven.Event == "" {
			if err := c.State(&r, made); err != nil {
				return err
			}
		}
		if stuck != "" {
			r.Code, r.Detail = "", stuck
		}
		return c.Put(&r)
	}, nil
}

// applyDue writes the effects of what was handed over while the ring was locked.
func (j *opener) applyDue() error {
	for !j.room.Ring.Locked() {
		wrapped := map[signed.Hash][]byte{}
		var rows []store.Row
		err := j.room.Store.View(func(tx *store.Tx) (err error) {
			if rows, err = tx.Unapplied(maxOpened); err != nil {
				return err
			}
			for _, r := range rows {
				if wrapped[r.TextHash], err = tx.FileKey(r.TextHash); err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
			}
			return nil
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		says := j.room.unwrap(wrapped)
		if len(says) == 0 {
			return nil
		}
		var steps []step
		for _, r := range rows {
			steps = append(steps, func(c *change) error {
				r, err := c.Row(r.Seq)
				facts, ok := says[r.TextHash]
				if err != nil || !r.Unapplied || !ok {
					return err
				}
				if err := c.opened(&r, facts); err != nil {
					return err
				}
				return c.weigh(r.Seq)
			})
		}
		if err := j.room.write(synced, nil, steps...); err != nil || len(says) < len(rows) {
			return err
		}
	}
	return nil
}
