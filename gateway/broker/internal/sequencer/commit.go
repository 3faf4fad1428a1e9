package sequencer

import (
	"bytes"
	"context"
	"errors"
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/problem"
)

// maxActs bounds the records of one group.
const maxActs = 4096

// A waiting act, and where its caller is answered.
type waiting struct {
	act    act
	answer chan<- answer
}

type answer struct {
	done Done
	err  error
}

// Do hands an act to the writer and waits for what comes of it. When ctx ends
// first, the act may still happen: the caller repeats it, and is told.
func (s *Sequencer) Do(ctx context.Context, a act) (Done, error) {
	if reason := s.Stopped(); reason != nil {
		return Done{}, reason.problem()
	}
	answered := make(chan answer, 1)
	select {
	case s.queue <- &waiting{a, answered}:
	case <-s.quit:
		return Done{}, problem.New(problem.BrokerBusy, "the broker is going down")
	case <-ctx.Done():
		return Done{}, ctx.Err()
	}
	select {
	case got := <-answered:
		return got.done, got.err
	case <-s.quit:
		return Done{}, problem.New(problem.BrokerBusy, "the broker is going down")
	case <-ctx.Done():
		return Done{}, ctx.Err()
	}
}

// write is the writer: it takes all that wait as one group, again and again.
func (s *Sequencer) write(ctx context.Context) {
	for {
		select {
		case first := <-s.queue:
			s.commit(ctx, first)
		case <-ctx.Done():
			return
		}
	}
}

// commit orders first and all that wait behind it, makes the group durable and
// answers.
func (s *Sequencer) commit(ctx context.Context, first *waiting) {
	start := time.Now()
	d := s.newDraft()
	var acts []*waiting
	var answers []answer
	for w, size := first, 0; w != nil; w = s.next(d, len(acts), size) {
		done, err := w.act.order(d)
		acts, answers = append(acts, w), append(answers, answer{done, err})
		size += w.act.bytes()
	}
	err := s.make(ctx, d)
	for i, w := range acts {
		if err != nil {
			answers[i] = answer{err: err}
		}
		w.answer <- answers[i]
	}
	if err == nil && !d.empty() {
		s.cfg.Metrics.committed(time.Since(start), len(acts))
	}
}

// next is one more act that waits, while the group has room for it.
func (s *Sequencer) next(d *draft, acts, size int) *waiting {
	if d.entry != nil || size >= maxWaiting || acts >= maxActs {
		return nil
	}
	select {
	case w := <-s.queue:
		return w
	default:
		return nil
	}
}

// make commits a draft: see the package comment for the order. What fails
// before JOURNAL has the group changed nothing; what fails after it stops the
// writer, for the next start finds the group and finishes it.
func (s *Sequencer) make(ctx context.Context, d *draft) error {
	if reason := s.Stopped(); reason != nil {
		return reason.problem()
	}
	if d.empty() {
		return nil
	}
	d.group.After = sizesOf(d.audit, d.registry)
	data := d.group.encode(s.cfg.MAC)
	if err := s.journal(ctx, d.group.Number, data); err != nil {
		return err
	}
	if err := s.cfg.Archive.Append(d.group.Number, d.group.payload(s.cfg.MAC)); err != nil {
		return s.stop(&Stop{StopArchive, err.Error()})
	}
	if err := s.grow(d); err != nil {
		return s.stop(&Stop{StopFault, err.Error()})
	}
	s.over.add(d.group.Number, d.changed)
	s.cache.put(&d.group, len(data))
	s.used.Add(int64(len(data)))
	s.behind.push(trailing{&d.group, d.changed, d.woken})
	return nil
}

// journal writes a group behind the last one. When JOURNAL gives no clear
// answer, what lies there decides: our own bytes are a commit, nothing is
// another try, and anything else is another writer, before whom we stop.
func (s *Sequencer) journal(ctx context.Context, number uint64, data []byte) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		_, err := s.cfg.Journal.Append(context.WithoutCancel(ctx), data, number-1)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, ErrFull):
			s.full.Store(true)
			return problem.New(problem.StoreFull, "the broker's store is full")
		}
		s.cfg.Log.Warn("JOURNAL gave no clear answer", "group", number, "error", err)
		there, readErr := s.cfg.Journal.Read(context.WithoutCancel(ctx), number)
		switch {
		case readErr == nil && bytes.Equal(there, data):
			return nil
		case readErr == nil, errors.Is(err, ErrFenced) && errors.Is(readErr, ErrGone):
			return s.stop(&Stop{StopFenced, "another writer wrote to JOURNAL"})
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return problem.New(problem.BrokerBusy, "the broker is going down")
		}
	}
}

// grow takes a committed group into register, trees and checkpoints.
func (s *Sequencer) grow(d *draft) error {
	if d.entry != nil {
		if _, err := s.cfg.Register.Append(d.entry); err != nil {
			return err
		}
	}
	s.number, s.audit, s.registry = d.group.Number, d.audit, d.registry
	if _, err := s.tree.Append(d.leaves[auditlog.Audit]...); err != nil {
		return err
	}
	if _, err := s.registryTree.Append(d.leaves[auditlog.Register]...); err != nil {
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
	if c.Register == nil || c.RegisterHead.Size != s.registry.Size() {
		c.RegisterHead = s.registry.Head(s.cfg.RegisterKey.Public.Name)
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
