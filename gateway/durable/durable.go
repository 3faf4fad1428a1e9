// Package durable writes small files so that a crash leaves each of them complete or
// absent: keys, settings, entries, proofs.
//
//	err := durable.Create("keys/ring", ring, 0o600)     // the name must be free
//	err = durable.Replace("broker.yaml", settings, 0o644)
//
// A new file in the same folder gets its mode first, then its content. It is
// flushed, gets its name in one step, and the folder is flushed. So a name never
// stands for half a file, and what was written when a function returned nil is
// there after a power cut.
//
// What root writes belongs to the owner of the folder that it lies in: a service can read
// what stands in its folder, whoever ran a command there ([CheckWriter]).
//
// No link at the end of a path is followed: for Create the name is taken, and
// Replace puts the file in the link's place. Links among the folders above it are
// followed, as everywhere else.
//
// Files are read by [ReadFile], [Open] and [DirFS], which read regular files only and
// never wait for what others put in a file's place.
//
// A process that is killed may leave a file ".new-…" in the folder. Nothing reads
// it; it may be removed. [ReplaceVia]'s caller removes it at its next start.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Create writes a file whose name must be free; if it isn't, the error is
// [fs.ErrExist] and what has the name stays as it is. The folder's file system
// must have hard links.
func Create(path string, content []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	if err := write(dir, path, content, mode, os.Link); err != nil {
		return err
	}
	return SyncDir(dir)
}

// Replace writes a file in the place of whatever has its name, if anything has.
func Replace(path string, content []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	if err := ReplaceVia(dir, path, content, mode); err != nil {
		return err
	}
	return SyncDir(dir)
}

// ReplaceVia is Replace for a caller that writes many files into few folders: it
// calls [SyncDir] itself, once for each. Files come into being in tmp, a folder of
// the same file system that the caller empties at its start.
func ReplaceVia(tmp, path string, content []byte, mode fs.FileMode) error {
	return write(tmp, path, content, mode, os.Rename)
}

// write fills a new file in tmp and gives it its name.
func write(tmp, path string, content []byte, mode fs.FileMode, name func(from, to string) error) error {
	f, err := os.CreateTemp(tmp, ".new-*")
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	defer os.Remove(f.Name())
	if err = inherit(filepath.Dir(path), f.Chown); err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		_, err = f.Write(content)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = name(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", path, err)
	}
	return nil
}

// MkdirAll makes a folder of mode 0700, and those above it that are missing, each
// durable in the one above. A folder that is there keeps its mode: see [PrivateTree].
func MkdirAll(dir string) error {
	dir = filepath.Clean(dir)
	above := filepath.Dir(dir)
	_, err := os.Stat(dir)
	missing := errors.Is(err, fs.ErrNotExist)
	if missing {
		if err := MkdirAll(above); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil || !missing {
		return err
	}
	if err := inherit(above, func(uid, gid int) error { return os.Lchown(dir, uid, gid) }); err != nil {
		return err
	}
	return SyncDir(above)
}

// SyncDir makes the names in a folder durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
