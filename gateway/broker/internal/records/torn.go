package records

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"

	"samband/gateway/durable"
)

// cutTornEnd shortens the newest segment to its last whole frame, if a crash can
// have left what follows, and removes it if no frame is left; else it hands back
// the damage. Interrupted, it is done again by the next Open.
func (a *Archive) cutTornEnd(damage *Damage) error {
	s := a.newest()
	path := filepath.Join(a.dir, s.name())
	rest, err := readEnd(path, damage.Offset, s.size)
	if err != nil {
		return err
	}
	if len(rest) > maxFrame || !isTorn(rest) {
		return damage
	}
	if frame := putRight(rest); frame != nil && len(frame) == len(rest) && len(rest) <= mostRight {
		a.right = true
		if err := overwrite(path, frame, damage.Offset); err != nil {
			return err
		}
		a.last, err = s.lastGroup(a.dir)
		return err
	}
	a.cut = int64(len(rest))
	s.size = damage.Offset
	if s.size > 0 {
		return truncate(path, s.size)
	}
	a.segments = a.segments[:len(a.segments)-1]
	return errors.Join(os.Remove(path), durable.SyncDir(a.dir))
}

// readEnd reads the bytes of a file from one offset to another, and one byte more
// than a frame at most.
func readEnd(path string, from, to int64) ([]byte, error) {
	f, err := durable.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rest := make([]byte, min(to-from, maxFrame+1))
	_, err = f.ReadAt(rest, from)
	return rest, err
}

// isTorn says whether rest, the bytes after the last whole frame, can be one frame
// whose write a crash cut off. A true header says where its frame would have ended;
// without one, a whole frame further on shows that more was written here than one.
func isTorn(rest []byte) bool {
	if len(rest) >= headerSize {
		if h, fault := parseHeader(rest); fault == "" {
			end := headerSize + int(h.length)
			return end > len(rest) || end == len(rest) && !isWhole(rest)
		}
	}
	mark := binary.BigEndian.AppendUint32(nil, magic)
	for len(rest) > 0 {
		at := bytes.Index(rest[1:], mark)
		if at < 0 {
			return true
		}
		rest = rest[1+at:]
		if isWhole(rest) {
			return false
		}
	}
	return true
}

// isWhole says whether b begins with a frame that fits in header and payload.
func isWhole(b []byte) bool {
	if len(b) < headerSize {
		return false
	}
	h, fault := parseHeader(b)
	end := headerSize + int(h.length)
	return fault == "" && end <= len(b) && crc32.Checksum(b[headerSize:end], castagnoli) == h.sum
}

// overwrite puts a frame in the place of one.
func overwrite(path string, frame []byte, at int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(frame, at)
	return errors.Join(err, f.Sync(), f.Close())
}

// mostRight bounds a frame that is put right without its authentication: in a longer one a torn
// end could too easily look like one wrong bit.
const mostRight = 64 << 10

func truncate(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}
