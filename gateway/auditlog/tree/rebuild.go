package tree

import (
	"fmt"
	"iter"

	"samband/gateway/auditlog"
	"samband/gateway/signed"
)

// maxPending is how many bytes Rebuild keeps in memory before it writes tiles.
const maxPending = 8 << 20

// Rebuild writes a log's tiles anew from its entries, byte for byte as they
// were, over whatever lies there, and returns the log with all of them; a Flush
// then completes it. It needs the entries twice: before it touches a file it
// makes sure that they reach the checkpoint on disk and give its root, or else
// fails with a *Contradiction and leaves everything as it is.
func Rebuild(dir string, key *signed.PublicKey, entries iter.Seq2[[]byte, error]) (*Tree, error) {
	t, err := empty(dir, key)
	if err != nil {
		return nil, err
	}
	if err := agree(t.disk, entries); err != nil {
		return nil, fmt.Errorf("rebuild the log %q: %w", dir, err)
	}
	pending := 0
	for e, err := range entries {
		if err == nil {
			_, err = t.Append(e)
		}
		if err != nil {
			return nil, fmt.Errorf("rebuild the log %q: %w", dir, err)
		}
		if pending += len(e) + 2*32; pending < maxPending || t.size%auditlog.TileWidth != 0 {
			continue
		}
		pending = 0
		if err := t.spill(); err != nil {
			return nil, fmt.Errorf("rebuild the log %q: %w", dir, err)
		}
	}
	return t, nil
}

// spill writes the whole tiles that are in memory.
func (t *Tree) spill() error {
	if err := t.writeTiles(t.size, false); err != nil {
		return err
	}
	return t.settle(t.size)
}

// A Contradiction says that entries are not those of the checkpoint on disk.
type Contradiction struct {
	Disk signed.Head // what the checkpoint on disk says
	Got  signed.Head // what the entries give at its size, or at their end
}

func (c *Contradiction) Error() string {
	if c.Got.Size < c.Disk.Size {
		return fmt.Sprintf("there are %d entries, and %d under the checkpoint on disk", c.Got.Size, c.Disk.Size)
	}
	return fmt.Sprintf("the first %d entries do not give the root of the checkpoint on disk", c.Disk.Size)
}

func agree(disk signed.Head, entries iter.Seq2[[]byte, error]) error {
	var r auditlog.Range
	for e, err := range entries {
		if err != nil {
			return err
		}
		if r.Size() == disk.Size {
			break
		}
		r.Append(e)
	}
	if got := r.Head(disk.Origin); got != disk {
		return &Contradiction{disk, got}
	}
	return nil
}
