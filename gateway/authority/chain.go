package authority

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"samband/gateway/durable"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A chain is the entries of one signer, numbered files in a folder:
// 0000-party-fi, 0001-desk-fi.spoc. Numbers order them, the rest of a
// name is for people. The newest file is what the signer's next entry follows.
type chain struct{ dir string }

const digits = 4

// A filed entry is one file of a chain.
type filed struct {
	path   string
	number int
	note   []byte
	text   string
}

func (c chain) read() ([]filed, error) {
	paths, err := filepath.Glob(filepath.Join(c.dir, strings.Repeat("[0-9]", digits)+"-*"))
	if err != nil {
		return nil, fmt.Errorf("list entries in %q: %w", c.dir, err)
	}
	entries := make([]filed, len(paths)) // Glob sorts
	for i, path := range paths {
		note, err := durable.ReadFile(path, durable.MaxSmall)
		if err != nil {
			return nil, fmt.Errorf("read entry: %w", err)
		}
		text, err := textOf(note)
		if err != nil {
			return nil, fmt.Errorf("entry %q: %w", path, err)
		}
		number, _ := strconv.Atoi(filepath.Base(path)[:digits]) // Glob asked for digits
		entries[i] = filed{path, number, note, text}
	}
	return entries, nil
}

// last is the hash that the next entry names; zero when there is none yet.
func (c chain) last() (signed.Hash, error) {
	entries, err := c.read()
	if err != nil || len(entries) == 0 {
		return signed.Hash{}, err
	}
	return signed.HashOf(entries[len(entries)-1].text), nil
}

// add stores a complete entry as the newest; one that is there already keeps its
// file.
func (c chain) add(note []byte) (*StoredEntry, error) {
	text, err := textOf(note)
	if err != nil {
		return nil, err
	}
	entries, err := c.read()
	if err != nil {
		return nil, err
	}
	number := 0
	for _, e := range entries {
		if e.text == text {
			return &StoredEntry{e.note, signed.HashOf(text), e.path}, nil
		}
		number = e.number + 1
	}
	path := filepath.Join(c.dir, fmt.Sprintf("%0*d-%s", digits, number, title(text)))
	return &StoredEntry{note, signed.HashOf(text), path}, create(path, note, private)
}

// follow makes the chain what the register has of it. Files that are not its beginning are
// set aside: they were never entered, or lie in another order. What is missing is added.
func (c chain) follow(notes [][]byte) error {
	entries, err := c.read()
	if err != nil {
		return err
	}
	same := 0
	for same < min(len(entries), len(notes)) && bytes.Equal(entries[same].note, notes[same]) {
		same++
	}
	for _, e := range slices.Backward(entries[same:]) {
		if err := c.aside(e.path); err != nil {
			return err
		}
	}
	for _, note := range notes[same:] {
		if _, err := c.add(note); err != nil {
			return err
		}
	}
	return nil
}

// aside renames a file of the chain, so that it is none any more.
func (c chain) aside(path string) error {
	aside := filepath.Join(c.dir, "aside-"+filepath.Base(path))
	for n := 2; ; n++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		}
		aside = filepath.Join(c.dir, fmt.Sprintf("aside-%d-%s", n, filepath.Base(path)))
	}
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("set entry aside: %w", err)
	}
	return durable.SyncDir(c.dir)
}

// newest is the newest entry of a chain that fits, or nil.
func newest[E register.Entry](c chain, fits func(E) bool) (found E, err error) {
	entries, err := c.read()
	if err != nil {
		return found, err
	}
	for _, f := range slices.Backward(entries) {
		e, err := register.ParseEntry(f.text)
		if err != nil {
			continue // the federation file, which stands in no chain, or a form of later days
		}
		if e, ok := e.(E); ok && fits(e) {
			return e, nil
		}
	}
	return found, nil
}

// title is what an entry is about, for its file's name.
func title(text string) string {
	kind := strings.TrimSuffix(strings.TrimPrefix(signed.FirstLine(text), "samband/"), "/v1")
	e, err := register.ParseEntry(text)
	if err != nil {
		return kind
	}
	switch e := e.(type) {
	case *register.Party:
		return kind + "-" + e.Name
	case *register.Desk:
		return kind + "-" + string(e.Address)
	case *register.Revocation:
		return kind + "-" + e.Subject()
	}
	return kind
}
