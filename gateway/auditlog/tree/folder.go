package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"samband/gateway/auditlog"
	"samband/gateway/durable"
	"samband/gateway/signed"
)

// temporary is the folder in which files are written before they get their
// names. Nobody reads it, and what a killed process left there is removed.
const temporary = ".tmp"

// A folder writes a log's files so that each is whole or not there.
type folder struct {
	dir  string
	vkey []byte

	mu    sync.Mutex      // through each method below; guards these
	known map[string]bool // folders whose own names the last or next sync makes durable
	dirty map[string]bool // folders that got a name since the last sync
}

func openFolder(dir string, key *signed.PublicKey) (*folder, error) {
	vkey := []byte(key.VerifierKey() + "\n")
	f := &folder{dir: dir, vkey: vkey, known: map[string]bool{}, dirty: map[string]bool{}}
	if err := os.RemoveAll(f.path(temporary)); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(f.path(temporary), 0o700); err != nil {
		return nil, err
	}
	switch there, err := durable.ReadFile(f.path(auditlog.KeyFile), durable.MaxSmall); {
	case errors.Is(err, fs.ErrNotExist):
		if err := f.write(auditlog.KeyFile, vkey); err != nil {
			return nil, err
		}
		return f, f.sync()
	case err != nil:
		return nil, err
	case !bytes.Equal(there, vkey):
		if _, err := auditlog.ReadCheckpoint(f.files(), key); err == nil { // it is our log: the file is damaged
			return f, errors.Join(f.write(auditlog.KeyFile, vkey), f.sync())
		}
		return nil, fmt.Errorf("%s names another key than %s: it is another log's folder", auditlog.KeyFile, key.Name)
	}
	return f, nil
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

func (f *folder) files() fs.FS { return durable.DirFS(f.dir) }

// write makes a file, or puts another in its place; sync makes its name durable.
func (f *folder) write(name string, content []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := f.path(name)
	err := f.replace(path, content)
	if errors.Is(err, fs.ErrNotExist) { // somebody removed a folder that we knew
		clear(f.known)
		clear(f.dirty)
		if err = os.MkdirAll(f.path(temporary), 0o700); err == nil {
			err = f.replace(path, content)
		}
	}
	if err == nil {
		f.dirty[filepath.Dir(path)] = true
	}
	return err
}

func (f *folder) replace(path string, content []byte) error {
	if err := f.makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	return durable.ReplaceVia(f.path(temporary), path, content, 0o600)
}

// makeDir makes a folder and those above it, and sees to it once that each
// stands in the one above, whoever made it.
func (f *folder) makeDir(dir string) error {
	if f.known[dir] {
		return nil
	}
	if dir != f.dir {
		if err := f.makeDir(filepath.Dir(dir)); err != nil {
			return err
		}
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	f.known[dir] = true
	f.dirty[filepath.Dir(dir)] = true
	return nil
}

// sync makes all names given since the last sync durable.
func (f *folder) sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for dir := range f.dirty {
		if err := durable.SyncDir(dir); err != nil {
			return err
		}
		delete(f.dirty, dir)
	}
	return nil
}

// dropPartial removes the partial tiles of whole ones.
func (f *folder) dropPartial(whole []id) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, at := range whole {
		drop := []string{at.path(1)}
		if at.level == 0 {
			drop = append(drop, id{entriesLevel, at.n}.path(1))
		}
		for _, name := range drop {
			dir := filepath.Dir(f.path(name))
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			delete(f.known, dir)
		}
	}
	return nil
}
