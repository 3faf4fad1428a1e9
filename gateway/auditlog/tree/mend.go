package tree

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"syscall"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/auditlog"
	"samband/gateway/durable"
)

// A Mend is what a tree makes damaged files anew from. Disks lose bits of files that nobody
// writes any more; whoever decides what is in the log has the entries still.
type Mend struct {
	// Entries reads the log's entries again, from one index to before another.
	Entries func(from, to int64) iter.Seq2[[]byte, error]
	// Told hears of each damaged file that was met. The error is nil where it was made anew;
	// else it says why not.
	Told func(*auditlog.Damage, error)
}

// MendFrom has the tree mend whole tiles when it meets damaged ones, and what Scrub finds.
// Call it before the tree has other callers.
func (t *Tree) MendFrom(m Mend) { t.mend = &m }

// passing tells a read that failed for want of descriptors: the file may be well.
func passing(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// anew makes a damaged whole tile anew, with its bundle, and returns it. What it makes gives
// the hash in the level above, whatever it was made of. Where it can't be written it serves
// all the same.
func (t *Tree) anew(at id, want tlog.Hash, found *auditlog.Damage) (*tile, error) {
	if t.mend == nil || passing(found) {
		return nil, found
	}
	t.mending.Lock()
	defer t.mending.Unlock()
	if v := t.sound(at, want); v != nil {
		return v, nil // another met it at once, and mended it
	}
	v, bundle, err := t.remade(at, want)
	if err != nil {
		err = fmt.Errorf("%w; it can't be made anew: %w", found, err)
		t.mend.Told(found, err)
		return nil, err
	}
	err = t.folder.write(at.path(auditlog.TileWidth), v.content(auditlog.TileWidth))
	if err == nil && at.level == 0 {
		err = t.folder.write(id{entriesLevel, at.n}.path(auditlog.TileWidth), bundle)
	}
	if err == nil {
		err = t.folder.sync()
	}
	t.mend.Told(found, err)
	return v, nil
}

// sound is a whole tile whose file is what the level above says, and so is its bundle; nil if not.
func (t *Tree) sound(at id, want tlog.Hash) *tile {
	v, root, err := t.whole(at)
	if err != nil || root != want || at.level == 0 && t.checkBundle(at, v) != nil {
		return nil
	}
	return v
}

// remade computes a whole tile and, at level 0, its bundle: of the tiles beneath, or, where those
// don't give it, of the entries.
func (t *Tree) remade(at id, want tlog.Hash) (v *tile, bundle []byte, err error) {
	if at.level > 0 {
		if v, root := t.ofChildren(at); root == want {
			return v, nil, nil
		}
	}
	width := int64(1) << (at.level * height) // entries beneath one hash of the tile
	v = &tile{}
	var root tlog.Hash
	var below auditlog.Range
	from := at.n * auditlog.TileWidth * width
	for e, err := range t.mend.Entries(from, from+auditlog.TileWidth*width) {
		if err != nil {
			return nil, nil, err
		}
		if below.Append(e); below.Size() == width {
			root, _ = v.add(tlog.Hash(below.Root()))
			below = auditlog.Range{}
		}
		if at.level > 0 {
			continue
		}
		if bundle, err = torchwood.AppendTileEntry(bundle, e); err != nil {
			return nil, nil, err
		}
	}
	if root != want {
		return nil, nil, fmt.Errorf("the entries from %d on do not give it", from)
	}
	return v, bundle, nil
}

// ofChildren computes a tile of the tiles beneath it; the zero hash where one can't be read.
func (t *Tree) ofChildren(at id) (v *tile, root tlog.Hash) {
	v = &tile{}
	for i := range int64(auditlog.TileWidth) {
		_, child, err := t.whole(id{at.level - 1, at.n*auditlog.TileWidth + i})
		if err != nil {
			return nil, tlog.Hash{}
		}
		root, _ = v.add(child)
	}
	return v, root
}

// checkBundle compares a whole bundle with its tile.
func (t *Tree) checkBundle(at id, v *tile) error {
	entries, err := auditlog.ReadBundle(t.folder.files(), at.n, auditlog.TileWidth)
	if err != nil {
		return err
	}
	for i, e := range entries {
		if tlog.RecordHash(e) != v.nodes[0][i] {
			return &auditlog.Damage{File: id{entriesLevel, at.n}.path(auditlog.TileWidth), Entry: at.n*auditlog.TileWidth + int64(i),
				What: "it is not the entry that was logged"}
		}
	}
	return nil
}

// Scrub looks at one of the log's files on disk, the next at each call, and makes it anew if it is
// damaged; a whole tile goes with its bundle. Nobody may ask for it for years, and an auditor
// who meets the damage first takes it for fraud. Call it by one at a time.
func (t *Tree) Scrub() {
	t.mu.RLock()
	tiled := t.tiled
	t.mu.RUnlock()
	at := t.scrubbed
	for at.level > 0 && at.n >= tiled>>((at.level+1)*height) {
		at = id{at.level - 1, 0}
	}
	if at.n < tiled>>((at.level+1)*height) {
		t.scrubTile(at)
		t.scrubbed = id{at.level, at.n + 1}
		return
	}
	t.scrubEdge()
	top := 0
	for tiled>>((top+2)*height) > 0 {
		top++
	}
	t.scrubbed = id{top, 0}
}

// scrubTile looks at a whole tile and its bundle, as they are in their files.
func (t *Tree) scrubTile(at id) {
	want, err := t.hash((at.level+1)*height, at.n)
	if err != nil {
		return // that of the level above was told
	}
	v, err := t.checked(at, want)
	if err == nil && at.level == 0 {
		err = t.checkBundle(at, v)
	}
	if damage, is := errors.AsType[*auditlog.Damage](err); is {
		t.anew(at, want, damage) // it tells
	}
}

// scrubEdge looks at the files that are written anew as the log grows: partial tiles, their
// bundle, the checkpoint, and the key's file.
func (t *Tree) scrubEdge() {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	if t.checkpoint == nil {
		return // nothing was flushed yet
	}
	files := map[string][]byte{auditlog.KeyFile: t.folder.vkey, auditlog.CheckpointFile: t.checkpoint}
	for l := 0; t.flushed>>(l*height) > 0; l++ {
		count := t.flushed >> (l * height)
		w := int(count % auditlog.TileWidth)
		if w == 0 {
			continue
		}
		content, bundle, err := t.contents(id{l, count / auditlog.TileWidth}, w)
		if err != nil {
			t.mend.Told(&auditlog.Damage{File: id{l, count / auditlog.TileWidth}.path(w), Entry: -1, What: "its content can't be computed"}, err)
			return
		}
		files[id{l, count / auditlog.TileWidth}.path(w)] = content
		if l == 0 {
			files[id{entriesLevel, count / auditlog.TileWidth}.path(w)] = bundle
		}
	}
	for name, want := range files {
		got, err := durable.ReadFile(t.folder.path(name), len(want))
		if passing(err) || err == nil && bytes.Equal(got, want) {
			continue
		}
		what := "it is not what was written"
		if err != nil {
			what = err.Error()
		}
		t.mend.Told(&auditlog.Damage{File: name, Entry: -1, What: what, Err: err}, errors.Join(t.folder.write(name, want), t.folder.sync()))
	}
}
