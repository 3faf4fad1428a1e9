package store

import (
	"encoding/binary"
	"errors"
	"io"
)

// A write-ahead log is a header and then frames, each a page with its own header. SQLite
// reads the frames up to the first that does not fit, and forgets all behind it without a
// word: that is right for the torn end that a crash leaves, and wrong for a bit that was
// bent in the middle. So the desk reads the log itself before SQLite does. Of each frame
//
//	 0  page number
//	 4  pages of the database after this commit; 0: it does not end one
//	 8  salt of the log, twice four bytes: each new round of a log has another
//	16  checksum of the first eight bytes and the page, begun with that of the frame before
//
// it can tell whether it fits to the checksum that stands in the frame before, even if that
// frame itself is damaged.

const (
	walHeader   = 32
	frameHeader = 24
	walMagic    = 0x377f0682 // the last bit says that checksums are big-endian
)

// A walScan is what a write-ahead log shows.
type walScan struct {
	frames  int // that fit, from the first on: SQLite reads no other
	behind  int // of the same round behind the first that does not fit
	commits int // of these, that end a commit
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

// scanWAL reads a write-ahead log. pageSize is the database's own, for a log whose header is
// damaged.
func scanWAL(r io.ReaderAt, pageSize int) (walScan, error) {
	head := make([]byte, walHeader)
	if n, err := r.ReadAt(head, 0); n < walHeader {
		if errors.Is(err, io.EOF) {
			err = nil // nothing was written yet
		}
		return walScan{}, err
	}
	size := int(binary.BigEndian.Uint32(head[8:]))
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		magic := uint32(walMagic)
		if order == binary.BigEndian {
			magic |= 1
		}
		if binary.BigEndian.Uint32(head) == magic && isPageSize(size) && (sum{}).add(order, head[:24]) == sumIn(head[24:]) {
			return scanFrames(r, size, order, head[16:24], sumIn(head[24:]))
		}
	}
	// Without its header SQLite reads none of it.
	best := walScan{}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		s, err := scanFrames(r, pageSize, order, nil, sum{})
		if err != nil {
			return best, err
		}
		if s.behind > best.behind {
			best = s
		}
	}
	return best, nil
}

func isPageSize(n int) bool { return n >= 512 && n <= 65536 && n&(n-1) == 0 }

// scanFrames reads the frames of the round with a salt; nil: of the round of the first
// frames that fit to each other, of which none follows a header that fits.
func scanFrames(r io.ReaderAt, pageSize int, order binary.ByteOrder, salt []byte, before sum) (s walScan, err error) {
	whole := salt != nil
	frame := make([]byte, frameHeader+pageSize)
	for at := int64(walHeader); ; at += int64(len(frame)) {
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
			s.frames++
		case fits:
			s.behind++
			if binary.BigEndian.Uint32(frame[4:]) != 0 {
				s.commits++
			}
		default:
			whole = false
		}
		before = stands
	}
}
