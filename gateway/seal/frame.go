package seal

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// MaxContent is how many bytes a frame may have: body, attachments and padding of a
// message (SPEC §6.2). It leaves 16 KiB of an envelope to header, signatures and age, which
// suffices for any header.
const MaxContent = 1<<20 - 16<<10

// Bounds of a frame's attachments (SPEC §6.2).
const (
	maxAttachments = 32
	maxName        = 255
)

const frameMagic = "samband/frame/v1\n"

// An Attachment is a small file inside the envelope.
type Attachment struct {
	Name      string // UTF-8, no control characters, no path
	MediaType string // such as "image/jpeg"
	Data      []byte
}

// Content is what a message says: the sealed part of it, in the clear.
type Content struct {
	Body           []byte
	bodySalt       [32]byte
	Statistics     []byte
	statisticsSalt [32]byte
	Attachments    []Attachment
}

// Tags of the two commitments (SPEC §6.3).
const (
	tagBody       = 0x02
	tagStatistics = 0x03
)

// Commit hashes a tag, a salt and bytes: SHA-256(tag ‖ salt ‖ bytes).
func commit(tag byte, salt [32]byte, b []byte) (h signed.Hash) {
	s := sha256.New()
	s.Write([]byte{tag})
	s.Write(salt[:])
	s.Write(b)
	return signed.Hash(s.Sum(nil))
}

func (c *Content) commitments() (body, statistics signed.Hash) {
	return commit(tagBody, c.bodySalt, c.Body), commit(tagStatistics, c.statisticsSalt, c.Statistics)
}

// frame writes c, bound to a header, and pads it.
func (c *Content) frame(bound signed.Hash) ([]byte, error) {
	if err := checkAttachments(c.Attachments); err != nil {
		return nil, err
	}
	b := []byte(frameMagic)
	b = append(b, bound[:]...)
	b = append(b, c.bodySalt[:]...)
	b = appendBytes(b, c.Body)
	b = append(b, c.statisticsSalt[:]...)
	b = appendBytes(b, c.Statistics)
	b = append(b, byte(len(c.Attachments)))
	for _, a := range c.Attachments {
		b = appendBytes(b, []byte(a.Name))
		b = appendBytes(b, []byte(a.MediaType))
		b = appendBytes(b, a.Data)
	}
	size := paddedSize(len(b))
	if size > MaxContent {
		return nil, problem.New(problem.Oversize, "body and attachments take %d bytes with their padding, and a message takes %d", size, MaxContent)
	}
	return append(b, make([]byte, size-len(b))...), nil
}

func appendBytes(b, v []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
}

// parseFrame reads a frame that must be bound to the given header hash.
func parseFrame(b []byte, bound signed.Hash) (*Content, error) {
	r := &frameReader{rest: b}
	if len(b) > MaxContent || string(r.fixed(len(frameMagic))) != frameMagic {
		return nil, problem.New(problem.FrameInvalid, "the frame does not begin as its version does")
	}
	got := signed.Hash(r.fixed(32))
	c := &Content{}
	c.bodySalt = [32]byte(r.fixed(32))
	c.Body = r.bytes()
	c.statisticsSalt = [32]byte(r.fixed(32))
	c.Statistics = r.bytes()
	for n := r.fixed(1)[0]; n > 0 && !r.short; n-- {
		c.Attachments = append(c.Attachments, Attachment{string(r.bytes()), string(r.bytes()), r.bytes()})
	}
	if r.short {
		return nil, problem.New(problem.FrameInvalid, "the frame ends early")
	}
	if err := checkAttachments(c.Attachments); err != nil {
		return nil, problem.New(problem.FrameInvalid, "an attachment's name or type is not in its form")
	}
	if len(b) != paddedSize(len(b)-len(r.rest)) {
		return nil, problem.New(problem.FrameInvalid, "the frame is not padded to its size")
	}
	for _, p := range r.rest {
		if p != 0 {
			return nil, problem.New(problem.FrameInvalid, "the padding is not zero")
		}
	}
	if got != bound {
		return nil, problem.New(problem.FrameMismatch, "the frame was sealed for another header")
	}
	return c, nil
}

// A frameReader takes bytes off the front; short is set when there are too few,
// and what it returns then is zero.
type frameReader struct {
	rest  []byte
	short bool
}

func (r *frameReader) fixed(n int) []byte {
	if n > len(r.rest) {
		r.short, r.rest = true, nil
		return make([]byte, min(n, 64))
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *frameReader) bytes() []byte {
	n := binary.BigEndian.Uint32(r.fixed(4))
	if uint64(n) > uint64(len(r.rest)) {
		r.short, r.rest = true, nil
		return nil
	}
	return r.fixed(int(n))
}

func checkAttachments(as []Attachment) error {
	if len(as) > maxAttachments {
		return problem.New(problem.Oversize, "%d attachments, and a message takes %d", len(as), maxAttachments)
	}
	for i, a := range as {
		if !plainName(a.Name) || !plainName(a.MediaType) {
			return problem.New(problem.FrameInvalid, "attachment %d has no plain file name and media type", i+1)
		}
	}
	return nil
}

// plainName is true of 1 to 255 bytes of UTF-8 without control characters, a set
// that no later Unicode changes; joiners and wide spaces, which Persian and
// Japanese names need, are none. A file name may have slashes on the wire;
// whoever writes it to a disk takes its base name alone.
func plainName(s string) bool {
	return s != "" && len(s) <= maxName && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// paddedSize hides a length: 4, 16, 64 or 256 KiB, then Padmé, which leaves at
// most 12 % and tells log log n bits of n. (Nikitin et al., PURBs, 2019.)
func paddedSize(n int) int {
	for _, step := range []int{4 << 10, 16 << 10, 64 << 10, 256 << 10} {
		if n <= step {
			return step
		}
	}
	e := bits.Len(uint(n)) - 1
	s := bits.Len(uint(e))
	mask := 1<<(e-s) - 1
	return (n + mask) &^ mask
}
