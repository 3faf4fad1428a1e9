package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"samband/gateway/durable"
	"samband/gateway/problem"
)

// On a full disk a person still erases, locks, unlocks and reads: beside the database lies a
// reserve, a file that has its place already. Such a write takes it away if it finds no room,
// and it is made again once there is. What other desks send never comes near it:
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
)

// Reserve is the name of the file, beside the database.
const reserveFile = "reserve"

// A Room is how much the disk of a database has for it.
type Room struct {
	Free    int64 // bytes, beside the reserve
	Needed  int64 // to take in and to send
	Reserve bool  // it is there
	Full    bool  // nothing is taken in or sent

	words bool // there is room for words and proofs
}

// space is the disk of a database.
type space struct {
	dir  string
	size int64 // of the reserve
}

func (p *space) reserve() string { return filepath.Join(p.dir, reserveFile) }

// look measures the disk. One that can't be measured has no room.
func (p *space) look() Room {
	r := Room{Needed: takeInBytes}
	info, err := os.Lstat(p.reserve())
	r.Reserve = err == nil && info.Size() == p.size
	d, err := durable.DiskOf(p.dir)
	if err != nil || d.ReadOnly {
		r.Full = true
		return r
	}
	if r.Free = d.Free; !r.Reserve {
		r.Free = max(r.Free-p.size, 0)
	}
	files := d.Files < 0 || d.Files >= spareFiles
	r.words = files && r.Free >= wordBytes
	r.Full = !files || r.Free < takeInBytes
	return r
}

// give takes the reserve away, if it is there.
func (p *space) give() bool { return os.Remove(p.reserve()) == nil }

// tight reports whether what a vital write needs may be missing.
func (p *space) tight() bool {
	d, err := durable.DiskOf(p.dir)
	return err != nil || d.Free < wordBytes || d.Files >= 0 && d.Files < spareFiles
}

// MakeReserve makes the reserve of a folder where a database will lie.
func MakeReserve(dir string, size int64) error {
	return durable.Reserve(filepath.Join(dir, reserveFile), size)
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
	p := problem.New(problem.DiskFull, "the desk's disk has %d bytes free, and %d are needed: nothing was stored; mail waits at the broker, and all goes on by itself once there is room", r.Free, r.Needed)
	return errors.Join(p, durable.ErrNoRoom, err)
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

// UpdateVital is Update for what must work on a full disk: where it finds no room it takes
// the reserve away and tries again.
func (s *Store) UpdateVital(f func(*Tx) error) error {
	return s.vital(func() *write { return &write{do: f, synced: true} })
}

func (s *Store) vital(make func() *write) error {
	if s.space.tight() {
		s.space.give()
	}
	err := s.enqueue(make())
	if durable.NoRoom(err) && s.space.give() {
		err = s.enqueue(make())
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
	if err := os.Remove(s.space.reserve()); err != nil && !errors.Is(err, fs.ErrNotExist) { // of another size
		return err
	}
	return MakeReserve(s.space.dir, s.space.size)
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
