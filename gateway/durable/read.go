package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// MaxSmall bounds a small file: a key, a certificate, settings, an entry.
const MaxSmall = 1 << 20

// ErrNotRegular says that something has the name of a file and is none. It was not read:
// a named pipe would never end, and a device does something when it is opened.
var ErrNotRegular = errors.New("it is no regular file")

// ErrTooLong says that a file is longer than its reader takes.
var ErrTooLong = errors.New("the file is too long")

// Open opens a regular file, or a link to one, to be read. It never waits: for all else
// it returns ErrNotRegular at once.
func Open(path string) (*os.File, error) { return open(path, false) }

func open(path string, folders bool) (*os.File, error) {
	check := func(info fs.FileInfo, err error) error {
		if err != nil || info.Mode().IsRegular() || folders && info.IsDir() {
			return err
		}
		return &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w but %s", ErrNotRegular, kind(info.Mode()))}
	}
	if err := check(os.Stat(path)); err != nil { // first, since to open a device may do something
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := check(f.Stat()); err != nil { // another may have the name by now
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	case m.IsDir():
		return "a folder"
	}
	return "something else"
}

// ReadFile reads a regular file of at most max bytes; ErrTooLong if it has more.
func ReadFile(path string, max int) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(max)+1))
	if err == nil && len(b) > max {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: it passes the bound of %d bytes", ErrTooLong, max)}
	}
	return b, err
}

// DirFS is a folder that others may have filled: its files are opened as by Open.
func DirFS(dir string) fs.FS { return dirFS(dir) }

type dirFS string

// Stat is of a file, of which it opens nothing.
func (dir dirFS) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	return os.Stat(dir.path(name))
}

func (dir dirFS) path(name string) string {
	return filepath.Join(string(dir), filepath.FromSlash(name))
}

func (dir dirFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := open(dir.path(name), true)
	if err != nil {
		if p, ok := errors.AsType[*fs.PathError](err); ok {
			p.Path = name
		}
		return nil, err // f would be no nil of its interface
	}
	return f, nil
}
