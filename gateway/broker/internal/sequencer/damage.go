package sequencer

import (
	"errors"
	"fmt"
	"iter"
	"sort"

	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
	"samband/gateway/broker/internal/journal"
	"samband/gateway/broker/internal/records"
	"samband/gateway/signed"
)

// Files that nobody writes any more lose bits. Tiles are made anew from the records, when they
// are met and by a scrub. What the records have lost themselves can't be proven: it is passed
// over and said, and comes once it can be.

// ErrDamaged says that what lies in the broker's files is not what it wrote, and that nothing
// gives it again while the broker runs.
var ErrDamaged = errors.New("the broker's files are damaged")

// damaged marks an error as ErrDamaged, where it is one of what lies on the disk.
func damaged(err error) error {
	_, tiles := errors.AsType[*auditlog.Damage](err)
	_, frames := errors.AsType[*records.Damage](err)
	if tiles || frames {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// mendTiles has both logs' trees mend themselves from the records.
func (s *Sequencer) mendTiles() {
	for kind, t := range map[auditlog.Tree]*tree.Tree{auditlog.Audit: s.tree, auditlog.Register: s.registerTree} {
		t.MendFrom(tree.Mend{
			Entries: func(from, to int64) iter.Seq2[[]byte, error] { return s.entries(kind, from, to) },
			Told:    func(d *auditlog.Damage, err error) { s.tileDamaged(t.Head().Origin, d, err) },
		})
	}
}

// tileDamaged raises the alarm that names a file.
func (s *Sequencer) tileDamaged(log string, d *auditlog.Damage, err error) {
	what := fmt.Sprintf("%s, %v", log, d)
	if err != nil {
		s.alarms.raise(Alarm{Kind: alarmTileDamaged, Detail: fmt.Sprintf("%s; it can't be made anew: %v", what, err)})
		s.cfg.Log.Error("a file of a log is damaged and can't be made anew", "log", log, "file", d.File, "what", d.What, "error", err)
		return
	}
	s.alarms.raise(Alarm{Kind: alarmTileDamaged, Detail: what + "; it is made anew from the records"})
	s.cfg.Log.Warn("a file of a log was damaged and is made anew from the records", "log", log, "file", d.File, "what", d.What)
}

// entries reads a log's entries from the records, from one index to before another.
func (s *Sequencer) entries(kind auditlog.Tree, from, to int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		start, err := s.groupBefore(kind, from)
		if err == nil {
			err = s.cfg.Archive.Each(start, func(number uint64, payload []byte) error {
				g, err := s.decode(number, payload)
				if err != nil {
					return err
				}
				for i := range g.Entries {
					e := &g.Entries[i]
					switch {
					case e.Record.Tree() != kind || e.Record.Index < from:
					case e.Record.Index >= to || !yield(e.Leaf(), nil):
						return errEnough
					}
				}
				if sizeOf(kind, g.After).Entries >= to {
					return errEnough
				}
				return nil
			})
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

var errEnough = errors.New("enough")

func sizeOf(kind auditlog.Tree, s journal.Sizes) journal.Size {
	if kind == auditlog.Register {
		return s.Register
	}
	return s.Audit
}

// groupBefore is the first group of the last segment that begins at an entry or before it.
func (s *Sequencer) groupBefore(kind auditlog.Tree, entry int64) (first uint64, err error) {
	starts := s.cfg.Archive.Starts()
	after := sort.Search(len(starts), func(i int) bool {
		data, fault := s.cfg.Archive.ReadGroup(starts[i])
		var g *journal.Group
		if fault == nil {
			g, fault = s.decode(starts[i], data)
		}
		if fault != nil {
			err = errors.Join(err, fault)
			return true // look before it
		}
		return sizeOf(kind, g.Before).Entries > entry
	})
	if after == 0 {
		return 1, err
	}
	return starts[after-1], nil
}

// Unproven says that an event that concerns a desk can't be shown: its leaf, and why. The alarm
// stands over restarts, so that the desk is told once it can be; see Untold.
func (s *Sequencer) Unproven(desk signed.Address, leaf int64, why error) {
	s.alarms.raise(Alarm{Kind: alarmUnproven, Desk: desk, Leaf: leaf,
		Detail: fmt.Sprintf("entry %d of the log can't be shown to the desk, which gets all else: %v", leaf, why)})
}

// Untold is the first leaf that a desk was not told of, for want of a proof; false for none.
func (s *Sequencer) Untold(desk signed.Address) (leaf int64, is bool) {
	s.alarms.mu.Lock()
	defer s.alarms.mu.Unlock()
	if at := s.alarms.find(alarmUnproven, desk); at >= 0 {
		return s.alarms.all[at].Leaf, true
	}
	return 0, false
}
