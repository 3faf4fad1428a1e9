package durable

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
)

// The write-ahead log of an SQLite database is a header and then frames, each a page with its
// own header. SQLite reads the frames up to the first that does not fit, and forgets all behind
// it without a word: that is right for the torn end that a crash leaves, and wrong for a bit
// that was bent in the middle. So we read the log ourselves before SQLite does. Of each frame
//
//	 0  page number
//	 4  pages of the database after this commit; 0: it does not end one
//	 8  salt of the log, twice four bytes: each new round of a log has another
//	16  checksum of the first eight bytes and the page, begun with that of the frame before
//
// it can tell whether it fits to the checksum that stands in the frame before, even if that
// frame itself is damaged.

const (
	logHeader   = 32
	frameHeader = 24
	logMagic    = 0x377f0682 // the last bit says that checksums are big-endian
)

// A LogScan is what a write-ahead log shows.
type LogScan struct {
	Frames  int // that fit, from the first on: SQLite reads no other
	Behind  int // of the same round behind the first that does not fit
	Commits int // of these, that end a commit

	PageSize int              // that the header says; 0 where it does not fit
	Pages    map[uint32]int64 // where the newest of each page stands, of the commits that SQLite reads
	Length   uint32           // pages of the database after the last of them; 0: there is none
}

// sum is a checksum, as SQLite's documentation of its file format defines it.
type sum struct{ a, b uint32 }

func (s sum) add(order binary.ByteOrder, p []byte) sum {
	for ; len(p) >= 8; p = p[8:] {
		s.a += order.Uint32(p) + s.b
		s.b += order.Uint32(p[4:]) + s.a
	}
	return s
}

func sumIn(p []byte) sum { return sum{binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:])} }

// ScanLog reads a write-ahead log. pageSize is the database's own, for a log whose header is
// damaged.
func ScanLog(r io.ReaderAt, pageSize int) (LogScan, error) {
	head := make([]byte, logHeader)
	if n, err := r.ReadAt(head, 0); n < logHeader {
		if errors.Is(err, io.EOF) {
			err = nil // nothing was written yet
		}
		return LogScan{}, err
	}
	size := int(binary.BigEndian.Uint32(head[8:]))
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		magic := uint32(logMagic)
		if order == binary.BigEndian {
			magic |= 1
		}
		if binary.BigEndian.Uint32(head) == magic && IsPageSize(size) && (sum{}).add(order, head[:24]) == sumIn(head[24:]) {
			return scanFrames(r, size, order, head[16:24], sumIn(head[24:]))
		}
	}
	// Without its header SQLite reads none of it.
	best := LogScan{}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		s, err := scanFrames(r, pageSize, order, nil, sum{})
		if err != nil {
			return best, err
		}
		if s.Behind > best.Behind {
			best = s
		}
	}
	return best, nil
}

// IsPageSize reports whether a database can have pages of so many bytes.
func IsPageSize(n int) bool { return n >= 512 && n <= 65536 && n&(n-1) == 0 }

// scanFrames reads the frames of the round with a salt; nil: of the round of the first
// frames that fit to each other, of which none follows a header that fits.
func scanFrames(r io.ReaderAt, pageSize int, order binary.ByteOrder, salt []byte, before sum) (s LogScan, err error) {
	whole, written := salt != nil, map[uint32]int64{}
	if s.Pages = map[uint32]int64{}; whole {
		s.PageSize = pageSize
	}
	frame := make([]byte, frameHeader+pageSize)
	for at := int64(logHeader); ; at += int64(len(frame)) {
		if n, err := r.ReadAt(frame, at); n < len(frame) {
			if errors.Is(err, io.EOF) {
				err = nil // a torn frame, if any
			}
			return s, err
		}
		stands := sumIn(frame[16:])
		fits := binary.BigEndian.Uint32(frame) != 0 && before.add(order, frame[:8]).add(order, frame[frameHeader:]) == stands
		if fits && salt == nil {
			salt = append([]byte(nil), frame[8:16]...)
		}
		fits = fits && string(frame[8:16]) == string(salt)
		switch {
		case fits && whole:
			s.Frames++
			written[binary.BigEndian.Uint32(frame)] = at + frameHeader
			if n := binary.BigEndian.Uint32(frame[4:]); n != 0 {
				maps.Copy(s.Pages, written)
				clear(written)
				s.Length = n
			}
		case fits:
			s.Behind++
			if binary.BigEndian.Uint32(frame[4:]) != 0 {
				s.Commits++
			}
		default:
			whole = false
		}
		before = stands
	}
}

// RewriteLog writes the write-ahead log of a database over itself, where there is one. What
// could not be synced of it, the system may show as written and never write again: a power cut
// while the log is moved, or before its emptying is on the disk, would show an old part of it
// over newer pages.
func RewriteLog(database string) error {
	err := Rewrite(database+"-wal", 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// LogIsEmpty reports whether a database has no write-ahead log, or one without a byte.
func LogIsEmpty(database string) (bool, error) {
	info, err := os.Lstat(database + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return err == nil && info.Size() == 0, err
}
