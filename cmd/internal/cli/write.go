package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"samband/gateway/durable"
)

// A takenError says that a name is taken that a command was to give a file.
type takenError struct {
	path string
	err  error
}

func (e *takenError) Error() string { return fmt.Sprintf("%s is there already", e.path) }
func (e *takenError) Unwrap() error { return e.err }

// WriteNew writes a file that a command was asked for: its name must be free, no link is
// followed, and only its owner may read it.
func WriteNew(path string, b []byte) error {
	err := durable.Create(path, b, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &takenError{path, err}
	}
	return err
}

// NewFolder makes the folder that a command is to write files into, for its owner alone.
// One that is there is taken as it is, but no link to one: who made the link would choose
// where the files go.
func NewFolder(dir string) error {
	if info, err := os.Lstat(dir); err == nil && !info.IsDir() {
		return &takenError{dir, fmt.Errorf("%q is no folder: %w", dir, fs.ErrExist)}
	}
	return durable.MkdirAll(dir)
}
