package sequencer

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"samband/gateway/auditlog"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/records"
	"samband/gateway/durable"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A write that failed halts the writer. Where the disk takes writes again, or JOURNAL
// only wants to be opened anew, it heals by itself: nothing that was answered is in doubt, and
// what is lies in JOURNAL or does not, as after a crash.

// A HaltKind is what can't be written now.
type HaltKind int

const (
	HaltJournal HaltKind = iota
	HaltRecords
	HaltIndex
	haltKinds
)

var haltNames = [haltKinds]string{"JOURNAL", "the records", "the index"}

// healPause is the first pause before another try, longestPause the longest.
const (
	healPause    = 250 * time.Millisecond
	longestPause = 10 * time.Second
	// slowAfter is how long one write may take before it is said.
	slowAfter = 5 * time.Second
	// tryBytes must find room where a heal begins.
	tryBytes = 64 << 10
)

// A halt is why something can't be written now.
type halt struct {
	kind HaltKind
	err  error
	room bool // for want of room
}

func (h *halt) Error() string {
	return fmt.Sprintf("%s can't be written; the broker goes on by itself once that succeeds: %v", haltNames[h.kind], h.err)
}

// refusal is what desks hear.
func (h *halt) refusal() error {
	if h.room {
		return problem.New(problem.StoreFull, "the broker's disk takes no writes, and even ends wait; the broker goes on by itself once it does")
	}
	return problem.New(problem.BrokerBusy, "the broker can't write %s for now; it goes on by itself", haltNames[h.kind])
}

// halt says that something can't be written now, and returns what its callers hear.
func (s *Sequencer) halt(kind HaltKind, err error) error {
	h := &halt{kind, err, s.lacksRoom(err)}
	if s.halts[kind].Swap(h) == nil {
		s.cfg.Log.Error("the broker accepts nothing for now", "why", h.Error())
	}
	return h.refusal()
}

func (s *Sequencer) healed(kind HaltKind) {
	if s.halts[kind].Swap(nil) != nil {
		s.cfg.Log.Info("writes succeed again", "of", haltNames[kind])
	}
}

// Halted says, for the operator, why something can't be written now; nil while it can. What
// is being written for long is not known to be: its callers wait.
func (s *Sequencer) Halted(kind HaltKind) error {
	if h := s.halts[kind].Load(); h != nil {
		return h
	}
	if w := s.writing.Load(); w != nil && w.kind == kind {
		if since := time.Since(w.since); since > slowAfter {
			return fmt.Errorf("%s took no write for %s, and all that was sent since waits: its disk is slow, or does not answer", haltNames[kind], since.Round(time.Second))
		}
	}
	return nil
}

// A writing is what the writer does since when: a disk that fails need not say so.
type writing struct {
	kind  HaltKind
	since time.Time
}

// ofTheSystem tells an error of the disk from one of the program, and from bytes that are not
// what was written.
func ofTheSystem(err error) bool {
	_, is := errors.AsType[syscall.Errno](err)
	return is
}

// lacksRoom tells a disk that takes no writes now from one that failed: by the error, by
// the measure, or, where neither says so (NATS gives no answer at all), by a try.
func (s *Sequencer) lacksRoom(err error) bool {
	return durable.NoRoom(err) || durable.NoRoom(s.takesWrites())
}

// takesWrites tries to write to each disk.
func (s *Sequencer) takesWrites() error {
	for _, dir := range s.cfg.Disks {
		if err := durable.TryWrite(dir, tryBytes); err != nil {
			return err
		}
	}
	return nil
}

// mustHeal reports whether JOURNAL and records must be opened anew.
func (s *Sequencer) mustHeal() bool {
	return s.halts[HaltJournal].Load() != nil || s.halts[HaltRecords].Load() != nil
}

// heal tries until JOURNAL and records are opened anew, and refuses meanwhile what comes;
// false when ctx ended before.
func (s *Sequencer) heal(ctx context.Context) bool {
	pause := healPause
	next := time.NewTimer(pause)
	defer next.Stop()
	o := s.reopening()
	for {
		for _, w := range s.rest {
			w.answered <- placed{w.place, journal.Result{Err: s.writable()}}
		}
		s.rest = nil
		select {
		case s.rest = <-s.queue:
			continue
		case <-ctx.Done():
			return false
		case <-next.C:
		}
		err := o.anew(ctx)
		if reason, stops := errors.AsType[*Stop](err); stops {
			err = s.stop(reason)
		}
		if s.Stopped() != nil { // make refuses all
			s.halts[HaltJournal].Store(nil)
			s.halts[HaltRecords].Store(nil)
			return true
		}
		if err == nil {
			s.healed(HaltJournal)
			s.healed(HaltRecords)
			return true
		}
		s.cfg.Log.Warn("JOURNAL and records are not opened anew yet", "error", err)
		pause = min(2*pause, longestPause)
		next.Reset(pause)
	}
}

// reopening is a start of a writer that runs: it has all that the records have.
func (s *Sequencer) reopening() *opening {
	return &opening{
		s: s, runs: true, indexFits: true,
		audit:    &logState{dir: s.cfg.AuditDir, key: s.cfg.AuditKey.Public, kind: auditlog.Audit, side: s.audit, tiles: s.tree},
		register: &logState{dir: s.cfg.RegisterDir, key: s.cfg.RegisterKey.Public, kind: auditlog.Register, side: s.register, tiles: s.registerTree},
	}
}

// anew opens JOURNAL and records anew, and settles what is in doubt as a start does. What
// it has settled stays so when it is tried again.
func (o *opening) anew(ctx context.Context) error {
	s := o.s
	if s.look(); s.endsWait() {
		return s.Space()
	}
	if err := s.takesWrites(); err != nil {
		return err
	}
	if err := s.indexed(ctx); err != nil {
		return err
	}
	if err := s.cfg.Journal.Reopen(ctx); err != nil {
		return err
	}
	if err := s.cfg.Archive.Reopen(); err != nil {
		if damage, is := errors.AsType[*records.Damage](err); is { // another try finds it again
			return &Stop{stopDamaged, damage.Error()}
		}
		return err
	}
	if err := o.lookAgain(ctx); err != nil {
		return err
	}
	if err := o.settle(ctx); err != nil {
		return err
	}
	if d := s.doubted; d != nil && d.group.Number > s.number {
		d.quota.GiveBack()
	}
	s.doubted = nil
	s.over.restart(s.number)
	s.grew.Store(int64(s.cfg.Clock.Elapsed()))
	if err := s.sign(); err != nil {
		return &Stop{stopFault, err.Error()}
	}
	// Only a fenced write proves that JOURNAL takes writes, and that we are alone still.
	if err := s.opened(ctx); err != nil {
		return err
	}
	s.measure(ctx)
	s.cfg.Wake(s.desks()) // whom the groups concern that were settled is not looked up
	return nil
}

// lookAgain is look for a writer that runs.
func (o *opening) lookAgain(ctx context.Context) (err error) {
	s := o.s
	o.index = s.cfg.Index.Position()
	if s.number > 0 { // else the first group of all is in doubt
		data, err := s.cfg.Archive.ReadGroup(s.number)
		if err == nil {
			o.last, err = s.decode(s.number, data)
		}
		if ofTheSystem(err) {
			return err
		}
		if err != nil {
			return &Stop{stopBent, err.Error()}
		}
	}
	o.journal, err = s.cfg.Journal.Last(ctx)
	return err
}

// indexed waits until all that was committed is in the index.
func (s *Sequencer) indexed(ctx context.Context) error {
	passed := make(chan struct{})
	select {
	case s.behind <- trailing{passed: passed}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-passed:
		return s.Ready()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Sequencer) desks() (all []signed.Address) {
	for _, d := range s.cfg.Register.Now().Desks() {
		all = append(all, d.Address)
	}
	return all
}
