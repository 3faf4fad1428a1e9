package tree

import (
	"bytes"
	"fmt"

	"filippo.io/torchwood"

	"samband/gateway/auditlog"
	"samband/gateway/signed"
)

// Flush writes the log to its files as far as a checkpoint says, and the
// checkpoint last. The checkpoint must be of a head that the log had, and not
// be before the one on disk. Entries may be appended meanwhile.
func (t *Tree) Flush(checkpoint []byte) error {
	t.flushing.Lock()
	defer t.flushing.Unlock()
	head, err := auditlog.VerifyCheckpoint(checkpoint, t.key)
	if err != nil {
		return err
	}
	if err := t.mayPublish(head); err != nil {
		return err
	}
	// Killed before this, or within it: the folder's checkpoint is the old one and
	// all its tiles are untouched; some files beyond it may lie there.
	if err := t.writeTiles(head.Size, true); err != nil {
		return fmt.Errorf("flush %s to %d entries: %w", t.key.Name, head.Size, err)
	}
	// Killed here: the same.
	if err := t.folder.write(auditlog.CheckpointFile, checkpoint); err != nil {
		return fmt.Errorf("flush %s to %d entries: %w", t.key.Name, head.Size, err)
	}
	if err := t.folder.sync(); err != nil {
		return fmt.Errorf("flush %s to %d entries: %w", t.key.Name, head.Size, err)
	}
	t.mu.Lock()
	t.flushed, t.disk = head.Size, head
	t.mu.Unlock()
	t.checkpoint = bytes.Clone(checkpoint)
	// Killed here: partial tiles of whole ones lie about, as they may.
	return t.settle(head.Size)
}

func (t *Tree) mayPublish(head signed.Head) error {
	if head.Size < t.disk.Size {
		return fmt.Errorf("flush %s: a checkpoint of %d entries comes before the one of %d on disk", t.key.Name, head.Size, t.disk.Size)
	}
	if head.Size < t.tiled {
		return fmt.Errorf("flush %s: a checkpoint of %d entries, and tiles of %d are rebuilt", t.key.Name, head.Size, t.tiled)
	}
	for _, h := range []signed.Head{t.disk, head} {
		root, err := t.RootAt(h.Size)
		if err != nil {
			return fmt.Errorf("flush: %w", err)
		}
		if root != h.Root {
			return fmt.Errorf("flush %s: the log at %d entries has another root than the checkpoint", t.key.Name, h.Size)
		}
	}
	return nil
}

// writeTiles puts into files what is not there yet of the log at size: whole
// tiles and their bundles and, if asked, partial ones.
func (t *Tree) writeTiles(size int64, partial bool) error {
	for _, at := range wholeTiles(t.tiled, size) {
		if err := t.writeTile(at, auditlog.TileWidth); err != nil {
			return err
		}
	}
	for l := 0; partial && size>>(l*height) > 0; l++ {
		count := size >> (l * height)
		w := int(count % auditlog.TileWidth)
		if w == 0 || count == t.flushed>>(l*height) {
			continue
		}
		if err := t.writeTile(id{l, count / auditlog.TileWidth}, w); err != nil {
			return err
		}
	}
	return t.folder.sync()
}

func (t *Tree) writeTile(at id, width int) error {
	content, bundle, err := t.contents(at, width)
	if err == nil {
		err = t.folder.write(at.path(width), content)
	}
	if err != nil || at.level > 0 {
		return err
	}
	return t.folder.write(id{entriesLevel, at.n}.path(width), bundle)
}

// contents are those of a tile's file and, at level 0, of its bundle's, from memory.
func (t *Tree) contents(at id, width int) (content, bundle []byte, err error) {
	t.mu.RLock()
	v := t.full[at]
	if v == nil {
		v = t.edge[at.level]
	}
	content = v.content(width)
	entries, base := t.entries, t.base
	t.mu.RUnlock()
	if at.level > 0 {
		return content, nil, nil
	}
	from := at.n*auditlog.TileWidth - base
	for _, e := range entries[from : from+int64(width)] {
		if bundle, err = torchwood.AppendTileEntry(bundle, e); err != nil {
			return nil, nil, err
		}
	}
	return content, bundle, nil
}

// settle drops what whole tiles in files now have, in memory and on disk.
func (t *Tree) settle(size int64) error {
	whole := wholeTiles(t.tiled, size)
	t.mu.Lock()
	for _, at := range whole {
		t.cache.put(at, t.full[at])
		delete(t.full, at)
	}
	base := size / auditlog.TileWidth * auditlog.TileWidth
	t.entries = append([][]byte(nil), t.entries[base-t.base:]...)
	t.base, t.tiled = base, size
	t.mu.Unlock()
	return t.folder.dropPartial(whole)
}

// wholeTiles lists the tiles that the log has filled between two sizes.
func wholeTiles(from, to int64) []id {
	var out []id
	for l := 1; to>>(l*height) > 0; l++ {
		for n := from >> (l * height); n < to>>(l*height); n++ {
			out = append(out, id{l - 1, n})
		}
	}
	return out
}
