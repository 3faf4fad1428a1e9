package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"samband/gateway/durable"
)

// ErrNotServed says that no process serves the folder.
var ErrNotServed = errors.New("no process serves this")

// ErrNoFolder says that the folder is none of the kind that was looked for, so nobody
// serves it either.
var ErrNoFolder = fmt.Errorf("wrong folder: %w", ErrNotServed)

// ErrNoRight says that this account may not ask: the folder is another's.
var ErrNoRight = errors.New("no right to ask")

// An Unreachable is why a call reached nobody: it wraps one of the errors above, or says
// itself what is amiss.
type Unreachable struct {
	text string
	next string
	err  error
}

func (u *Unreachable) Error() string { return u.text }
func (u *Unreachable) Unwrap() error { return u.err }

// Next is what to do about it; "" where that depends on who asks.
func (u *Unreachable) Next() string { return u.next }

// Lasts reports whether the same call never succeeds: somebody must change something else
// than start the process.
func (u *Unreachable) Lasts() bool {
	return errors.Is(u.err, ErrNoFolder) || errors.Is(u.err, ErrNoRight) || errors.Is(u.err, errTooLong)
}

// unreachable tells the causes of a failed connection apart.
func unreachable(what, dir string, err error) error {
	u := &Unreachable{err: errors.Join(ErrNotServed, err)}
	settings := filepath.Join(dir, what+".yaml")
	_, found := os.Stat(settings)
	switch {
	case errors.Is(err, errTooLong):
		u.text, u.err = err.Error(), err
		u.next = "move the folder to a shorter path, or name it by a shorter link"
	case errors.Is(err, fs.ErrPermission), errors.Is(found, fs.ErrPermission):
		u.err = errors.Join(ErrNoRight, err)
		u.text = fmt.Sprintf("this account may not ask the %s in %s", what, dir)
		u.next = "give this account the right to the folder"
		if owner := durable.OthersOwner(dir); owner != "" {
			u.text += ", which belongs to " + owner
			u.next = durable.AsOwner(owner)
		}
	case errors.Is(found, fs.ErrNotExist):
		u.err = errors.Join(ErrNoFolder, err)
		u.text = fmt.Sprintf("there is no %s in %s: it has no %s.yaml", what, dir, what)
		if _, missing := os.Stat(dir); errors.Is(missing, fs.ErrNotExist) {
			u.text = fmt.Sprintf("there is no folder %s", dir)
		}
		u.next = fmt.Sprintf("name the %s's folder with --dir", what)
		if unexpanded(dir) {
			u.text += ": the shell left ~ as it is"
			u.next = `write --dir ~/…, with a space, or "$HOME/…"`
		}
	default:
		u.text = fmt.Sprintf("%v %s: %v", ErrNotServed, what, err)
	}
	return u
}

// unexpanded reports whether a part of a path begins with ~, which a shell replaces at the
// beginning of a word only.
func unexpanded(path string) bool {
	for _, part := range strings.Split(filepath.ToSlash(path), "/") {
		if strings.HasPrefix(part, "~") {
			return true
		}
	}
	return false
}

// whose adds to a fault of the process that serves: whose file it may not read, and what
// to do.
func whose(err error) string {
	var at *fs.PathError
	if !errors.Is(err, fs.ErrPermission) || !errors.As(err, &at) {
		return ""
	}
	owner, dir := durable.OthersOwner(at.Path), durable.OthersOwner(filepath.Dir(at.Path))
	if owner == "" {
		return ""
	}
	if dir == "" {
		return fmt.Sprintf("; it belongs to %s: give it to the owner of its folder, as with sudo chown --reference=%q %q", owner, filepath.Dir(at.Path), at.Path)
	}
	return fmt.Sprintf("; it belongs to %s", owner)
}

// maxPath is how long a socket's path may be: the kernel keeps it, with a zero
// behind it, in a field of this size.
const maxPath = len(syscall.RawSockaddrUnix{}.Path) - 1

var errTooLong = errors.New("the socket's path is too long")

// A place is a path by which the kernel takes a socket, until it is closed.
type place struct {
	path string
	dir  *os.File // by which a long path is short; nil: it is short itself
}

func (p *place) Close() {
	if p.dir != nil {
		p.dir.Close()
	}
}

// reach finds the place of a socket.
func reach(path string) (*place, error) {
	if len(path) <= maxPath {
		return &place{path: path}, nil
	}
	dir, short, err := shorter(path)
	if err == nil && len(short) <= maxPath {
		return &place{short, dir}, nil
	}
	if err == nil {
		err = dir.Close()
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	return nil, fmt.Errorf("%w: %s has %d bytes and may have %d: choose a folder with a shorter path", errTooLong, path, len(path), maxPath)
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	at, err := reach(path)
	if err != nil {
		return nil, err
	}
	defer at.Close()
	return (&net.Dialer{}).DialContext(ctx, "unix", at.path)
}
