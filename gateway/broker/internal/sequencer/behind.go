package sequencer

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"samband/gateway/auditlog/tree"
	"samband/gateway/broker/internal/index"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/signed"
)

const (
	// maxBehind is how many groups, and maxBehindBytes how many bytes of them, the index may
	// trail the writer before the writer waits for it.
	maxBehind      = 512
	maxBehindBytes = 32 << 20
	// busy is how many records a group has when many callers wait; the applier
	// then lingers for more groups, since one large batch costs the index far less
	// than many small ones. A quiet broker wakes desks at once.
	busy   = 8
	linger = 2 * time.Millisecond
	// flushEvery is how long leaves may wait for their tiles: with the time that
	// writing takes, less than a second.
	flushEvery = 500 * time.Millisecond
	// lookEvery is how often the broker looks for what time has ended.
	lookEvery = time.Second
	// quietFor is how long the audit log may have stood still when the broker writes that
	// it is at work: well within the hour after which desks notice (SPEC §7.1).
	quietFor = 50 * time.Minute
	// atOnce bounds what is ended, forgotten or removed in one round.
	atOnce = 256
)

// A trailing group is committed, and answered, and not yet in the index.
type trailing struct {
	group   *journal.Group
	bytes   int64 // of the group, encoded
	changed delta
	woken   map[signed.Address]bool
	passed  chan<- struct{} // of none: closed once all before it is in the index
}

// Run writes until ctx ends, and returns when all that was committed is in the
// index and in the tiles. A writer that stopped at its start does nothing.
func (s *Sequencer) Run(ctx context.Context) {
	if s.tree == nil {
		<-ctx.Done()
		close(s.quit)
		return
	}
	var writer, applier, keeper sync.WaitGroup
	writer.Go(func() { s.write(ctx) })
	applier.Go(s.apply)
	keeper.Go(func() { s.keep(ctx) })
	writer.Wait()
	close(s.quit)
	close(s.behind)
	applier.Wait()
	keeper.Wait()
	s.flush(false)
}

// apply is the applier: it brings the index up to the writer, then wakes those
// who have something to read.
func (s *Sequencer) apply() {
	for first := range s.behind {
		behind := s.more([]trailing{first})
		if last := behind[len(behind)-1].group; last != nil && len(last.Entries) >= busy {
			time.Sleep(linger)
			behind = s.more(behind)
		}
		var groups []*journal.Group
		woken := map[signed.Address]bool{}
		for _, t := range behind {
			if t.group != nil {
				groups = append(groups, t.group)
			}
			maps.Copy(woken, t.woken)
		}
		if !s.applied(groups) {
			s.pass(behind)
			for t := range s.behind { // so that the writer, which commits no more, never waits
				s.pass([]trailing{t})
			}
			return
		}
		for _, t := range behind {
			if t.group != nil {
				s.over.drop(t.group.Number, t.changed)
			}
		}
		s.pass(behind)
		if len(woken) > 0 {
			s.cfg.Wake(slices.Collect(maps.Keys(woken)))
		}
	}
}

// pass is done with what trailed, and tells whoever waits for that.
func (s *Sequencer) pass(behind []trailing) {
	for _, t := range behind {
		s.behindRoom.Release(t.bytes)
		if t.passed != nil {
			close(t.passed)
		}
	}
}

// applied brings groups into the index. What passes is waited out, and nothing is accepted
// meanwhile: a disk that takes no writes or fails, or another process that has locked the index
// for longer than each try waits. It is false when the index never takes them, or the broker
// ends, whose next start brings them in.
func (s *Sequencer) applied(groups []*journal.Group) bool {
	again := false
	for pause := healPause; len(groups) > 0; pause = min(2*pause, longestPause) {
		err := s.cfg.Index.Apply(groups)
		if err == nil {
			s.healed(HaltIndex)
			break
		}
		if again && !s.lacksRoom(err) && !index.Passes(err) {
			s.stop(&Stop{stopIndex, err.Error()})
			s.halts[HaltIndex].Store(nil)
			return false
		}
		again = true
		s.halt(HaltIndex, err)
		select {
		case <-time.After(pause):
		case <-s.quit:
			return false
		}
	}
	return true
}

// more adds the groups that have come since: the applier alone takes them.
func (s *Sequencer) more(behind []trailing) []trailing {
	for range len(s.behind) {
		behind = append(behind, <-s.behind)
	}
	return behind
}

// keep does what is done by the clock: tiles, groups that may go, what time ended,
// and a word where nothing happened.
func (s *Sequencer) keep(ctx context.Context) {
	flush, look := time.NewTicker(flushEvery), time.NewTicker(lookEvery)
	defer flush.Stop()
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-flush.C:
			s.clean(ctx, s.flush(false))
		case <-look.C:
			s.look()
			s.tree.Scrub()
			s.registerTree.Scrub()
			s.alarms.writeAgain()
			s.expire(ctx)
			s.hum(ctx)
		}
	}
}

// flush writes tiles, then the checkpoints that name them, and returns the last
// group whose leaves are in them. Unless it must, it leaves a log alone whose
// checkpoint is on the disk.
func (s *Sequencer) flush(must bool) (upTo uint64) {
	c := s.Checkpoints()
	for _, log := range []struct {
		tree       *tree.Tree
		head       signed.Head
		checkpoint []byte
	}{{s.tree, c.AuditHead, c.Audit}, {s.registerTree, c.RegisterHead, c.Register}} {
		if log.tree.Flushed() == log.head && !must {
			continue
		}
		err := log.tree.Flush(log.checkpoint)
		s.tiles.Store(&err)
		if err != nil {
			if !s.lacksRoom(err) {
				s.alarms.raise(Alarm{Kind: alarmTiles, Detail: err.Error()})
			}
			s.cfg.Log.Error("tiles can't be written; the log goes on without them", "error", err)
			return 0
		}
	}
	s.alarms.settle("tiles that were written", func(x *Alarm) bool { return x.Kind == alarmTiles })
	return c.number
}

// clean removes groups from JOURNAL of which nobody needs an envelope any more
// and whose records are archived, indexed and tiled.
func (s *Sequencer) clean(ctx context.Context, tiled uint64) {
	if s.Stopped() != nil || s.mustHeal() {
		return
	}
	if err := s.remove(ctx, tiled); err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("groups stay in JOURNAL for now", "error", err)
	}
	s.measure(ctx)
}

// remove removes groups. Where one stays JOURNAL may take no writes any more, which the next
// group would be the first to meet: it is opened anew, once, until all go again.
func (s *Sequencer) remove(ctx context.Context, tiled uint64) error {
	groups, err := s.cfg.Index.Removable(atOnce)
	if err != nil {
		return err
	}
	groups = slices.DeleteFunc(groups, func(n uint64) bool { return n > tiled })
	if len(groups) == 0 {
		return nil
	}
	var errs []error
	var gone []uint64
	defer func() { s.undeleted = len(gone) < len(groups) }()
	for _, n := range groups {
		if err := s.cfg.Journal.Delete(ctx, n); err != nil {
			errs = append(errs, err) // it keeps up no other
			continue
		}
		s.cache.drop(n)
		gone = append(gone, n)
	}
	if len(errs) > 0 && !s.undeleted && ctx.Err() == nil {
		s.halt(HaltJournal, errors.Join(errs...))
		select {
		case s.unwell <- struct{}{}:
		default:
		}
	}
	return errors.Join(append(errs, s.cfg.Index.Gone(gone...))...)
}

// measure asks JOURNAL how full it is. What the writer adds meanwhile counts
// twice until the next time, rather than not at all.
func (s *Sequencer) measure(ctx context.Context) {
	before := s.used.Load()
	used, limit, err := s.cfg.Journal.Usage(ctx)
	if err != nil {
		return
	}
	s.used.Add(used - before)
	s.limit.Store(limit)
	s.full.Store(false)
}

// hum writes that the broker is at work, where the audit log has stood still.
func (s *Sequencer) hum(ctx context.Context) {
	if s.writable() != nil || !s.isQuiet() {
		return
	}
	if _, err := s.Do(ctx, quiet{}); err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("the audit log stands still for now", "error", err)
	}
}

// isQuiet goes by time that passed, not by a clock that may be set.
func (s *Sequencer) isQuiet() bool {
	return s.cfg.Clock.Elapsed()-time.Duration(s.grew.Load()) >= quietFor
}

// expire ends messages that nobody consigned in time, or that nobody ended long after
// it, and forgets what binds nobody any more, while the clock is sure.
func (s *Sequencer) expire(ctx context.Context) {
	if s.writable() != nil || s.InDoubt() {
		return
	}
	now := s.Now()
	expired, err := s.cfg.Index.Expirable(now, atOnce)
	lapsed, lapseErr := s.cfg.Index.Lapsable(now, atOnce)
	if err := errors.Join(err, lapseErr, s.cfg.Index.Forget(now, atOnce)); err != nil {
		s.cfg.Log.Warn("messages expire later", "error", err)
	}
	var all sync.WaitGroup
	for _, text := range slices.Concat(expired, lapsed) {
		all.Go(func() {
			if done, err := s.Do(ctx, timeout{text}); err == nil && done.Event != nil {
				s.cfg.TimedOut(done.Message)
			}
		})
	}
	all.Wait()
}
