package auditlog

import (
	"crypto/rand"
	"crypto/sha256"

	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/problem"
	"samband/gateway/signed"
)

// leafTag begins what a leaf hashes. The tree puts 0x00 before the leaf itself,
// as RFC 6962 does, so the two hashes can't stand for each other.
const leafTag = 0x01

// A Salt hides a record behind its leaf. It is drawn when the record is
// ordered, and known to those who are shown the record.
type Salt [32]byte

// NewSalt draws a salt.
func NewSalt() (s Salt) {
	rand.Read(s[:])
	return s
}

// saltedHash is the audit log's entry for a record: SHA-256(0x01 ‖ salt ‖ record).
func saltedHash(salt Salt, record string) [32]byte {
	h := sha256.New()
	h.Write([]byte{leafTag})
	h.Write(salt[:])
	h.Write([]byte(record))
	return [32]byte(h.Sum(nil))
}

// An Entry is a record with its salt: what the writer makes, the archive keeps
// and a proof carries. A register entry is public, so its salt is zero.
type Entry struct {
	Salt   Salt
	Record Record
}

// Leaf returns what the entry puts into the log of its kind: a salted hash, a
// register entry as it is, or nil for a kind that has no log.
func (e *Entry) Leaf() []byte {
	switch e.Record.Tree() {
	case Audit:
		leaf := saltedHash(e.Salt, e.Record.Text())
		return leaf[:]
	case Register:
		return e.Record.Entry
	default:
		return nil
	}
}

// Bytes writes the entry: 32 bytes of salt, then the record's text.
func (e *Entry) Bytes() []byte { return append(e.Salt[:], e.Record.Text()...) }

// ParseEntry reads what Bytes writes; a fault is TEXT_MALFORMED or OVERSIZE.
func ParseEntry(b []byte) (*Entry, error) {
	if len(b) < len(Salt{}) {
		return nil, problem.New(problem.TextMalformed, "a record has no whole salt before it")
	}
	salt := Salt(b)
	r, err := parseRecord(string(b[len(salt):]))
	if err != nil {
		return nil, err
	}
	if r.Tree() != Audit && salt != (Salt{}) {
		return nil, problem.New(problem.TextMalformed, "a record of kind %s has a salt", r.Kind)
	}
	return &Entry{salt, *r}, nil
}

// hashOfEntry is the hash of a log's entry, as RFC 6962 puts it into the tree.
func hashOfEntry(leaf []byte) signed.Hash { return signed.Hash(tlog.RecordHash(leaf)) }
