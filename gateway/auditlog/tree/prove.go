package tree

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/auditlog"
	"samband/gateway/signed"
)

// Prove returns the hashes that prove entry index in the log at size, from the
// leaf's sibling upward.
func (t *Tree) Prove(index, size int64) ([]signed.Hash, error) {
	if err := t.within(size); err != nil {
		return nil, err
	}
	if index < 0 || index >= size {
		return nil, fmt.Errorf("entry %d is not in %s at %d entries", index, t.key.Name, size)
	}
	p, err := tlog.ProveRecord(size, index, tlog.HashReaderFunc(t.hashes))
	if err != nil {
		return nil, fmt.Errorf("prove entry %d of %s at %d entries: %w", index, t.key.Name, size, err)
	}
	return toSigned(p), nil
}

// ProveConsistency returns the hashes that prove that the log at size extends
// the log at old. From the empty log there is nothing to prove.
func (t *Tree) ProveConsistency(old, size int64) ([]signed.Hash, error) {
	if err := t.within(size); err != nil {
		return nil, err
	}
	if old < 0 || old > size {
		return nil, fmt.Errorf("%s at %d entries does not come after %d", t.key.Name, size, old)
	}
	if old == 0 {
		return nil, nil
	}
	p, err := tlog.ProveTree(size, old, tlog.HashReaderFunc(t.hashes))
	if err != nil {
		return nil, fmt.Errorf("prove %s at %d entries from %d: %w", t.key.Name, size, old, err)
	}
	return toSigned(p), nil
}

// RootAt returns the root that the log had at a size.
func (t *Tree) RootAt(size int64) (signed.Hash, error) {
	if err := t.within(size); err != nil {
		return signed.Hash{}, err
	}
	root, err := tlog.TreeHash(size, tlog.HashReaderFunc(t.hashes))
	if err != nil {
		return signed.Hash{}, fmt.Errorf("root of %s at %d entries: %w", t.key.Name, size, err)
	}
	return signed.Hash(root), nil
}

func (t *Tree) within(size int64) error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if size < 0 || size > t.size {
		return fmt.Errorf("%s has %d entries, not %d", t.key.Name, t.size, size)
	}
	return nil
}

// hashes is the tree's tlog.HashReader.
func (t *Tree) hashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		var err error
		if out[i], err = t.hash(tlog.SplitStoredHashIndex(x)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// edgeHashes reads hashes of which the caller knows that they are in memory,
// and has the lock.
func (t *Tree) edgeHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		var ok bool
		if out[i], ok = t.inMemory(tlog.SplitStoredHashIndex(x)); !ok {
			return nil, fmt.Errorf("hash %d of %s is not in memory", x, t.key.Name)
		}
	}
	return out, nil
}

// inMemory finds the n-th hash of a height of the tree; the caller has the lock.
func (t *Tree) inMemory(treeHeight int, n int64) (tlog.Hash, bool) {
	at, k, i := place(treeHeight, n)
	v := t.full[at]
	if at.level < len(t.edge) && at.n == t.size>>((at.level+1)*height) {
		v = t.edge[at.level]
	}
	if v == nil || i >= int64(len(v.nodes[k])) {
		return tlog.Hash{}, false
	}
	return v.nodes[k][i], true
}

// hash finds the n-th hash of a height of the tree: in memory, or in a whole tile in
// its file.
func (t *Tree) hash(treeHeight int, n int64) (tlog.Hash, error) {
	t.mu.RLock()
	h, ok := t.inMemory(treeHeight, n)
	t.mu.RUnlock()
	if ok {
		return h, nil
	}
	at, k, i := place(treeHeight, n)
	v := t.cache.get(at)
	if v == nil {
		var err error
		if v, err = t.read(at); err != nil {
			return tlog.Hash{}, err
		}
		t.cache.put(at, v)
	}
	return v.nodes[k][i], nil
}

// read loads a whole tile and checks it against the level above, so that no
// proof is ever made of a damaged file. A damaged one is made anew.
func (t *Tree) read(at id) (*tile, error) {
	want, err := t.hash((at.level+1)*height, at.n)
	if err != nil {
		return nil, err
	}
	v, err := t.checked(at, want)
	if damage, is := errors.AsType[*auditlog.Damage](err); is {
		return t.anew(at, want, damage)
	}
	return v, err
}

// checked loads a whole tile that gives its hash in the level above; else the error is a
// *auditlog.Damage.
func (t *Tree) checked(at id, want tlog.Hash) (*tile, error) {
	v, root, err := t.whole(at)
	if err == nil && root != want {
		err = &auditlog.Damage{File: at.path(auditlog.TileWidth), Entry: at.n << ((at.level + 1) * height), What: "the tile does not give its hash in the level above"}
	}
	return v, err
}

// whole loads a whole tile from its file, unchecked, with the hash that it gives.
func (t *Tree) whole(at id) (v *tile, root tlog.Hash, err error) {
	hashes, err := auditlog.ReadTile(t.folder.files(), at.level, at.n, auditlog.TileWidth)
	if err != nil {
		return nil, root, err
	}
	v = &tile{}
	for _, h := range hashes {
		root, _ = v.add(tlog.Hash(h))
	}
	return v, root, nil
}
