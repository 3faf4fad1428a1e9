package auditlog

import (
	"crypto/sha256"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/signed"
)

// EmptyRoot is the root of a log without entries: the hash of nothing (RFC 6962).
var EmptyRoot = signed.Hash(sha256.Sum256(nil))

// A Range is a log's right edge: the few hashes from which its root is computed
// and to which the next entry is added. The zero Range is an empty log. It
// needs no tiles, so a replay or a group that is not yet committed uses one.
type Range struct {
	size  int64
	nodes []signed.Hash // the roots of its whole subtrees, widest first
}

// Append adds an entry: the bytes that stand in the log, not their hash.
func (r *Range) Append(entry []byte) { r.add(hashOfEntry(entry)) }

func (r *Range) add(h signed.Hash) {
	for s := r.size; s&1 == 1; s >>= 1 {
		last := len(r.nodes) - 1
		h = nodeHash(r.nodes[last], h)
		r.nodes = r.nodes[:last]
	}
	r.nodes = append(r.nodes, h)
	r.size++
}

// Size returns the number of entries.
func (r *Range) Size() int64 { return r.size }

// Root returns the root as RFC 6962 defines it.
func (r *Range) Root() signed.Hash {
	if r.size == 0 {
		return EmptyRoot
	}
	h := r.nodes[len(r.nodes)-1]
	for i := len(r.nodes) - 2; i >= 0; i-- {
		h = nodeHash(r.nodes[i], h)
	}
	return h
}

// Head returns size and root under an origin.
func (r *Range) Head(origin string) signed.Head {
	return signed.Head{Origin: origin, Size: r.size, Root: r.Root()}
}

// Clone returns a copy that grows on its own.
func (r *Range) Clone() *Range { return &Range{r.size, slices.Clone(r.nodes)} }

func nodeHash(left, right signed.Hash) signed.Hash {
	return signed.Hash(tlog.NodeHash(tlog.Hash(left), tlog.Hash(right)))
}
