package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"samband/gateway/durable"
	"samband/gateway/problem"
)

// On a full disk a person still erases, locks, unlocks and reads: beside the database lies a
// reserve, files that have their place already. Such a write takes them away if it finds no
// room, and they are made again once there is. What other desks send never comes near them:
//
//	free beside the reserve
//	24 MiB and more  everything
//	8 to 24 MiB      no message is taken in or sent; words and proofs go on
//	below            only what must work: see UpdateVital
//
// The arithmetic: a page of arrivals is at most 9 MiB and lies in the write-ahead log before
// it lies in the database, which makes 18; words and proofs of what is here already are a
// few KB each. Of the database itself the pages that erased messages left count as free
// where messages are taken in, since they are written again before the file grows.
// An erasure writes the pages of its message over with zeros: 1.4 MiB at most, in the
// log and in the database; the log is emptied at 4 MiB. So the default reserve, 16 MiB,
// takes some erasures more than one before it is emptied.
const (
	DefaultReserve = 16 << 20
	MinReserve     = 4 << 20

	takeInBytes = 24 << 20
	wordBytes   = 8 << 20
	spareFiles  = 16 // of a file system that counts its files

	// reserveFiles is into how many files the reserve is parted: a disk may have no more
	// files, and a start needs some.
	reserveFiles = 8
)

// A Room is how much the disk of a database has for it.
type Room struct {
	Free    int64 // bytes, beside the reserve
	Files   int64 // how many more files it takes; -1: it counts none
	Needed  int64 // to take in and to send
	Reserve bool  // it is there
	Full    bool  // nothing is taken in or sent

	words    bool // there is room for words and proofs
	readOnly bool
}

// space is the disk of a database.
type space struct {
	dir  string
	size int64 // of the reserve
}

func (p *space) file(n int) string { return filepath.Join(p.dir, fmt.Sprintf("reserve-%d", n)) }

// ReserveFiles are those of the reserve of a folder where a database lies.
func ReserveFiles(dir string) (paths []string) {
	for n := range reserveFiles {
		paths = append(paths, (&space{dir: dir}).file(n))
	}
	return paths
}

func (p *space) part() int64 { return p.size / reserveFiles }

// there is how many files of the reserve are there.
func (p *space) there() (n int) {
	for i := range reserveFiles {
		if info, err := os.Lstat(p.file(i)); err == nil && info.Size() == p.part() {
			n++
		}
	}
	return n
}

// look measures the disk. One that can't be measured has no room.
func (p *space) look() Room {
	r := Room{Needed: takeInBytes}
	there := p.there()
	r.Reserve = there == reserveFiles
	d, err := durable.DiskOf(p.dir)
	if err != nil || d.ReadOnly {
		r.Full, r.Files, r.readOnly = true, -1, d.ReadOnly
		return r
	}
	r.Free = max(d.Free-int64(reserveFiles-there)*p.part(), 0)
	r.Files = d.Files
	files := d.Files < 0 || d.Files >= spareFiles
	r.words = files && r.Free >= wordBytes
	r.Full = !files || r.Free < takeInBytes
	return r
}

// give takes the reserve away; false when there is none.
func (p *space) give() (given bool) {
	for i := range reserveFiles {
		given = os.Remove(p.file(i)) == nil || given
	}
	return given
}

// tight reports whether what a vital write needs may be missing.
func (p *space) tight() bool {
	d, err := durable.DiskOf(p.dir)
	return err != nil || d.Free < wordBytes || d.Files >= 0 && d.Files < spareFiles
}

// MakeReserve makes the reserve of a folder where a database will lie.
func MakeReserve(dir string, size int64) error {
	return (&space{dir, size}).make()
}

// make makes what is missing of the reserve.
func (p *space) make() error {
	for i := range reserveFiles {
		if err := durable.Reserve(p.file(i), p.part()); err != nil {
			return err
		}
	}
	return nil
}

// Room measures the disk. What erased messages left in the database counts as free.
func (s *Store) Room() Room {
	r := s.space.look()
	if r.Full && r.words {
		r.Free += s.erasedBytes()
		r.Full = r.Free < r.Needed
	}
	return r
}

// MayTakeIn refuses with DISK_FULL while no message is taken in or sent.
func (s *Store) MayTakeIn() error {
	if r := s.Room(); r.Full {
		return full(r, nil)
	}
	return nil
}

func full(r Room, err error) error {
	p := problem.New(problem.DiskFull, "%s: nothing was stored; mail waits at the broker, and all goes on by itself once there is room", r.Why())
	return errors.Join(p, durable.ErrNoRoom, err)
}

// Why says what a full disk lacks.
func (r Room) Why() string {
	what := fmt.Sprintf("has %d bytes free, and %d are needed", r.Free, r.Needed)
	switch {
	case r.readOnly:
		what = "is mounted read-only"
	case r.Files >= 0 && r.Files < spareFiles:
		what = fmt.Sprintf("takes %d more files, and %d are needed", r.Files, spareFiles)
	case r.Free >= r.Needed:
		what = "takes no writes, though it has room: a quota, or a fault"
	}
	return "the desk's disk " + what
}

// erasedBytes are those of the database's pages that nothing is in.
func (s *Store) erasedBytes() int64 {
	h, err := s.handle()
	if err != nil {
		return 0
	}
	var pages, size int64
	if err := errors.Join(h.db.QueryRow("PRAGMA freelist_count").Scan(&pages), h.db.QueryRow("PRAGMA page_size").Scan(&size)); err != nil {
		return 0
	}
	return pages * size
}

// reopenTries and reopenPause are how long a vital write waits for a database that is opened
// anew.
const (
	reopenTries = 20
	reopenPause = 100 * time.Millisecond
)

// UpdateVital is Update for what must work on a full disk: where it finds no room it takes
// the reserve away and tries again.
func (s *Store) UpdateVital(f func(*Tx) error) error {
	return s.mending(s.vital(func() *write { return &write{do: f, synced: true} }))
}

func (s *Store) vital(make func() *write) error {
	if s.space.tight() {
		s.space.give()
	}
	err := s.enqueue(make())
	if !durable.NoRoom(err) || !s.space.give() {
		return err
	}
	// A commit that failed closed the database: it is opened anew meanwhile.
	for range reopenTries {
		if err = s.enqueue(make()); !durable.NoRoom(err) {
			return err
		}
		time.Sleep(reopenPause)
	}
	return err
}

// GiveReserve takes the reserve away for what a person must write beside the database;
// false when it is gone already.
func (s *Store) GiveReserve() bool { return s.space.give() }

// Replenish makes the reserve again once there is room for it.
func (s *Store) Replenish() error {
	r := s.space.look()
	if r.Reserve || r.Full {
		return nil
	}
	return s.space.make()
}

// noRoom adds to the error of a write that its disk takes none now, if that is why: then
// the same succeeds later.
func (s *Store) noRoom(err error) error {
	e, is := errors.AsType[*sqlite.Error](err)
	if !is {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return full(s.space.look(), err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
		if durable.NoRoom(durable.TryWrite(s.space.dir, 1<<16)) {
			return full(s.space.look(), err)
		}
	}
	return err
}
