package mail

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"samband/gateway/desk/internal/keys"
	"samband/gateway/desk/internal/store"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/gateway/signed"
)

// Bounds of judging.
const (
	patience   = 10 * time.Second      // after which a message is consigned, and judged on
	judges     = 8                     // judgements at once
	settling   = 10 * time.Millisecond // in which verdicts that come together share a write
	maxJudged  = 256                   // read back from the database at once
	maxJudging = 32 << 20              // bytes of the messages that are being judged
)

// judging is where received messages are opened. While the ring is unlocked each
// is judged before this desk says anything of it, and its one word is that it is
// handed over, or refused. What can't be judged, or not in time, is consigned; a
// verdict that comes later is said once that consignment is proven.
type judging struct {
	room  *Room
	slots chan struct{}
	judge func(*envelope.Envelope, store.Fact) *verdict // Room.judge
	limit time.Duration                                 // patience

	mu      sync.Mutex
	open    map[int64]*judgement // by row
	bytes   int
	fewer   chan struct{} // closed when one is done with
	behind  int64         // rows up to here are in open, or were looked at
	recalls bool          // there may be more rows behind
	round   int           // counts recalls
}

// A judgement is of one message, from its arrival until its word is written.
type judgement struct {
	seq      int64
	size     int
	begun    time.Time
	late     atomic.Bool // it has taken longer than patience
	verdict  atomic.Pointer[verdict]
	consigns bool // the judging worker's: it said so, since the verdict was late
}

// A verdict is what this desk found a message to be.
type verdict struct {
	refused *problem.Problem
	key     seal.FileKey // of one that is neither refused nor stuck
	outcome string
	stuck   string // why it can't be judged, the fault being this desk's own
	locked  bool
}

func newJudging(m *Room) judging {
	return judging{
		room: m, slots: make(chan struct{}, judges), judge: m.judge, limit: patience,
		open: map[int64]*judgement{}, fewer: make(chan struct{}), recalls: true,
	}
}

// recall has the database read again for what waits to be judged: after the ring
// was unlocked, or a consignment proven.
func (j *judging) recall() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.behind, j.recalls = 0, true
	j.round++
	wake(j.room.workers.judge)
}

// beginAnew drops all judgements and reads the database again: after it was opened
// anew, the rows that they are of may be others.
func (j *judging) beginAnew() {
	j.mu.Lock()
	clear(j.open)
	j.bytes = 0
	j.mu.Unlock()
	j.recall()
}

// begin begins to judge a message that lies in the database.
func (j *judging) begin(seq int64, e *envelope.Envelope, accepted store.Fact) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.open[seq] != nil {
		return
	}
	g := &judgement{seq: seq, size: len(e.Sealed), begun: time.Now()}
	j.open[seq] = g
	j.bytes += g.size
	go j.run(g, e, accepted)
}

func (j *judging) run(g *judgement, e *envelope.Envelope, accepted store.Fact) {
	j.slots <- struct{}{}
	leave := sync.OnceFunc(func() { <-j.slots })
	overdue := time.AfterFunc(j.limit, func() {
		g.late.Store(true)
		leave() // one that takes its time doesn't keep up the others
		wake(j.room.workers.judge)
	})
	g.verdict.Store(j.safely(e, accepted))
	overdue.Stop()
	leave()
	wake(j.room.workers.judge)
}

// safely turns a panic into a verdict of the message that it happened in. Its value
// may quote the message; its type can't.
func (j *judging) safely(e *envelope.Envelope, accepted store.Fact) (v *verdict) {
	defer func() {
		if p := recover(); p != nil {
			j.room.Log.Error("a message could not be judged", "id", e.ID, "problem", fmt.Sprintf("panic with a %T:\n%s", p, debug.Stack()))
			v = &verdict{stuck: Unreadable}
		}
	}()
	return j.judge(e, accepted)
}

// hasRoom returns once what is being judged is within its bound.
func (j *judging) hasRoom(ctx context.Context) {
	for {
		j.mu.Lock()
		full, fewer := j.bytes > maxJudging, j.fewer
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

func (j *judging) drop(done []*judgement) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, g := range done {
		if j.open[g.seq] == g {
			delete(j.open, g.seq)
			j.bytes -= g.size
		}
	}
	close(j.fewer)
	j.fewer = make(chan struct{})
}

func (j *judging) do(context.Context) error {
	return errors.Join(j.readBack(), j.sayAll())
}

// readBack begins to judge what lies in the database unjudged, a part at a time.
// Locked, it consigns what is not consigned yet.
func (j *judging) readBack() error {
	j.mu.Lock()
	recalls, round, behind, most := j.recalls, j.round, j.behind, maxJudged-len(j.open)
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
		rows, err = tx.Unjudged(behind, locked, most)
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
			s, err := j.consigned(r.Seq, r.Text, Unreadable)
			if err != nil {
				return err
			}
			steps = append(steps, s)
		case locked:
			s, err := j.consigned(r.Seq, r.Text, "")
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
		j.room.wakeWords()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.round != round {
		return nil // recalled meanwhile
	}
	if j.recalls = len(rows) > 0; j.recalls {
		j.behind = behind
		wake(j.room.workers.judge)
	}
	return nil
}

// received reads a stored message and the proof of its acceptance.
func (m *Room) received(r *store.Row) (e *envelope.Envelope, accepted store.Fact, err error) {
	var b []byte
	err = m.Store.View(func(tx *store.Tx) (err error) {
		if b, err = tx.Envelope(r.Text); err != nil {
			return err
		}
		accepted, err = tx.Fact(r.Text, envelope.Accepted)
		return err
	})
	if err != nil {
		return nil, accepted, err
	}
	e, err = parseStored(b, r.Text)
	return e, accepted, err
}

// sayAll writes the words of what has been judged, and of what takes too long.
func (j *judging) sayAll() error {
	ready := j.ready()
	if len(ready) == 0 {
		return nil
	}
	var steps []step
	var done []*judgement
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
		s, finished, err := j.word(g, &rows[n])
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
		j.room.wakeWords()
	}
	for _, g := range ready {
		g.consigns = g.consigns || g.verdict.Load() == nil
	}
	if len(done) > 0 {
		j.drop(done)
	}
	return nil
}

// ready is what there is to say something of. What was judged at once waits, for a
// moment, for others that arrived with it, so that their words share a write and a
// call.
func (j *judging) ready() (ready []*judgement) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now, others, patient := time.Now(), false, true
	for _, g := range j.open {
		fresh := now.Sub(g.begun) < settling
		if g.verdict.Load() != nil || g.late.Load() && !g.consigns {
			ready, patient = append(ready, g), patient && fresh
		} else {
			others = others || fresh
		}
	}
	if len(ready) > 0 && others && patient {
		time.AfterFunc(settling, func() { wake(j.room.workers.judge) })
		return nil
	}
	return ready
}

// word is what is to be said of a message now, and whether that is all.
func (j *judging) word(g *judgement, r *store.Row) (s step, finished bool, err error) {
	v := g.verdict.Load()
	switch {
	case r.State.Ended() || r.State == "" || r.Word.Event == envelope.HandedOver || r.Word.Event == envelope.Refused:
		return nil, true, nil
	case v == nil:
		s, err = j.consigned(g.seq, r.Text, "")
		return s, false, err
	case v.stuck != "" || v.locked:
		s, err = j.consigned(g.seq, r.Text, v.stuck)
		return s, true, err
	case r.Word.Event != "":
		return nil, false, nil // said once its consignment is proven
	}
	s, err = j.judged(g.seq, r.Text, v)
	if problem.CodeOf(err) == problem.DeskLocked {
		s, err = j.consigned(g.seq, r.Text, "")
	}
	return s, true, err
}

// judged signs what was found, and keeps with it what it speaks of: from then on
// it will be proven sooner or later.
func (j *judging) judged(seq int64, text signed.Hash, v *verdict) (step, error) {
	said := envelope.Statement{Event: envelope.HandedOver, Message: text}
	if v.refused != nil {
		said = envelope.Statement{Event: envelope.Refused, Message: text, Code: v.refused.Code}
	}
	var word store.Word
	var wrapped []byte
	err := j.room.withRing(func(ring *keys.Locked) (err error) {
		wrapped = ring.Wrap(v.key, v.outcome, text)
		word, err = j.room.statement(ring, said)
		return err
	})
	if err != nil {
		return nil, err
	}
	return func(c *change) error {
		r, err := c.Row(seq)
		if err != nil || r.State.Ended() || r.Word.Event != "" {
			return err
		}
		r.Word, r.Code, r.Detail = word, "", ""
		if v.refused != nil {
			r.Code, r.Detail = v.refused.Code, v.refused.Detail
		} else if err := c.PutFileKey(text, wrapped); err != nil {
			return err
		}
		c.logged = append(c.logged, func() { c.room.Log.Info("message judged", "id", r.ID, "word", word.Event, "code", r.Code) })
		return c.Put(&r)
	}, nil
}

// consigned says that this desk keeps a message, unless it said so, and shows why
// no more is said; the metric beside it alarms.
func (j *judging) consigned(seq int64, text signed.Hash, stuck string) (step, error) {
	word, err := j.room.consignment(text)
	if err != nil {
		return nil, err
	}
	if stuck != "" {
		j.room.Log.Error("a message can't be judged", "message", text, "why", stuck)
	}
	return func(c *change) error {
		r, err := c.Row(seq)
		if err != nil || r.State.Ended() {
			return err
		}
		if r.State == store.Accepted && r.Word.Event == "" {
			r.Word = word
		}
		if stuck != "" {
			r.Code, r.Detail = "", stuck
		}
		return c.Put(&r)
	}, nil
}

// applyDue writes the effects of what was handed over while the ring was locked.
func (j *judging) applyDue() error {
	for !j.room.Ring.Locked() {
		wrapped := map[signed.Hash][]byte{}
		var rows []store.Row
		err := j.room.Store.View(func(tx *store.Tx) (err error) {
			if rows, err = tx.Due(maxJudged); err != nil {
				return err
			}
			for _, r := range rows {
				if wrapped[r.Text], err = tx.FileKey(r.Text); err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
			}
			return nil
		})
		if err != nil || len(rows) == 0 {
			return err
		}
		outcomes := j.room.unwrap(wrapped)
		if len(outcomes) == 0 {
			return nil
		}
		var steps []step
		for _, r := range rows {
			steps = append(steps, func(c *change) error {
				r, err := c.Row(r.Seq)
				outcome, ok := outcomes[r.Text]
				if err != nil || !r.Due || !ok {
					return err
				}
				return c.takeEffect(&r, outcome)
			})
		}
		if err := j.room.write(synced, nil, steps...); err != nil || len(outcomes) < len(rows) {
			return err
		}
	}
	return nil
}
