package authority

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"samband/gateway/durable"
)

// write replaces a file, in a folder that is made if it is missing.
func write(path string, b []byte, mode fs.FileMode) error {
	if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	return durable.Replace(path, b, mode)
}

// create is write for what must not be there yet: keys and entries.
func create(path string, b []byte, mode fs.FileMode) error {
	if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	return durable.Create(path, b, mode)
}

// absent checks, before a card is replaced, that its key isn't made.
func absent(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%q: %w", path, fs.ErrExist)
	}
	return nil
}

// private is the mode of every file: who is to have one gets a copy.
const private = 0o600
