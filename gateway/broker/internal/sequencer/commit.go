package sequencer

import (
	"bytes"
	"context"
	"errors"
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/problem"
)

// maxWaiting is how many bytes of acts the writer takes into one group.
const maxWaiting = 4 << 20

// maxActs bounds the records of one group.
const maxActs = 4096

// A waiting act, and where its caller is answered. Acts of one caller that stand
// together in the queue are answered each in its place.
type waiting struct {
	act      Act
	place    int
	answered chan<- placed
}

type placed struct {
	place  int
	result journal.Result
}

// Do hands an act to the writer and waits for what comes of it. When ctx ends
// first, the act may still happen: the caller repeats it, and is told.
func (s *Sequencer) Do(ctx context.Context, a Act) (journal.Done, error) {
	results, err := s.DoAll(ctx, a)
	if err != nil {
		return journal.Done{}, err
	}
	return results[0].Done, results[0].Err
}

// DoAll is Do for acts that are ordered one behind the other, with none of another
// caller between them. They need not come into one group: the writer ends a group
// where it is full, so that however much waits, no group passes its bound. Each is
// decided by what came of those before it.
func (s *Sequencer) DoAll(ctx context.Context, acts ...Act) ([]journal.Result, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	if len(acts) == 0 {
		return nil, nil
	}
	answered := make(chan placed, len(acts))
	together := make([]*waiting, len(acts))
	for i, a := range acts {
		together[i] = &waiting{a, i, answered}
	}
	select {
	case s.queue <- together:
	case <-s.quit:
		return nil, problem.New(problem.BrokerBusy, "the broker is going down")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	results := make([]journal.Result, len(acts))
	for range acts {
		select {
		case got := <-answered:
			results[got.place] = got.result
		case <-s.quit:
			return nil, problem.New(problem.BrokerBusy, "the broker is going down")
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return results, nil
}

// write is the writer: it takes all that wait as one group, again and again. After a
// write that failed it heals first.
func (s *Sequencer) write(ctx context.Context) {
	for {
		if s.mustHeal() && !s.heal(ctx) {
			return
		}
		if len(s.rest) == 0 {
			select {
			case s.rest = <-s.queue:
			case <-ctx.Done():
				return
			}
		}
		s.commit(ctx)
	}
}

// commit orders all that wait, makes the group durable and answers.
func (s *Sequencer) commit(ctx context.Context) {
	start := time.Now()
	s.look()
	d := s.newDraft()
	var acts []*waiting
	var results []journal.Result
	for w, size := s.next(d, 0, 0), 0; w != nil; w = s.next(d, len(acts), size) {
		done, err := w.act.order(d)
		acts, results = append(acts, w), append(results, journal.Result{Done: done, Err: err})
		size += w.act.bytes()
	}
	err := s.make(ctx, d)
	for i, w := range acts {
		if err != nil {
			results[i] = journal.Result{Err: err}
		}
		w.answered <- placed{w.place, results[i]}
	}
	if err == nil && !d.empty() {
		s.cfg.Metrics.committed(time.Since(start), len(acts))
	}
}

// next is one more act that waits, while the group has room for it.
func (s *Sequencer) next(d *groupDraft, acts, size int) *waiting {
	if d.entry != nil || size >= maxWaiting || acts >= maxActs {
		return nil
	}
	if len(s.rest) == 0 {
		select {
		case s.rest = <-s.queue:
		default:
			return nil
		}
	}
	w := s.rest[0]
	s.rest = s.rest[1:]
	return w
}

// make commits a draft: see the package comment for the order. What fails
// before JOURNAL has the group changed nothing; what fails after it halts the writer
// until it has healed, or stops it: as a start would, heal finds the group and finishes it.
func (s *Sequencer) make(ctx context.Context, d *groupDraft) error {
	if err := s.writable(); err != nil {
		d.quota.GiveBack()
		return err
	}
	if d.empty() {
		return nil
	}
	return s.put(ctx, d)
}

// put is make for a writer that may be healing.
func (s *Sequencer) put(ctx context.Context, d *groupDraft) error {
	d.group.After = sizesOf(d.audit, d.register)
	data := d.group.Encode(s.cfg.MAC)
	if err := s.journal(ctx, d.group.Number, data); err != nil {
		switch {
		case s.mustHeal():
			s.doubted = d
		case problem.CodeOf(err) == problem.StoreFull: // else it may have been written
			d.quota.GiveBack()
		}
		return err
	}
	switch err := s.cfg.Archive.Append(d.group.Number, d.group.Payload(s.cfg.MAC)); {
	case err != nil && s.lacksRoom(err):
		s.doubted = d
		return s.halt(HaltRecords, err)
	case err != nil:
		return s.stop(&Stop{stopArchive, err.Error()})
	}
	if err := s.grow(d); err != nil {
		return s.stop(&Stop{stopFault, err.Error()})
	}
	s.over.add(d.group.Number, d.changed)
	s.cache.put(&d.group, len(data))
	s.used.Add(int64(len(data)))
	return s.trail(trailing{group: &d.group, bytes: min(int64(len(data)), maxBehindBytes), changed: d.changed, woken: d.woken})
}

// trail hands a committed group to the applier, and waits while too much trails.
func (s *Sequencer) trail(t trailing) error {
	if err := s.behindRoom.Acquire(context.Background(), t.bytes); err != nil {
		return err
	}
	s.behind <- t
	return nil
}

// unclearAnswers is how many there may be of one group before JOURNAL is opened anew: each
// may have taken ten seconds.
const unclearAnswers = 3

// journal writes a group behind the last one. When JOURNAL gives no clear
// answer, what lies there decides: our own bytes are a commit, nothing is
// another try, and anything else is another writer, before whom we stop. Where the disk
// takes no writes, or another try helps no more, JOURNAL must be opened anew.
func (s *Sequencer) journal(ctx context.Context, number uint64, data []byte) error {
	for unclear, pause := 1, 50*time.Millisecond; ; unclear, pause = unclear+1, min(2*pause, 2*time.Second) {
		_, err := s.cfg.Journal.Append(context.WithoutCancel(ctx), data, number-1)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, journal.ErrFull):
			s.full.Store(true)
			return s.Room()
		}
		s.cfg.Log.Warn("JOURNAL gave no clear answer", "group", number, "error", err)
		there, readErr := s.cfg.Journal.Read(context.WithoutCancel(ctx), number)
		switch {
		case readErr == nil && bytes.Equal(there, data):
			return nil
		case readErr == nil, errors.Is(err, journal.ErrFenced) && errors.Is(readErr, journal.ErrGone):
			return s.stop(&Stop{stopFenced, "another writer wrote to JOURNAL"})
		case unclear == unclearAnswers || s.lacksRoom(err):
			return s.halt(HaltJournal, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return problem.New(problem.BrokerBusy, "the broker is going down")
		}
	}
}

// grow takes a committed group into register, trees and checkpoints.
func (s *Sequencer) grow(d *groupDraft) error {
	if d.entry != nil {
		if _, err := s.cfg.Register.Append(d.entry); err != nil {
			return err
		}
	}
	if !d.restart.IsZero() {
		s.cfg.Log.Warn("the founders let logged time go on from an earlier moment", "was", s.clock.now(), "from", d.restart)
		s.clock.restart(d.restart)
	}
	s.number, s.audit, s.register = d.group.Number, d.audit, d.register
	if len(d.leaves[auditlog.Audit]) > 0 {
		s.grew.Store(int64(s.cfg.Clock.Elapsed()))
	}
	if _, err := s.tree.Append(d.leaves[auditlog.Audit]...); err != nil {
		return err
	}
	if _, err := s.registerTree.Append(d.leaves[auditlog.Register]...); err != nil {
		return err
	}
	return s.sign()
}

// sign makes a checkpoint of each log that moved.
func (s *Sequencer) sign() (err error) {
	c := s.Checkpoints()
	c.number = s.number
	if c.Audit == nil || c.AuditHead.Size != s.audit.Size() {
		c.AuditHead = s.audit.Head(s.cfg.AuditKey.Public.Name)
		if c.Audit, err = auditlog.SignCheckpoint(c.AuditHead, s.cfg.AuditKey); err != nil {
			return err
		}
	}
	if c.Register == nil || c.RegisterHead.Size != s.register.Size() {
		c.RegisterHead = s.register.Head(s.cfg.RegisterKey.Public.Name)
		if c.Register, err = auditlog.SignCheckpoint(c.RegisterHead, s.cfg.RegisterKey); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkpoints = c
	s.recent.note(c.AuditHead)
	return nil
}
