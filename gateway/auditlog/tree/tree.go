// Package tree keeps a log as C2SP tlog-tiles files, written behind.
//
// A log grows in memory at once and on disk later:
//
//	t, err := tree.Open(dir, logKey)        // as its checkpoint says
//	head, err := t.Append(leaves...)        // microseconds; no disk
//	hashes, err := t.Prove(index, head.Size)
//	err = t.Flush(checkpoint)               // tiles, then the checkpoint of some head
//
// Who decides what is in the log keeps it elsewhere (the broker: in its journal
// and records), so whatever was not flushed is appended again after a crash and
// gives the same bytes. A flush writes each file whole and under its name only
// when it is durable, and the checkpoint last: at any moment of it the folder is
// that of the checkpoint which lies there. What lies beyond that checkpoint is
// written over.
//
// The folder is what an outsider serves or copies: checkpoint, tile/…,
// tile/entries/…, and vkey. Partial tiles stay until their whole tile is there,
// as C2SP lets them. Memory has what is not flushed, the tiles being filled
// and a few that were read lately; it does not grow with the log.
package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/auditlog"
	"samband/gateway/durable"
	"samband/gateway/signed"
)

// A Tree is one log. Its methods may be called at once from many goroutines;
// Append by one at a time, since the order is the caller's.
type Tree struct {
	folder *folder
	key    *signed.PublicKey
	cache  cache

	mend     *Mend      // nil: what is damaged stays so
	mending  sync.Mutex // locked while a whole tile is made anew; the one that flushes may lock it
	scrubbed id         // what Scrub looks at next

	flushing   sync.Mutex // locked through a flush; guards tiled, flushed and checkpoint
	checkpoint []byte     // on disk; nil for none

	mu      sync.RWMutex // guards all below
	size    int64
	edge    []*tile      // by level: the tile being filled
	full    map[id]*tile // whole tiles that are in no file yet
	entries [][]byte     // from entry base on
	base    int64        // a multiple of the tile's width
	tiled   int64        // whole tiles of the log at this size are in their files
	flushed int64        // so are its partial tiles
	disk    signed.Head  // of the checkpoint on disk
}

// Open reads a log's folder, making it if need be, and checks that its last
// tiles give its checkpoint's root under the log's key. A *auditlog.Damage says
// what is missing or damaged; then Rebuild mends it. Entries beyond the checkpoint
// are the caller's to append again.
func Open(dir string, key *signed.PublicKey) (*Tree, error) {
	t, err := empty(dir, key)
	if err != nil {
		return nil, err
	}
	if err := t.load(t.disk.Size); err != nil {
		return nil, fmt.Errorf("open the log %q: %w", dir, err)
	}
	if got, err := t.RootAt(t.size); err != nil || got != t.disk.Root {
		return nil, fmt.Errorf("open the log %q: %w", dir, &auditlog.Damage{
			File: auditlog.CheckpointFile, Entry: -1, What: "the last tiles do not give its root"})
	}
	t.tiled, t.flushed = t.size, t.size
	return t, nil
}

// empty is a log of no entries in a folder whose checkpoint it has read.
func empty(dir string, key *signed.PublicKey) (*Tree, error) {
	f, err := openFolder(dir, key)
	if err != nil {
		return nil, fmt.Errorf("open the log %q: %w", dir, err)
	}
	disk, err := auditlog.ReadCheckpoint(f.files(), key)
	if errors.Is(err, fs.ErrNotExist) {
		disk, err = (&auditlog.Range{}).Head(key.Name), nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the log %q: %w", dir, err)
	}
	t := &Tree{folder: f, key: key, full: map[id]*tile{}, disk: disk}
	if disk.Size > 0 {
		if t.checkpoint, err = durable.ReadFile(f.path(auditlog.CheckpointFile), durable.MaxSmall); err != nil {
			return nil, fmt.Errorf("open the log %q: %w", dir, err)
		}
	}
	return t, nil
}

// load takes up the log at a size from its files: the tiles being filled, and
// the entries of the bundle being filled.
func (t *Tree) load(size int64) error {
	for l := 0; size>>(l*height) > 0; l++ {
		count := size >> (l * height)
		edge := &tile{}
		if w := int(count % auditlog.TileWidth); w > 0 {
			hashes, err := auditlog.ReadTile(t.folder.files(), l, count/auditlog.TileWidth, w)
			if err != nil {
				return err
			}
			for _, h := range hashes {
				edge.add(tlog.Hash(h))
			}
		}
		t.edge = append(t.edge, edge)
	}
	t.size, t.base = size, size/auditlog.TileWidth*auditlog.TileWidth
	if t.base == size {
		return nil
	}
	entries, err := auditlog.ReadBundle(t.folder.files(), size/auditlog.TileWidth, int(size-t.base))
	if err != nil {
		return err
	}
	for i, e := range entries {
		index := t.base + int64(i)
		h, err := t.hash(0, index)
		if err == nil && h != tlog.RecordHash(e) {
			file := id{entriesLevel, index / auditlog.TileWidth}.path(auditlog.TileWidth)
			err = &auditlog.Damage{File: file, Entry: index, What: "it is not the entry that was logged"}
		}
		if err != nil {
			return err
		}
	}
	t.entries = entries
	return nil
}

// Append adds entries, which the tree keeps and the caller must not change, and
// returns the new head. It fails, and adds none, only if one passes
// auditlog.MaxEntry.
func (t *Tree) Append(entries ...[]byte) (signed.Head, error) {
	for _, e := range entries {
		if len(e) > auditlog.MaxEntry {
			return signed.Head{}, fmt.Errorf("an entry of %d bytes passes the bound of %d", len(e), auditlog.MaxEntry)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range entries {
		t.grow(0, tlog.RecordHash(e))
		t.entries = append(t.entries, e)
		t.size++
	}
	root, err := tlog.TreeHash(t.size, tlog.HashReaderFunc(t.edgeHashes))
	return signed.Head{Origin: t.key.Name, Size: t.size, Root: signed.Hash(root)}, err
}

// grow adds a hash to the tile being filled at a level, and the root of a tile
// that it fills to the level above.
func (t *Tree) grow(level int, h tlog.Hash) {
	if level == len(t.edge) {
		t.edge = append(t.edge, &tile{})
	}
	root, full := t.edge[level].add(h)
	if !full {
		return
	}
	n := t.size >> ((level + 1) * height)
	t.full[id{level, n}] = t.edge[level]
	t.edge[level] = &tile{}
	t.grow(level+1, root)
}

// Head returns the log's head in memory.
func (t *Tree) Head() signed.Head {
	t.mu.RLock()
	defer t.mu.RUnlock()
	root, err := tlog.TreeHash(t.size, tlog.HashReaderFunc(t.edgeHashes))
	if err != nil {
		panic(err) // the tiles being filled have every hash of the right edge
	}
	return signed.Head{Origin: t.key.Name, Size: t.size, Root: signed.Hash(root)}
}

// Flushed returns the head of the checkpoint on disk.
func (t *Tree) Flushed() signed.Head {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.disk
}
