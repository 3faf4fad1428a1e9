package auditlog_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"samband/gateway/auditlog"
	"samband/gateway/auditlog/tree"
	"samband/gateway/signed"
)

const (
	origin = "nordic.example/audit"
	size   = 66000 // 257 whole tiles, one whole tile above them, and partial ones
)

func logKey(t testing.TB) *signed.PrivateKey {
	t.Helper()
	seed := sha256.Sum256([]byte("samband test key of " + origin))
	k, err := signed.NewPrivateKey(origin, signed.Ed25519, seed[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// writeLog makes a log's folder, with a flush at each size, and reads its files.
func writeLog(t testing.TB, sizes ...int64) fstest.MapFS {
	t.Helper()
	dir := t.TempDir()
	tr, err := tree.Open(dir, logKey(t).Public)
	if err != nil {
		t.Fatal(err)
	}
	for _, upTo := range sizes {
		for i := tr.Head().Size; i < upTo; i++ {
			h := sha256.Sum256(fmt.Append(nil, "leaf ", i))
			if _, err := tr.Append(h[:]); err != nil {
				t.Fatal(err)
			}
		}
		cp, err := auditlog.SignCheckpoint(tr.Head(), logKey(t))
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.Flush(cp); err != nil {
			t.Fatal(err)
		}
	}
	folder := fstest.MapFS{}
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(os.DirFS(dir), name)
		folder[name] = &fstest.MapFile{Data: b}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestVerifyFolder(t *testing.T) {
	folder := writeLog(t, 65900, size)
	key := logKey(t).Public
	head, err := auditlog.VerifyFolder(folder, key)
	if err != nil || head.Size != size || head.Origin != origin {
		t.Fatalf("a whole log: %v, %v", head, err)
	}
	const (
		bundleItem = 2 + 32 // a length and an audit leaf
		hash       = 32
	)
	for _, c := range []struct {
		file  string
		at    int // the byte that is flipped; -1: the file is removed
		entry int64
	}{
		{"tile/entries/000", 2, 0},
		{"tile/entries/000", 17*bundleItem + 5, 17},
		{"tile/entries/100", 255*bundleItem + 33, 100*256 + 255},
		{"tile/entries/100", 9 * bundleItem, 100*256 + 9}, // the entry's length
		{"tile/entries/257.p/208", 207*bundleItem + 33, size - 1},
		{"tile/0/000", 0, 0},
		{"tile/0/200", 31*hash + 3, 200*256 + 31},
		{"tile/0/257.p/208", 207 * hash, size - 1},
		{"tile/1/000", 3 * hash, 3 * 256},
		{"tile/1/001.p/1", 5, 256 * 256},
		{"tile/2/000.p/1", 5, 0},
		{"checkpoint", 25, -1},
		{"checkpoint", 100, -1},
		{"tile/entries/003", -1, 3 * 256},
		{"tile/0/003", -1, 3 * 256},
		{"tile/0/257.p/208", -1, 257 * 256},
		{"tile/1/000", -1, 0},
		{"tile/2/000.p/1", -1, 0},
		{"checkpoint", -1, -1},
	} {
		t.Run(strings.ReplaceAll(fmt.Sprint(c.file, " at ", c.at), "/", "-"), func(t *testing.T) {
			whole := folder[c.file]
			defer func() { folder[c.file] = whole }()
			damaged := bytes.Clone(whole.Data)
			if c.at < 0 {
				delete(folder, c.file)
			} else {
				damaged[c.at] ^= 0x40
				folder[c.file] = &fstest.MapFile{Data: damaged}
			}
			_, err := auditlog.VerifyFolder(folder, key)
			var d *auditlog.Damage
			if !errors.As(err, &d) {
				t.Fatalf("got %v", err)
			}
			if d.File != c.file || d.Entry != c.entry {
				t.Errorf("named %v, want %s, entry %d", d, c.file, c.entry)
			}
		})
	}
}

// What a log may have besides, or lack, without being damaged.
func TestVerifyFolderPasses(t *testing.T) {
	folder := writeLog(t, 65900, size)
	key := logKey(t).Public
	folder["tile/0/257.p/108"].Data[0] ^= 1 // of the older checkpoint
	folder["tile/0/300"] = &fstest.MapFile{Data: []byte("beyond the checkpoint")}
	if _, err := auditlog.VerifyFolder(folder, key); err != nil {
		t.Error(err)
	}
}

// A log that went on while its folder was copied: the checkpoint is older, and
// a tile it knew as partial is whole and has no partial file.
func TestVerifyFolderOfAnOlderCheckpoint(t *testing.T) {
	folder := writeLog(t, 65900, size)
	key := logKey(t)
	var r auditlog.Range
	for e, err := range auditlog.Entries(folder, 1000) {
		if err != nil {
			t.Fatal(err)
		}
		r.Append(e)
	}
	cp, err := auditlog.SignCheckpoint(r.Head(origin), key)
	if err != nil {
		t.Fatal(err)
	}
	folder["checkpoint"] = &fstest.MapFile{Data: cp}
	folder["tile/1/000.p/3"] = &fstest.MapFile{Data: folder["tile/1/000"].Data[:96]}
	head, err := auditlog.VerifyFolder(folder, key.Public)
	if err != nil || head.Size != 1000 {
		t.Errorf("%v, %v", head, err)
	}
}

// Somebody rewrote an entry and each tile above it, but can't sign.
func TestVerifyFolderOfAnotherHistory(t *testing.T) {
	folder := writeLog(t, 65900, size)
	key := logKey(t)
	entries := folder["tile/entries/002"].Data
	entries[2] ^= 1
	leaf := sha256.Sum256(append([]byte{0}, entries[2:34]...))
	copy(folder["tile/0/002"].Data, leaf[:])
	_, err := auditlog.VerifyFolder(folder, key.Public)
	var d *auditlog.Damage
	if !errors.As(err, &d) || d.File != "tile/0/002" || d.Entry != 2*256 {
		t.Errorf("with its tile: %v", err)
	}
	folder["checkpoint"].Data, err = auditlog.SignCheckpoint(signed.Head{Origin: origin, Size: size, Root: signed.HashOf("other")}, key)
	if err != nil {
		t.Fatal(err)
	}
	entries[2] ^= 1
	leaf = sha256.Sum256(append([]byte{0}, entries[2:34]...))
	copy(folder["tile/0/002"].Data, leaf[:])
	_, err = auditlog.VerifyFolder(folder, key.Public)
	if !errors.As(err, &d) || d.File != "checkpoint" {
		t.Errorf("under a checkpoint of something else: %v", err)
	}
}
