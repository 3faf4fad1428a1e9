package auditlog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"samband/gateway/signed"
)

// Names of a log's files beside its tiles (SPEC §7.3).
const (
	CheckpointFile = "checkpoint"
	KeyFile        = "vkey"
)

// TileWidth is the number of hashes of a whole tile, and of entries in a whole
// bundle.
const TileWidth = torchwood.TileWidth

const entriesLevel = -1

// Damage names the place where a log's folder is not what its checkpoint says.
type Damage struct {
	File  string // in the log's folder
	Entry int64  // the first entry concerned; -1 if that can't be said
	What  string
	Err   error // of the read, where it is the system's
}

func (d *Damage) Unwrap() error { return d.Err }

func (d *Damage) Error() string {
	if d.Entry < 0 {
		return fmt.Sprintf("%s: %s", d.File, d.What)
	}
	return fmt.Sprintf("%s: entry %d: %s", d.File, d.Entry, d.What)
}

// ReadCheckpoint reads and verifies a log folder's checkpoint; fs.ErrNotExist
// when it has none.
func ReadCheckpoint(folder fs.FS, key *signed.PublicKey) (signed.Head, error) {
	b, err := readBounded(folder, CheckpointFile, maxCheckpoint)
	if err != nil {
		return signed.Head{}, fmt.Errorf("read %s: %w", CheckpointFile, err)
	}
	h, err := VerifyCheckpoint(b, key)
	if err != nil {
		return signed.Head{}, &Damage{File: CheckpointFile, Entry: -1, What: err.Error()}
	}
	return h, nil
}

// ReadTile reads the first width hashes of tile n of a level; the error is a
// *Damage. If a partial tile is gone, the whole one serves, as C2SP has it.
func ReadTile(folder fs.FS, level int, n int64, width int) ([]signed.Hash, error) {
	t := tlog.Tile{H: torchwood.TileHeight, L: level, N: n, W: width}
	first := n << ((level + 1) * torchwood.TileHeight)
	b, path, err := readPart(folder, t, TileWidth*tlog.HashSize)
	if err != nil {
		return nil, &Damage{path, first, err.Error(), err}
	}
	whole := torchwood.TilePath(widest(t)) == path
	if len(b) != width*tlog.HashSize && !(whole && len(b) == TileWidth*tlog.HashSize) {
		return nil, &Damage{path, first, fmt.Sprintf("a tile of %d bytes where %d hashes belong", len(b), width), nil}
	}
	hashes := make([]signed.Hash, width)
	for i := range hashes {
		hashes[i] = signed.Hash(b[i*tlog.HashSize:])
	}
	return hashes, nil
}

// ReadBundle reads the first width entries of bundle n; the error is a *Damage.
func ReadBundle(folder fs.FS, n int64, width int) ([][]byte, error) {
	t := tlog.Tile{H: torchwood.TileHeight, L: entriesLevel, N: n, W: width}
	first := n * TileWidth
	rest, path, err := readPart(folder, t, TileWidth*(2+MaxEntry))
	if err != nil {
		return nil, &Damage{path, first, err.Error(), err}
	}
	entries := make([][]byte, width)
	for i := range entries {
		if entries[i], rest, err = torchwood.ReadTileEntry(rest); err != nil {
			return nil, &Damage{path, first + int64(i), "the bundle ends within it or before it", nil}
		}
	}
	if len(rest) > 0 && torchwood.TilePath(t) == path {
		return nil, &Damage{path, first + int64(width) - 1, "bytes follow the last entry", nil}
	}
	return entries, nil
}

// Entries reads the first size entries of a log's folder, in order. It checks
// their form only: VerifyFolder says whether they are the log's. An error, a
// *Damage, comes last.
func Entries(folder fs.FS, size int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for from := int64(0); from < size; from += TileWidth {
			entries, err := ReadBundle(folder, from/TileWidth, int(min(TileWidth, size-from)))
			if err != nil {
				yield(nil, err)
				return
			}
			for _, e := range entries {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// readPart reads a tile's file, or else the whole tile's.
func readPart(folder fs.FS, t tlog.Tile, max int) (b []byte, path string, err error) {
	path = torchwood.TilePath(t)
	b, err = readBounded(folder, path, max)
	if whole := torchwood.TilePath(widest(t)); errors.Is(err, fs.ErrNotExist) && whole != path {
		if b, err2 := readBounded(folder, whole, max); err2 == nil {
			return b, whole, nil
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("the file is missing")
	}
	return b, path, err
}

func widest(t tlog.Tile) tlog.Tile {
	t.W = TileWidth
	return t
}

// readBounded opens regular files only: somebody else may have filled the folder.
func readBounded(folder fs.FS, path string, max int) ([]byte, error) {
	info, err := fs.Stat(folder, path)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no regular file")
	}
	if err != nil {
		return nil, err
	}
	f, err := folder.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(max)+1))
	if err == nil && len(b) > max {
		err = fmt.Errorf("the file passes the bound of %d bytes", max)
	}
	return b, err
}
