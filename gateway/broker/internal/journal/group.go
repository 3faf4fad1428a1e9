package journal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"samband/gateway/auditlog"
	"samband/gateway/signed"
)

// A Size is how long a log is, and its root then.
type Size struct {
	Entries int64
	Root    signed.Hash
}

// Sizes are those of both logs at one moment.
type Sizes struct{ Audit, Register Size }

// A Position is a group, and the sizes of both logs after it.
type Position struct {
	Group uint64
	Sizes
}

// What JOURNAL answers, for [errors.Is].
var (
	// ErrFenced: JOURNAL doesn't end where the writer believed; nothing of this write
	// is in it.
	ErrFenced = errors.New("JOURNAL has moved on")
	// ErrFull: the group would pass the limit of JOURNAL; nothing is written.
	ErrFull = errors.New("JOURNAL is full")
	// ErrGone: there is no group of this number: deleted, lost, or never written.
	ErrGone = errors.New("no such group in JOURNAL")
)

// A Blob is the bytes that belong to a record: the envelope of an acceptance,
// the whole note of a statement. An envelope may come in a later group than its
// record, when its sender sent lost bytes again.
type Blob struct {
	Of    signed.Hash // text hash of an envelope, or hash of a whole note
	Bytes []byte
}

// A Group is what was committed at once: one message of JOURNAL. Its bytes are
//
//	samband/group/v1 LF
//	number 8
//	before: audit entries 8, root 32, register entries 8, root 32
//	after:  likewise
//	count 4, and for each record: length 4, salt 32 ‖ record text
//	count 4, and for each blob:   hash 32, length 4, bytes
//	HMAC-SHA256 of all this 32
//
// in big-endian numbers. The archive keeps the same without envelopes, so what
// is sealed lies nowhere but in JOURNAL.
type Group struct {
	Number        uint64 // of the group in JOURNAL and archive
	Before, After Sizes
	Entries       []auditlog.Entry
	Blobs         []Blob

	// Bare is a group that is no longer in JOURNAL, read from the archive.
	Bare bool
}

// Bounds of a group.
const (
	// maxGroup is the most that a group can come to: what waits, the one act
	// that passed the bound, and the records.
	maxGroup   = 8<<20 - 4096
	maxRecords = 8192
	maxBlob    = 1 << 20
)

const groupMagic = "samband/group/v1\n"

// Encode writes the group under a key, which authenticates it.
func (g *Group) Encode(key []byte) []byte {
	size := 512
	for i := range g.Blobs {
		size += 36 + len(g.Blobs[i].Bytes)
	}
	b := make([]byte, 0, size+768*len(g.Entries))
	b = append(b, groupMagic...)
	b = binary.BigEndian.AppendUint64(b, g.Number)
	b = appendSizes(b, g.Before)
	b = appendSizes(b, g.After)
	b = binary.BigEndian.AppendUint32(b, uint32(len(g.Entries)))
	for i := range g.Entries {
		b = appendBytes(b, g.Entries[i].Bytes())
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(g.Blobs)))
	for _, blob := range g.Blobs {
		b = append(b, blob.Of[:]...)
		b = appendBytes(b, blob.Bytes)
	}
	return append(b, sum(key, b)...)
}

// Payload is the group as the archive keeps it: the notes of its statements stay,
// since the sender of a message believes no end without them.
func (g *Group) Payload(key []byte) []byte {
	notes := map[signed.Hash]bool{}
	for i := range g.Entries {
		notes[g.Entries[i].Record.Statement] = true
	}
	bare := *g
	bare.Blobs = slices.DeleteFunc(slices.Clone(g.Blobs), func(b Blob) bool { return !notes[b.Of] })
	return bare.Encode(key)
}

func sum(key, b []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(b)
	return h.Sum(nil)
}

func appendSizes(b []byte, s Sizes) []byte {
	for _, l := range []Size{s.Audit, s.Register} {
		b = binary.BigEndian.AppendUint64(b, uint64(l.Entries))
		b = append(b, l.Root[:]...)
	}
	return b
}

func appendBytes(b, data []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return append(b, data...)
}

// Decode reads what Encode wrote, after its authentication; the blobs lie
// in b itself.
func Decode(b, key []byte) (*Group, error) {
	if len(b) > maxGroup || len(b) < len(groupMagic)+sha256.Size {
		return nil, errors.New("a group is outside its bounds")
	}
	body, mac := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if !hmac.Equal(mac, sum(key, body)) {
		return nil, errors.New("a group was not written under our key")
	}
	r := reader{rest: body}
	if string(r.next(len(groupMagic))) != groupMagic {
		return nil, errors.New("a group is of another form")
	}
	g := &Group{Number: r.uint64(), Before: r.sizes(), After: r.sizes()}
	for range r.count(maxRecords) {
		e, err := auditlog.ParseEntry(r.bytes(auditlog.MaxRecord + len(auditlog.Salt{})))
		if err != nil && r.err == nil {
			return nil, fmt.Errorf("record %d of group %d: %w", len(g.Entries), g.Number, err)
		}
		if r.err != nil {
			return nil, r.err
		}
		g.Entries = append(g.Entries, *e)
	}
	for range r.count(maxRecords) {
		g.Blobs = append(g.Blobs, Blob{r.hash(), r.bytes(maxBlob)})
	}
	if r.err == nil && len(r.rest) != 0 {
		r.err = errors.New("bytes follow a group's last blob")
	}
	if r.err != nil {
		return nil, r.err
	}
	return g, nil
}

// Place returns which of the group's blobs is that of a hash; -1 when none is.
func (g *Group) Place(of signed.Hash) int {
	return slices.IndexFunc(g.Blobs, func(b Blob) bool { return b.Of == of })
}

// A reader takes bytes from the front; the first fault sticks, and everything
// after it is zero.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) next(n int) []byte {
	if r.err != nil || n > len(r.rest) {
		r.err = errors.Join(r.err, errors.New("a group ends too soon"))
		r.rest = nil
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) uint32() uint32 {
	if b := r.next(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.next(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// int64 reads a number of entries or an index; ours stay below 2^53.
func (r *reader) int64() int64 {
	n := r.uint64()
	if n >= 1<<53 {
		r.fail("a number passes 2^53")
		return 0
	}
	return int64(n)
}

func (r *reader) count(max int) int { return r.bounded(max, "a count") }

func (r *reader) bytes(max int) []byte { return r.next(r.bounded(max, "a length")) }

func (r *reader) bounded(max int, what string) int {
	n := r.uint32()
	if n > uint32(max) {
		r.fail(what + " passes its bound")
		return 0
	}
	return int(n)
}

func (r *reader) fail(reason string) {
	if r.err == nil {
		r.err = errors.New(reason)
	}
}

func (r *reader) sizes() Sizes { return Sizes{r.size(), r.size()} }

func (r *reader) size() Size { return Size{r.int64(), r.hash()} }

func (r *reader) hash() (h signed.Hash) {
	copy(h[:], r.next(len(h)))
	return h
}
