package auditlog

import (
	"errors"
	"fmt"
	"io/fs"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/signed"
)

// VerifyFolder proves a whole log again from its files alone: the checkpoint is
// signed by key; every entry is there; every tile has the hashes of what lies
// beneath it; and entries and tiles give the checkpoint's root. It returns the
// checkpoint's head, or a *Damage that names the place.
//
// Older partial tiles and files it doesn't know are passed over.
func VerifyFolder(folder fs.FS, key *signed.PublicKey) (signed.Head, error) {
	head, err := ReadCheckpoint(folder, key)
	if errors.Is(err, fs.ErrNotExist) {
		return signed.Head{}, &Damage{CheckpointFile, -1, "the file is missing", nil}
	}
	if err != nil {
		return signed.Head{}, err
	}
	c := checker{folder: folder, size: head.Size}
	var log Range
	for entry, err := range Entries(folder, head.Size) {
		if err != nil {
			return signed.Head{}, err
		}
		log.Append(entry)
		if err := c.add(0, hashOfEntry(entry)); err != nil {
			return signed.Head{}, err
		}
	}
	if err := c.partial(); err != nil {
		return signed.Head{}, err
	}
	return head, c.verdict(log.Root() == head.Root)
}

// A checker compares what entries hash to with what the tiles say, level by
// level. It remembers the first difference and goes on, for only the root tells
// whether the tile is damaged or what lies beneath it.
type checker struct {
	folder fs.FS
	size   int64
	levels []level
	first  *difference
}

// A level collects the hashes of the tile it has come to.
type level struct {
	hashes []signed.Hash
	n      int64
}

// A difference is a hash of a tile that is not that of what lies beneath it.
type difference struct {
	level int
	index int64 // of the hash, in its level
}

func (c *checker) add(l int, h signed.Hash) error {
	if l == len(c.levels) {
		c.levels = append(c.levels, level{})
	}
	v := &c.levels[l]
	v.hashes = append(v.hashes, h)
	if len(v.hashes) < TileWidth {
		return nil
	}
	if err := c.compare(l); err != nil {
		return err
	}
	var root Range
	for _, h := range v.hashes {
		root.add(h)
	}
	v.hashes, v.n = v.hashes[:0], v.n+1
	return c.add(l+1, root.Root())
}

// partial compares the last tile of each level.
func (c *checker) partial() error {
	for l := range c.levels {
		if len(c.levels[l].hashes) > 0 {
			if err := c.compare(l); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) compare(l int) error {
	v := c.levels[l]
	stored, err := ReadTile(c.folder, l, v.n, len(v.hashes))
	if err != nil {
		return err
	}
	for i, h := range stored {
		if h != v.hashes[i] && c.first == nil {
			c.first = &difference{l, v.n*TileWidth + int64(i)}
		}
	}
	return nil
}

// verdict says who is wrong: with the right root from the entries, a tile is;
// otherwise what lies beneath the first differing hash.
func (c *checker) verdict(rootIsRight bool) error {
	d := c.first
	switch {
	case d == nil && rootIsRight:
		return nil
	case d == nil:
		return &Damage{CheckpointFile, -1, "entries and tiles agree with each other and not with its root: it is the checkpoint of another history", nil}
	case rootIsRight:
		return &Damage{c.path(d.level, d.index), d.index << (d.level * torchwood.TileHeight), "the tile's hash is not that of what lies beneath it", nil}
	case d.level == 0:
		return &Damage{c.path(entriesLevel, d.index), d.index, "it is not the entry that was logged", nil}
	default:
		first := d.index << (d.level * torchwood.TileHeight)
		what := fmt.Sprintf("this tile and those beneath it are not what was logged from here to entry %d",
			first+1<<(d.level*torchwood.TileHeight)-1)
		return &Damage{c.path(d.level-1, d.index*TileWidth), first, what, nil}
	}
}

// path names the file that an item of a level is in.
func (c *checker) path(l int, index int64) string {
	items := c.size >> (max(l, 0) * torchwood.TileHeight)
	n := index / TileWidth
	return torchwood.TilePath(tlog.Tile{H: torchwood.TileHeight, L: l, N: n, W: int(min(TileWidth, items-n*TileWidth))})
}
