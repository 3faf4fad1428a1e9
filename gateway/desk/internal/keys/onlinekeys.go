package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"samband/gateway/durable"
	"samband/gateway/signed"
)

// NextFile is the online ring that was made to replace the other: it does once the register
// names it.
const NextFile = "online-next.json"

// NewOnline makes the online ring that shall replace the one in force, durable beside it, and
// returns it. Where one was made that the register does not name yet, that one is returned.
func NewOnline(dir string, address signed.Address) (*Online, error) {
	next, err := openOnline(filepath.Join(dir, NextFile))
	if !errors.Is(err, fs.ErrNotExist) {
		return next, err
	}
	if next, err = newOnline(address); err != nil {
		return nil, err
	}
	return next, next.write(dir, NextFile)
}

// NewestOnline is the ring that the desk's next entry shall name.
func NewestOnline(dir string) (*Online, error) {
	next, err := openOnline(filepath.Join(dir, NextFile))
	if errors.Is(err, fs.ErrNotExist) {
		return OpenOnline(dir)
	}
	return next, err
}

// OnlineKeys are the online ring of a desk that runs: the one that the register names, also
// where that changes while it runs.
type OnlineKeys struct {
	dir string

	mu    sync.Mutex // over all below
	now   *Online
	shown *Online // at the last handshake
}

// OpenOnlineKeys opens the rings in a folder.
func OpenOnlineKeys(dir string) (*OnlineKeys, error) {
	now, err := OpenOnline(dir)
	return &OnlineKeys{dir: dir, now: now}, err
}

// Now is the ring in force, as far as this desk knows.
func (o *OnlineKeys) Now() *Online {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.now
}

// Follow takes the next ring into use where the register names its TLS key, and returns the
// ring in force. Killed before or after the file has its new name, the next start finds
// one or the other, and goes on.
func (o *OnlineKeys) Follow(named signed.Hash) (*Online, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.now.hash == named {
		return o.now, nil
	}
	next, err := openOnline(filepath.Join(o.dir, NextFile))
	if errors.Is(err, fs.ErrNotExist) || err == nil && next.hash != named {
		return o.now, nil
	}
	if err != nil {
		return o.now, err
	}
	if err := os.Rename(filepath.Join(o.dir, NextFile), filepath.Join(o.dir, OnlineFile)); err != nil {
		return o.now, fmt.Errorf("take the next online ring into use: %w", err)
	}
	o.now = next
	return o.now, durable.SyncDir(o.dir)
}

// Show is the ring to connect with. A desk whose new entry is in the register learns of it
// by a connection alone; so where the broker refused the key that was shown last, the
// other is shown.
func (o *OnlineKeys) Show(refused bool) *Online {
	o.mu.Lock()
	defer o.mu.Unlock()
	next, err := openOnline(filepath.Join(o.dir, NextFile))
	if err != nil || !refused || o.shown != nil && o.shown.hash == next.hash {
		next = o.now
	}
	o.shown = next
	return next
}
