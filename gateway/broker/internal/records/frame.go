package records

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	// maxPayload is the most bytes of one group: no group of the JOURNAL is larger.
	maxPayload = 8 << 20

	// magic opens each frame and ends in the version of the form. Its first byte
	// occurs in no text, so text inside a payload can't look like a frame.
	magic      = 0xF5535201
	headerSize = 24
	maxFrame   = headerSize + maxPayload
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A Damage says where the archive has something else than was written.
type Damage struct {
	Segment string // name of the file
	Offset  int64  // of the first frame that doesn't fit, in bytes
	Reason  string
}

func (e *Damage) Error() string {
	return fmt.Sprintf("segment %s is damaged at byte %d: %s", e.Segment, e.Offset, e.Reason)
}

type header struct {
	length uint32
	group  uint64
	sum    uint32
}

func appendFrame(dst []byte, group uint64, payload []byte) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, magic)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.BigEndian.AppendUint64(dst, group)
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(payload, castagnoli))
	return append(dst, payload...)
}

// parseHeader reads headerSize bytes; fault is empty if they are a header.
func parseHeader(b []byte) (h header, fault string) {
	if binary.BigEndian.Uint32(b) != magic {
		return header{}, "no frame begins here"
	}
	if crc32.Checksum(b[:16], castagnoli) != binary.BigEndian.Uint32(b[16:]) {
		return header{}, "checksum of the header differs"
	}
	h = header{
		length: binary.BigEndian.Uint32(b[4:]),
		group:  binary.BigEndian.Uint64(b[8:]),
		sum:    binary.BigEndian.Uint32(b[20:]),
	}
	if h.length > maxPayload {
		return header{}, "length is above the bound"
	}
	return h, ""
}

// A cursor walks the frames of one segment.
type cursor struct {
	file    io.ReaderAt
	segment segment
	off     int64  // where the next frame begins
	last    uint64 // the group before it, 0 at the start
	head    [headerSize]byte
	buf     []byte
}

// next reads the header at the cursor; io.EOF says that the segment ends here.
func (c *cursor) next() (header, error) {
	left := c.segment.size - c.off
	switch {
	case c.segment.size == 0:
		return header{}, c.damage("the segment is empty")
	case left == 0:
		return header{}, io.EOF
	case left < headerSize:
		return header{}, c.damage("the header is cut short")
	}
	if _, err := c.file.ReadAt(c.head[:], c.off); err != nil {
		return header{}, fmt.Errorf("read segment %s: %w", c.segment.name(), err)
	}
	h, fault := parseHeader(c.head[:])
	switch {
	case fault != "":
		return header{}, c.damage(fault)
	case int64(h.length) > left-headerSize:
		return header{}, c.damage("the payload is cut short")
	case c.last == 0 && h.group != c.segment.first:
		return header{}, c.damage(fmt.Sprintf("first group is %d", h.group))
	case c.last != 0 && h.group <= c.last:
		return header{}, c.damage(fmt.Sprintf("group %d follows group %d", h.group, c.last))
	}
	return h, nil
}

// payload reads what belongs to h; it is good until the next call.
func (c *cursor) payload(h header) ([]byte, error) {
	if cap(c.buf) < int(h.length) {
		c.buf = make([]byte, h.length)
	}
	b := c.buf[:h.length]
	if n, err := c.file.ReadAt(b, c.off+headerSize); n < len(b) {
		return nil, fmt.Errorf("read segment %s: %w", c.segment.name(), err)
	}
	if crc32.Checksum(b, castagnoli) != h.sum {
		return nil, c.damage("checksum of the payload differs")
	}
	return b, nil
}

// pass moves behind the frame of h.
func (c *cursor) pass(h header) {
	c.off += headerSize + int64(h.length)
	c.last = h.group
}

func (c *cursor) damage(reason string) error {
	return &Damage{c.segment.name(), c.off, reason}
}
