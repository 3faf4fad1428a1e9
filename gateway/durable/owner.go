package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A NotOwner says that a folder belongs to another account than the one that asks. What
// it wrote there, the owner could not read.
type NotOwner struct {
	Dir   string
	Owner string // the account's name, or its number where it has none
}

func (e *NotOwner) Error() string {
	return fmt.Sprintf("%s belongs to %s, and this is another account: nothing was written", e.Dir, e.Owner)
}

// Next is what to do about it.
func (e *NotOwner) Next() string { return AsOwner(e.Owner) }

// AsOwner is the advice to run a command as another account.
func AsOwner(owner string) string {
	return fmt.Sprintf("run the same command as %s: sudo -u %[1]s …", owner)
}

// CheckOwner returns a NotOwner if a folder is there and belongs to another account. It is
// for a process whose libraries make files of their own.
func CheckOwner(dir string) error { return checkOwner(dir, false) }

// CheckWriter is like CheckOwner, but lets root write anywhere: what the functions of this
// package write becomes the owner's.
func CheckWriter(dir string) error { return checkOwner(dir, mayGive()) }

func checkOwner(dir string, gives bool) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if owner, others := othersOwner(info); others && !gives {
		return &NotOwner{dir, owner}
	}
	return nil
}

// OthersOwner names the account that a path belongs to, or the first folder above it that
// this process can see; "" if that is its own account.
func OthersOwner(path string) string {
	for {
		if info, err := os.Stat(path); err == nil {
			owner, _ := othersOwner(info)
			return owner
		}
		above := filepath.Dir(path)
		if above == path {
			return ""
		}
		path = above
	}
}

// openOrMake opens a file to be written, or makes it for the owner of its folder. One that
// is there keeps its owner: it may be a link to a file elsewhere.
func openOrMake(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, privateFile)
	if errors.Is(err, fs.ErrExist) {
		return os.OpenFile(path, os.O_RDWR|os.O_CREATE, privateFile)
	}
	if err != nil {
		return nil, err
	}
	if err := inherit(filepath.Dir(path), f.Chown); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return f, nil
}
