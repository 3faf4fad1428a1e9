package sequencer

import (
	"fmt"

	"samband/gateway/durable"
	"samband/gateway/problem"
)

// Free disk decides what is taken, on each file system that the data lies on. It is measured
// before each group, so no writer runs past it between two looks: a group is bounded.
//
//	free bytes      taken
//	above reserve   everything
//	above reserve/4 ends: statements about what was accepted, expiry, lapses, register entries
//	below           nothing: the rest is what the broker needs itself to bring the index and
//	                the tiles up to the log, and to rewrite the files of JOURNAL
//
// The default reserve is a sixteenth of the smallest of them, from 32 MiB to 1 GiB. Of 1 GiB
// ends may use 768 MiB: at some 4 KB for both words about a message, with their share of
// index, log and tiles, 190,000 messages end in it, and each frees its envelope. What stays,
// 256 MiB, is eight times the index's write-ahead log (32 MB); of 32 MiB it is two of the
// largest groups.

// reserveShare, minReserve and maxReserve are the default reserve.
const (
	reserveShare = 16
	minReserve   = 32 << 20
	maxReserve   = 1 << 30
	// floorShare of the reserve is not even for ends.
	floorShare = 4
	// A file system that counts its files must take so many more: tiles are files of their
	// own, three for some 256 records, and until one is full its parts are too.
	reserveFiles = 1024
	floorFiles   = 256
)

// A shortage says which disk lacks room, and whether even ends must wait.
type shortage struct {
	why  string // for the operator
	ends bool
}

func (s *shortage) Error() string { return s.why }
func (s *shortage) Unwrap() error { return durable.ErrNoRoom }

// look measures the disks. A folder that can't be measured has no room.
func (s *Sequencer) look() {
	var short *shortage
	for _, dir := range s.cfg.Disks {
		d, err := durable.DiskOf(dir)
		next := s.measured(dir, d)
		if err != nil {
			next = &shortage{err.Error(), true}
		}
		if next != nil && (short == nil || next.ends && !short.ends) {
			short = next
		}
	}
	s.space.Store(short)
}

func (s *Sequencer) measured(dir string, d durable.Disk) *shortage {
	reserve := s.reserve(d)
	floor := reserve / floorShare
	switch {
	case d.ReadOnly:
		return &shortage{fmt.Sprintf("the disk of %s is mounted read-only", dir), true}
	case d.Free < floor:
		return &shortage{fmt.Sprintf("the disk of %s has %d bytes left: with less than %d even ends wait", dir, d.Free, floor), true}
	case d.Files >= 0 && d.Files < floorFiles:
		return &shortage{fmt.Sprintf("the disk of %s takes %d more files: with less than %d even ends wait", dir, d.Files, floorFiles), true}
	case d.Free < reserve:
		return &shortage{fmt.Sprintf("the disk of %s has %d bytes left: the last %d are for ends", dir, d.Free, reserve), false}
	case d.Files >= 0 && d.Files < reserveFiles:
		return &shortage{fmt.Sprintf("the disk of %s takes %d more files: the last %d are for ends", dir, d.Files, reserveFiles), false}
	}
	return nil
}

// reserve is that of a disk.
func (s *Sequencer) reserve(d durable.Disk) int64 {
	if s.cfg.Reserve > 0 {
		return s.cfg.Reserve
	}
	return min(max(d.Total/reserveShare, minReserve), maxReserve)
}

// Disk is the disk that has least above its reserve: what is free of it, and the reserve.
func (s *Sequencer) Disk() (free, reserve int64, err error) {
	for n, dir := range s.cfg.Disks {
		d, err := durable.DiskOf(dir)
		if err != nil {
			return 0, 0, err
		}
		if r := s.reserve(d); n == 0 || d.Free-r < free-reserve {
			free, reserve = d.Free, r
		}
	}
	return free, reserve, nil
}

// Space says, for the operator, which disk lacks room; nil while none does.
func (s *Sequencer) Space() error {
	if short := s.space.Load(); short != nil {
		return short
	}
	return nil
}

// endsWait reports whether there is no room even for ends.
func (s *Sequencer) endsWait() bool {
	short := s.space.Load()
	return short != nil && short.ends
}

// Accepting says, for the operator, why nothing new is taken; nil while it is.
func (s *Sequencer) Accepting() error {
	if reason := s.Stopped(); reason != nil {
		return reason
	}
	if err := s.Timed(); err != nil {
		return err
	}
	for kind := range haltKinds {
		if err := s.Halted(kind); err != nil {
			return err
		}
	}
	if err := s.Space(); err != nil {
		return err
	}
	return s.Room()
}

// Room refuses with STORE_FULL while only ends are taken: they free what JOURNAL keeps,
// so there must always be room for them.
func (s *Sequencer) Room() error {
	if s.full.Load() || s.used.Load() > s.limit.Load()/5*4 {
		return problem.New(problem.StoreFull, "JOURNAL is above four fifths of its limit; ends still pass")
	}
	return s.diskRoom()
}

// diskRoom is Room of the disks alone: the writer asks it once more, for it may have gone
// while an act waited. JOURNAL refuses by itself.
func (s *Sequencer) diskRoom() error {
	if s.space.Load() != nil {
		return problem.New(problem.StoreFull, "the broker's disk is near its end; what is left is for ends")
	}
	return nil
}

// writable refuses while nothing is ordered, not even an end: once the writer has stopped,
// and while it can't write.
func (s *Sequencer) writable() error {
	if err := s.Ready(); err != nil {
		return err
	}
	for kind := range haltKinds {
		if h := s.halts[kind].Load(); h != nil {
			return h.refusal()
		}
	}
	if s.endsWait() {
		return problem.New(problem.StoreFull, "the broker's disk is full, and even ends wait; the broker goes on by itself once there is room")
	}
	return nil
}
