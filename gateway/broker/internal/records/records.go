// Package records is the broker's archive of records: append-only segment files
// beside the JOURNAL, so that what was acknowledged survives even what NATS loses.
//
// Each group of the JOURNAL is one frame here, its records as opaque bytes under
// the group's number. Append returns when the frame is on the disk; only then may
// anyone be answered:
//
//	a, err := records.Open("data/records")
//	if a.Cut() > 0 { … }                    // a crash tore the last frame off
//	err = a.Append(42, payload)
//	err = a.Each(40, func(group uint64, payload []byte) error { … })
//
// A frame is
//
//	magic 4 │ length 4 │ group 8 │ CRC-32C of these 16 │ CRC-32C of payload │ payload
//
// in big-endian numbers. The folder has 00000000000000000001.records and so on,
// each named by its first group and closed at about 64 MiB.
//
// A crash can tear only the last frame of the last segment, for every frame before
// it was synced; so that one is cut off when it doesn't fit. Whatever else doesn't
// fit is damage: a [Damage] names the place, and nothing is cut.
package records

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"samband/gateway/durable"
)

// segmentBytes is the size from which on a new segment is begun.
const segmentBytes = 64 << 20

var (
	// errPoisoned: a write failed, so what is on the disk is unknown until the
	// archive is opened again.
	errPoisoned = errors.New("archive must be opened again after a failed write")
	// errNoGroup: the archive has no frame of this group.
	errNoGroup = errors.New("no such group in the archive")
)

// An Archive is an open folder of segments: one writer, any number of readers.
type Archive struct {
	dir   string
	lock  *os.File
	cut   int64
	right bool

	// roll is segmentBytes, or less in tests.
	roll int64

	// mu guards what follows. Readers copy the segments and then read without it:
	// what was synced never changes.
	mu       sync.Mutex
	segments []segment
	file     *os.File // the last segment, nil before the first Append
	last     uint64
	poison   error
	closed   bool
	frame    []byte // reused by Append
}

// Open locks the folder: a second process would take a write in progress for a torn
// end and cut it off. It makes the folder if it is missing, checks the
// last segment frame by frame, cuts off a torn end, and writes the last frame anew. An
// archive that is damaged there opens too, to be read: see Damaged. Errors:
// [durable.ErrLocked] and those of the disk.
func Open(dir string) (*Archive, error) {
	lock, err := durable.LockDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open archive %q: %w", dir, err)
	}
	a := &Archive{dir: dir, lock: lock, roll: segmentBytes}
	err = a.load()
	if _, damaged := errors.AsType[*Damage](err); damaged {
		a.poison = err
		return a, nil
	}
	if err != nil {
		a.Close()
		return nil, fmt.Errorf("open archive %q: %w", dir, err)
	}
	return a, nil
}

// Damaged is the [*Damage] that Open met in the last segment; nil for none. Nothing is appended
// behind it; [Mend] joins what is whole.
func (a *Archive) Damaged() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if damage, is := errors.AsType[*Damage](a.poison); is {
		return damage
	}
	return nil
}

// Starts are the first groups of all segments, in order: where reading may begin.
func (a *Archive) Starts() (firsts []uint64) {
	for _, s := range a.snapshot() {
		firsts = append(firsts, s.first)
	}
	return firsts
}

// load finds the segments and the end of the last.
func (a *Archive) load() (err error) {
	if a.segments, err = listSegments(a.dir); err != nil || len(a.segments) == 0 {
		return err
	}
	a.last, err = a.newest().lastGroup(a.dir)
	if damage, is := errors.AsType[*Damage](err); is {
		err = a.cutTornEnd(damage)
	}
	if err != nil || len(a.segments) == 0 {
		return err
	}
	if a.last == 0 { // the newest segment had no whole frame and is gone
		if a.last, err = a.newest().lastGroup(a.dir); err != nil {
			return err
		}
	}
	path := filepath.Join(a.dir, a.newest().name())
	// The last frame may be one whose sync failed, and that only memory has: see
	// durable.Rewrite. Every frame before it was synced, or nothing had been appended to it.
	if err := durable.Rewrite(path, max(0, a.newest().size-maxFrame)); err != nil {
		return err
	}
	a.file, err = os.OpenFile(path, os.O_WRONLY, 0)
	return err
}

// Reopen reads the folder anew after a write that failed, so that Append takes the next.
// What was not synced is cut off first: the disk need not have what reads back from
// memory. An archive that is closed stays so.
func (a *Archive) Reopen() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fmt.Errorf("open archive %q anew: %w", a.dir, os.ErrClosed)
	}
	if err := a.reload(); err != nil {
		return fmt.Errorf("open archive %q anew: %w", a.dir, err)
	}
	a.poison = nil
	return nil
}

func (a *Archive) reload() error {
	if a.file != nil {
		a.file.Close()
		a.file = nil
	}
	if n := len(a.segments); n > 0 && a.newest().size > 0 {
		if err := truncate(filepath.Join(a.dir, a.newest().name()), a.newest().size); err != nil {
			return err
		}
	}
	before := slices.Clone(a.segments)
	a.last, a.cut = 0, 0
	err := a.load()
	if err != nil {
		a.segments = before // readers go on with what was synced
	}
	return err
}

func (a *Archive) newest() *segment { return &a.segments[len(a.segments)-1] }

// Cut returns how many bytes of a torn frame Open cut off.
func (a *Archive) Cut() int64 { return a.cut }

// PutRight reports whether Open put right one wrong bit of the last frame.
func (a *Archive) PutRight() bool { return a.right }

// Append writes one group and returns when it is on the disk. Groups come in
// rising order, not necessarily without gaps; a payload has at most [maxPayload]
// bytes. After an error of the disk all further calls give [errPoisoned], until Reopen.
func (a *Archive) Append(group uint64, payload []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.poison != nil {
		return fmt.Errorf("append group %d: %w: %w", group, errPoisoned, a.poison)
	}
	if group <= a.last {
		return fmt.Errorf("append group %d: archive ends with group %d", group, a.last)
	}
	if len(payload) > maxPayload {
		return fmt.Errorf("append group %d: %d bytes are more than %d", group, len(payload), maxPayload)
	}
	if err := a.write(group, payload); err != nil {
		a.poison = err
		return fmt.Errorf("append group %d: %w", group, err)
	}
	return nil
}

func (a *Archive) write(group uint64, payload []byte) error {
	if a.file == nil || a.newest().size >= a.roll {
		if err := a.begin(group); err != nil {
			return err
		}
	}
	s := a.newest()
	a.frame = appendFrame(a.frame[:0], group, payload)
	if _, err := a.file.WriteAt(a.frame, s.size); err != nil {
		return err
	}
	if err := a.file.Sync(); err != nil {
		return err
	}
	s.size += int64(len(a.frame))
	a.last = group
	return nil
}

// begin opens the segment whose first group comes next. A crash after it leaves an
// empty segment, which Open removes.
func (a *Archive) begin(group uint64) error {
	s := segment{first: group}
	f, err := os.OpenFile(filepath.Join(a.dir, s.name()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), durable.SyncDir(a.dir)); err != nil {
		f.Close()
		return err
	}
	if a.file != nil {
		a.file.Close()
	}
	a.file = f
	a.segments = append(a.segments, s)
	return nil
}

// snapshot returns the segments that have a group. The newest has none if the
// write that began it failed.
func (a *Archive) snapshot() []segment {
	a.mu.Lock()
	defer a.mu.Unlock()
	segments := slices.Clone(a.segments)
	if n := len(segments); n > 0 && segments[n-1].size == 0 {
		return segments[:n-1]
	}
	return segments
}

// Close gives the folder free. What Append returned from is on the disk with or
// without it.
func (a *Archive) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.poison, a.closed = os.ErrClosed, true
	var err error
	if a.file != nil {
		err = a.file.Close()
		a.file = nil
	}
	return errors.Join(err, a.lock.Close())
}
