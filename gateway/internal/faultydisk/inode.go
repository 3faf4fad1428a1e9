//go:build linux

package faultydisk

import (
	"math/rand/v2"
	"path"
	"slices"
	"syscall"
	"time"
)

// blockSize is what a disk writes whole or not at all.
const blockSize = 4096

// An inode is a file or a folder as programs see it now, and as the disk has it.
type inode struct {
	ino      uint64
	mode     uint32
	uid, gid uint32
	links    uint32
	changed  time.Time

	// The first of the names that it has; the last that it had.
	parent *inode
	name   string

	// Of a folder.
	names, kept map[string]*inode

	// Of a file.
	now, disk []byte
	dirty     map[int]bool // blocks of now that wait for a sync
	resized   bool         // the length waits for a sync
	shortest  int          // the file since the last sync, if it is resized
	lost      bool         // blocks were lost by a failed sync
}

func (d *Disk) newInode(mode uint32) *inode {
	d.inodes++
	i := &inode{ino: d.inodes, mode: mode, links: 1, changed: time.Now(), dirty: map[int]bool{}}
	if mode&syscall.S_IFMT == syscall.S_IFDIR {
		i.links, i.names, i.kept = 2, map[string]*inode{}, map[string]*inode{}
	}
	return i
}

func (i *inode) folder() bool  { return i.mode&syscall.S_IFMT == syscall.S_IFDIR }
func (i *inode) regular() bool { return i.mode&syscall.S_IFMT == syscall.S_IFREG }

func (i *inode) named(parent *inode, name string) { i.parent, i.name = parent, name }

// path is where the inode lies, below the disk's folder.
func (i *inode) path() string {
	if i.parent == nil {
		return "."
	}
	return path.Join(i.parent.path(), i.name)
}

// each visits what lies in a folder now, in the order of names.
func (i *inode) each(visit func(*inode)) {
	for _, name := range sortedNames(i.names) {
		child := i.names[name]
		visit(child)
		child.each(visit)
	}
}

func sortedNames(names map[string]*inode) (sorted []string) {
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	return sorted
}

func (i *inode) read(to []byte, from int64) int {
	if from >= int64(len(i.now)) {
		return 0
	}
	return copy(to, i.now[from:])
}

func (i *inode) write(b []byte, at int) {
	if end := at + len(b); end > len(i.now) {
		i.resize(end)
	}
	copy(i.now[at:], b)
	for block := at / blockSize; block*blockSize < at+len(b); block++ {
		i.dirty[block] = true
	}
}

func (i *inode) resize(length int) {
	if length == len(i.now) {
		return
	}
	if !i.resized {
		i.resized, i.shortest = true, len(i.now)
	}
	i.shortest = min(i.shortest, length)
	i.now = lengthen(i.now, length)
	for block := range i.dirty {
		if block*blockSize >= length {
			delete(i.dirty, block)
		}
	}
}

// lengthen makes b of a length: cut off, or with zeros behind it.
func lengthen(b []byte, length int) []byte {
	if length <= len(b) {
		return b[:length]
	}
	had := len(b)
	b = slices.Grow(b, length-had)[:length]
	clear(b[had:])
	return b
}

// sync brings to the disk what waits for it.
func (i *inode) sync() { i.settle(func() bool { return true }) }

// settle brings to the disk what keep says of what waits, and forgets the rest.
func (i *inode) settle(keep func() bool) {
	if i.resized && keep() {
		i.disk = lengthen(i.disk[:min(len(i.disk), i.shortest)], len(i.now))
	}
	i.resized = false
	for _, block := range sortedBlocks(i.dirty) {
		if from := block * blockSize; keep() && from < len(i.disk) {
			copy(i.disk[from:], i.now[from:min(from+blockSize, len(i.now))])
		}
	}
	clear(i.dirty)
}

// fail is a sync that fails: the blocks count as written, and are not.
func (i *inode) fail() {
	i.lost = i.lost || len(i.dirty) > 0
	clear(i.dirty)
}

func sortedBlocks(blocks map[int]bool) (sorted []int) {
	for block := range blocks {
		sorted = append(sorted, block)
	}
	slices.Sort(sorted)
	return sorted
}

// cut makes a folder and all below it what the disk has of them. Chance says for each file
// how large a part of what waits reached the disk, and keep the same of a mean part. Links
// counts the names of each file.
func (i *inode) cut(chance *rand.Rand, keep func() bool, links map[*inode]uint32) {
	i.names = map[string]*inode{}
	for _, name := range sortedNames(i.kept) {
		child := i.kept[name]
		if !child.folder() && !child.regular() {
			delete(i.kept, name) // a socket: who listened there is gone
			continue
		}
		i.names[name] = child
		if links[child] == 0 {
			child.named(i, name)
		}
		if child.folder() {
			child.cut(chance, keep, links)
			continue
		}
		if links[child]++; links[child] > 1 {
			child.links = links[child]
			continue // it was met by another name
		}
		part := keep
		if chance != nil {
			switch chance.IntN(4) {
			case 0:
				part = func() bool { return false }
			case 1:
				part = func() bool { return true }
			}
		}
		child.settle(part)
		child.now, child.lost, child.links = slices.Clone(child.disk), false, 1
	}
}

// A change is of names, all of it or none: a rename changes two.
type change struct{ names []naming }

// A naming gives a name in a folder to an inode, or takes it away.
type naming struct {
	in   *inode
	name string
	to   *inode // nil: taken away
}

// apply has a change of names happen, not yet on the disk.
func (d *Disk) apply(names ...naming) {
	for _, n := range names {
		if n.to == nil {
			delete(n.in.names, n.name)
			continue
		}
		n.in.names[n.name] = n.to
		if n.to.parent == nil || n.to.parent.names[n.to.name] != n.to {
			n.to.named(n.in, n.name)
		}
	}
	d.names = append(d.names, &change{names})
}

// rename looks for another name of an inode that lost one and has more.
func (d *Disk) rename(i *inode) {
	if i.links == 0 || i.parent.names[i.name] == i {
		return
	}
	var in func(folder *inode)
	in = func(folder *inode) {
		for _, name := range sortedNames(folder.names) {
			switch child := folder.names[name]; {
			case child == i:
				i.named(folder, name)
			case child.folder():
				in(child)
			}
		}
	}
	in(d.root)
}

// settle brings a change of names to the disk.
func (c *change) settle() {
	for _, n := range c.names {
		if n.to == nil {
			delete(n.in.kept, n.name)
		} else {
			n.in.kept[n.name] = n.to
		}
	}
}

// syncFolder brings to the disk the changes of a folder's names.
func (d *Disk) syncFolder(folder *inode) {
	d.names = slices.DeleteFunc(d.names, func(c *change) bool {
		of := slices.ContainsFunc(c.names, func(n naming) bool { return n.in == folder })
		if of {
			c.settle()
		}
		return of
	})
}
