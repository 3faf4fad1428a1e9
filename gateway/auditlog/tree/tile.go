package tree

import (
	"slices"
	"sync"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/signed"
)

const height = torchwood.TileHeight

// An id names a whole tile, or the place of one being filled.
type id struct {
	level int
	n     int64
}

// A tile has its hashes and those of every whole subtree above them, so that a
// proof reads one hash rather than computing 255.
type tile struct {
	nodes [height][]tlog.Hash // by height in the tile; nodes[0] is its content
}

// add puts a hash at the tile's end. The hash that fills it gives its root.
func (t *tile) add(h tlog.Hash) (root tlog.Hash, full bool) {
	for k := range t.nodes {
		t.nodes[k] = append(t.nodes[k], h)
		n := len(t.nodes[k])
		if n%2 == 1 {
			return tlog.Hash{}, false
		}
		h = tlog.NodeHash(t.nodes[k][n-2], h)
	}
	return h, true
}

// content returns the first width hashes as a tile's file has them.
func (t *tile) content(width int) []byte {
	var b []byte
	for _, h := range t.nodes[0][:width] {
		b = append(b, h[:]...)
	}
	return b
}

// place says where the n-th hash of a height of the tree lies: in which tile, at
// which height and position of it.
func place(treeHeight int, n int64) (tile id, k int, i int64) {
	k = treeHeight % height
	wide := height - k
	return id{treeHeight / height, n >> wide}, k, n & (1<<wide - 1)
}

// cached is the number of tiles kept of those read from files; each takes 16 KiB.
const cached = 64

// A cache keeps the tiles used last. Whole tiles never change, so two readers
// that load one at once do no harm.
type cache struct {
	mu    sync.Mutex
	tiles []cachedTile // the last used first
}

type cachedTile struct {
	id   id
	tile *tile
}

func (c *cache) get(at id) *tile {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.tiles, func(t cachedTile) bool { return t.id == at })
	if i < 0 {
		return nil
	}
	hit := c.tiles[i]
	copy(c.tiles[1:], c.tiles[:i])
	c.tiles[0] = hit
	return hit.tile
}

func (c *cache) put(at id, t *tile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tiles = slices.Insert(c.tiles[:min(len(c.tiles), cached-1)], 0, cachedTile{at, t})
}

func toSigned(hashes []tlog.Hash) []signed.Hash {
	out := make([]signed.Hash, len(hashes))
	for i, h := range hashes {
		out[i] = signed.Hash(h)
	}
	return out
}

// path names a tile's file; level -1 is that of entries.
func (at id) path(width int) string {
	return torchwood.TilePath(tlog.Tile{H: height, L: at.level, N: at.n, W: width})
}

const entriesLevel = -1
