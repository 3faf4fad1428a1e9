//go:build linux

package faultydisk

import (
	"context"
	"strings"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// A node is an inode as the kernel knows it, of one mount.
type node struct {
	fs.Inode
	d       *Disk
	i       *inode
	mounted int
}

// The calls that the kernel makes.
var (
	_ fs.NodeLookuper  = (*node)(nil)
	_ fs.NodeGetattrer = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeOpendirer = (*node)(nil)
	_ fs.NodeReaddirer = (*node)(nil)
	_ fs.NodeReader    = (*node)(nil)
	_ fs.NodeWriter    = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeMknoder   = (*node)(nil)
	_ fs.NodeLinker    = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeStatfser  = (*node)(nil)
)

// locked does something with the disk locked, if it has power.
func (n *node) locked(do func() syscall.Errno) syscall.Errno {
	n.d.mu.Lock()
	defer n.d.mu.Unlock()
	if n.d.off || n.mounted != n.d.mounted {
		return syscall.EIO
	}
	errno := do()
	n.d.falls()
	return errno
}

func (i *inode) attr(out *fuse.Attr) {
	out.Ino, out.Mode, out.Nlink = i.ino, i.mode, i.links
	out.Uid, out.Gid = i.uid, i.gid
	out.Size, out.Blksize = uint64(len(i.now)), blockSize
	out.Blocks = (out.Size + 511) / 512
	out.SetTimes(&i.changed, &i.changed, &i.changed)
}

// child is what the kernel gets of an inode.
func (n *node) child(ctx context.Context, i *inode, out *fuse.EntryOut) *fs.Inode {
	i.attr(&out.Attr)
	return n.NewInode(ctx, &node{d: n.d, i: i, mounted: n.mounted}, fs.StableAttr{Mode: i.mode & syscall.S_IFMT, Ino: i.ino})
}

// below is the path of a name in the folder.
func (n *node) below(name string) string {
	if p := n.i.path(); p != "." {
		return p + "/" + name
	}
	return name
}

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (found *fs.Inode, errno syscall.Errno) {
	errno = n.locked(func() syscall.Errno {
		i := n.i.names[name]
		if i == nil {
			return syscall.ENOENT
		}
		found = n.child(ctx, i, out)
		return 0
	})
	return found, errno
}

func (n *node) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	return n.locked(func() syscall.Errno {
		n.i.attr(&out.Attr)
		return 0
	})
}

func (n *node) Setattr(_ context.Context, _ fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return n.locked(func() syscall.Errno {
		if size, ok := in.GetSize(); ok {
			if errno := n.d.meets(Truncate, n.i.path()); errno != 0 {
				return errno
			}
			n.i.resize(int(size))
			n.i.changed = time.Now()
		}
		if mode, ok := in.GetMode(); ok {
			n.i.mode = n.i.mode&syscall.S_IFMT | mode&0o7777
		}
		if uid, ok := in.GetUID(); ok {
			n.i.uid = uid
		}
		if gid, ok := in.GetGID(); ok {
			n.i.gid = gid
		}
		if at, ok := in.GetMTime(); ok {
			n.i.changed = at
		}
		n.i.attr(&out.Attr)
		return 0
	})
}

// cached says how the kernel keeps a file: see the package's comment.
func cached(name string) (flags uint32) {
	if strings.HasSuffix(name, "-shm") {
		return fuse.FOPEN_KEEP_CACHE
	}
	return fuse.FOPEN_DIRECT_IO
}

func (n *node) Open(_ context.Context, flags uint32) (_ fs.FileHandle, how uint32, errno syscall.Errno) {
	errno = n.locked(func() syscall.Errno {
		how = cached(n.i.name)
		if errno := n.d.meets(Open, n.i.path()); errno != 0 || flags&syscall.O_TRUNC == 0 {
			return errno
		}
		if errno := n.d.meets(Truncate, n.i.path()); errno != 0 {
			return errno
		}
		n.i.resize(0)
		return 0
	})
	return nil, how, errno
}

func (n *node) Opendir(context.Context) syscall.Errno {
	return n.locked(func() syscall.Errno { return n.d.meets(Open, n.i.path()) })
}

func (n *node) Readdir(context.Context) (stream fs.DirStream, errno syscall.Errno) {
	errno = n.locked(func() syscall.Errno {
		var entries []fuse.DirEntry
		for _, name := range sortedNames(n.i.names) {
			i := n.i.names[name]
			entries = append(entries, fuse.DirEntry{Name: name, Mode: i.mode, Ino: i.ino})
		}
		stream = fs.NewListDirStream(entries)
		return 0
	})
	return stream, errno
}

func (n *node) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (result fuse.ReadResult, errno syscall.Errno) {
	errno = n.locked(func() syscall.Errno {
		errno := n.d.meets(Read, n.i.path())
		if errno == 0 {
			result = fuse.ReadResultData(dest[:n.i.read(dest, off)])
		}
		return errno
	})
	return result, errno
}

func (n *node) Write(_ context.Context, _ fs.FileHandle, data []byte, off int64) (written uint32, errno syscall.Errno) {
	errno = n.locked(func() syscall.Errno {
		errno := n.d.meets(Write, n.i.path())
		if errno == 0 {
			n.i.write(data, int(off))
			n.i.changed = time.Now()
			written = uint32(len(data))
		}
		return errno
	})
	return written, errno
}

func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	return n.locked(func() syscall.Errno {
		errno := n.d.meets(Sync, n.i.path())
		switch {
		case n.i.folder() && errno == 0:
			n.d.syncFolder(n.i)
		case !n.i.folder() && errno == 0:
			n.i.sync()
		case !n.i.folder():
			n.i.fail()
		}
		return errno
	})
}

// make makes something new, with a name.
func (n *node) make(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (made *fs.Inode, errno syscall.Errno) {
	if n.i.names[name] != nil {
		return nil, syscall.EEXIST
	}
	if errno := n.d.meets(Create, n.below(name)); errno != 0 {
		return nil, errno
	}
	i := n.d.newInode(mode)
	if caller, ok := fuse.FromContext(ctx); ok {
		i.uid, i.gid = caller.Uid, caller.Gid
	}
	n.d.apply(naming{n.i, name, i})
	return n.child(ctx, i, out), 0
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (made *fs.Inode, _ fs.FileHandle, how uint32, errno syscall.Errno) {
	errno = n.locked(func() (errno syscall.Errno) {
		made, errno = n.make(ctx, name, syscall.S_IFREG|mode&0o7777, out)
		return errno
	})
	return made, nil, cached(name), errno
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (made *fs.Inode, errno syscall.Errno) {
	errno = n.locked(func() (errno syscall.Errno) {
		made, errno = n.make(ctx, name, syscall.S_IFDIR|mode&0o7777, out)
		return errno
	})
	return made, errno
}

func (n *node) Mknod(ctx context.Context, name string, mode, _ uint32, out *fuse.EntryOut) (made *fs.Inode, errno syscall.Errno) {
	errno = n.locked(func() (errno syscall.Errno) {
		made, errno = n.make(ctx, name, mode, out)
		return errno
	})
	return made, errno
}

func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (made *fs.Inode, errno syscall.Errno) {
	errno = n.locked(func() syscall.Errno {
		if n.i.names[name] != nil {
			return syscall.EEXIST
		}
		if errno := n.d.meets(Create, n.below(name)); errno != 0 {
			return errno
		}
		i := target.(*node).i
		i.links++
		n.d.apply(naming{n.i, name, i})
		made = n.child(ctx, i, out)
		return 0
	})
	return made, errno
}

func (n *node) Unlink(_ context.Context, name string) syscall.Errno { return n.remove(name) }
func (n *node) Rmdir(_ context.Context, name string) syscall.Errno  { return n.remove(name) }

func (n *node) remove(name string) syscall.Errno {
	return n.locked(func() syscall.Errno {
		i := n.i.names[name]
		if i == nil {
			return syscall.ENOENT
		}
		if len(i.names) > 0 {
			return syscall.ENOTEMPTY
		}
		if errno := n.d.meets(Unlink, n.below(name)); errno != 0 {
			return errno
		}
		i.links--
		n.d.apply(naming{n.i, name, nil})
		n.d.rename(i)
		return 0
	})
}

func (n *node) Rename(_ context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	to := parent.(*node)
	return n.locked(func() syscall.Errno {
		i, old := n.i.names[name], to.i.names[newName]
		switch {
		case flags != 0:
			return syscall.EINVAL
		case i == nil:
			return syscall.ENOENT
		case old != nil && len(old.names) > 0:
			return syscall.ENOTEMPTY
		}
		if errno := n.d.meets(Rename, n.below(name), to.below(newName)); errno != 0 {
			return errno
		}
		if old != nil {
			old.links--
		}
		n.d.apply(naming{n.i, name, nil}, naming{to.i, newName, i})
		return 0
	})
}

// Statfs is that of a disk with room.
func (n *node) Statfs(_ context.Context, out *fuse.StatfsOut) syscall.Errno {
	return n.locked(func() syscall.Errno {
		*out = fuse.StatfsOut{Blocks: 1 << 23, Bfree: 1 << 22, Bavail: 1 << 22, Files: 1 << 20, Ffree: 1 << 19, Bsize: blockSize, Frsize: blockSize, NameLen: 255}
		return 0
	})
}
