package auditlog_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/fstest"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/auditlog"
)

// FuzzVerifyFolder: whatever is in one file of a log's folder, the log is proved
// only with the entries that were logged, and what is wrong is named.
func FuzzVerifyFolder(f *testing.F) {
	folder := writeLog(f, 300)
	key := logKey(f).Public
	head, err := auditlog.VerifyFolder(folder, key)
	if err != nil {
		f.Fatal(err)
	}
	whole := entriesOf(f, folder, head.Size)
	names := slices.Sorted(maps.Keys(folder))
	for i, name := range names {
		f.Add(uint8(i), folder[name].Data)
		f.Add(uint8(i), folder[name].Data[1:])
		f.Add(uint8(i), []byte{})
	}
	f.Fuzz(func(t *testing.T, file uint8, content []byte) {
		altered := maps.Clone(folder)
		altered[names[int(file)%len(names)]] = &fstest.MapFile{Data: content}
		got, err := auditlog.VerifyFolder(altered, key)
		var d *auditlog.Damage
		switch {
		case err != nil && !errors.As(err, &d):
			t.Fatalf("it names no place: %v", err)
		case err == nil && (got != head || !slices.EqualFunc(entriesOf(t, altered, got.Size), whole, bytes.Equal)):
			t.Fatalf("proved with other entries, to %v", got)
		}
	})
}

func entriesOf(t testing.TB, folder fstest.MapFS, size int64) (all [][]byte) {
	t.Helper()
	for e, err := range auditlog.Entries(folder, size) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// FuzzReadParts: a bundle or a tile that is read is the one that its parts
// write; of a full one, if less is asked for, its beginning.
func FuzzReadParts(f *testing.F) {
	folder := writeLog(f, 300)
	for _, width := range []uint8{0, 43, 44, 45} {
		f.Add(folder["tile/entries/001.p/44"].Data, width, false)
		f.Add(folder["tile/0/001.p/44"].Data, width, true)
	}
	f.Add([]byte{0, 0, 0, 0}, uint8(2), true) // two empty entries
	f.Add([]byte{0xff, 0xff}, uint8(1), false)
	f.Fuzz(func(t *testing.T, content []byte, width uint8, whole bool) {
		w := int(width)%auditlog.TileWidth + 1
		path := func(level int) string {
			tile := tlog.Tile{H: torchwood.TileHeight, L: level, N: 1, W: w}
			if whole {
				tile.W = auditlog.TileWidth
			}
			return torchwood.TilePath(tile)
		}
		folder := fstest.MapFS{path(-1): {Data: content}, path(0): {Data: content}}
		same := func(what string, written []byte) {
			if !bytes.HasPrefix(content, written) || len(written) < len(content) && !whole {
				t.Fatalf("%s: %x is written again as %x", what, content, written)
			}
		}
		var d *auditlog.Damage
		entries, err := auditlog.ReadBundle(folder, 1, w)
		if err != nil && !errors.As(err, &d) {
			t.Fatalf("it names no place: %v", err)
		}
		if err == nil {
			var written []byte
			for _, e := range entries {
				if written, err = torchwood.AppendTileEntry(written, e); err != nil {
					t.Fatal(err)
				}
			}
			same("bundle", written)
		}
		hashes, err := auditlog.ReadTile(folder, 0, 1, w)
		if err != nil && !errors.As(err, &d) {
			t.Fatalf("it names no place: %v", err)
		}
		if err == nil {
			var written []byte
			for _, h := range hashes {
				written = append(written, h[:]...)
			}
			same("tile", written)
		}
	})
}
