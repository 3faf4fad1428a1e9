//go:build linux

// Package faultydisk gives a test a disk that fails and loses power when the test says so.
//
//	disk := faultydisk.Over(t, dir)     // dir is a folder with files; the disk has them too
//	f := disk.Fail(faultydisk.Fault{Op: faultydisk.Sync, Path: "data/records/*.records"})
//	use(dir)                            // programs use it as before, and meet EIO
//	f.Stop()
//	disk.Off(kill)                      // the power goes, and with it the programs
//	disk.On(nil)                        // what was not synced is gone
//	b := disk.KillAt(3, true, "", kill) // behind the fourth call that writes, kill -9
//	disk.Resume()                       // all that was written is there
//
// It is a file system of its own (FUSE), in the memory of the test, so it knows what was
// synced: of a file its blocks and its length, by fsync of the file; of a folder its names,
// by fsync of the folder. A cut keeps that, and of the rest nothing or a part by chance,
// names and bytes apart from each other. Modes and owners are durable at once.
//
// A failed fsync does what Linux does: the blocks count as written afterwards, and a reader
// sees them, but no later fsync writes them. The length of the file is written by the next
// fsync that succeeds, so that a cut shows a hole. After the failed fsync of a folder its
// names still wait for the next one.
//
// Each call of a program reaches the disk, no page is cached in front of it, so that an
// error on reading is met by whoever reads. The one exception is SQLite's index of its
// write-ahead log (*-shm): programs map it, by pages that the kernel keeps, and writes
// when it likes. A program that maps a file must be another process than the test, which
// could not answer while it waits for a page.
package faultydisk

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	fusefs "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"samband/gateway/gatewaytest/needs"
)

// A Disk is mounted over a folder until the test ends.
type Disk struct {
	t   testing.TB
	dir string

	// mu is locked by each call that reaches the disk, one at a time.
	mu      sync.Mutex
	root    *inode
	names   []*change // of names, not synced
	faults  []*Failing
	blow    *Blow // that is to come
	did     map[Step]int
	mounted int  // how often; a call of an earlier mount fails
	off     bool // the power
	inodes  uint64
}

// Over reads a folder, and mounts a disk that has all of its files over it. The process must
// be able to mount: see [samband/gateway/internal/smalldisk.Within].
func Over(t testing.TB, dir string) *Disk {
	t.Helper()
	d := &Disk{t: t, dir: dir, did: map[Step]int{}}
	var err error
	if d.root, err = d.load(dir, syscall.S_IFDIR|0o700); err == nil {
		// The namespace's mounts are its own: none of ours comes up in another.
		err = syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("/dev/fuse"); err != nil {
		needs.Missing(t, "no FUSE here: %v", err)
	}
	d.mount()
	t.Cleanup(d.unmount)
	return d
}

// load reads the regular files of a folder, and those below it.
func (d *Disk) load(dir string, mode uint32) (*inode, error) {
	folder := d.newInode(mode)
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if err != nil {
			break
		}
		var info fs.FileInfo
		if info, err = e.Info(); err != nil {
			break
		}
		var i *inode
		perm := uint32(info.Mode().Perm())
		switch full := filepath.Join(dir, e.Name()); {
		case e.IsDir():
			i, err = d.load(full, syscall.S_IFDIR|perm)
		case e.Type().IsRegular():
			i = d.newInode(syscall.S_IFREG | perm)
			i.now, err = os.ReadFile(full)
			i.disk = append([]byte(nil), i.now...)
		default:
			continue
		}
		if err == nil {
			i.named(folder, e.Name())
			folder.names[e.Name()], folder.kept[e.Name()] = i, i
		}
	}
	return folder, err
}

func (d *Disk) mount() {
	d.t.Helper()
	long := time.Hour // all that changes the disk goes through this mount
	d.mounted++
	_, err := fusefs.Mount(d.dir, &node{d: d, i: d.root, mounted: d.mounted}, &fusefs.Options{
		EntryTimeout: &long, AttrTimeout: &long, NullPermissions: true,
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "faultydisk", Name: "faultydisk", ExplicitDataCacheControl: true, MaxWrite: 1 << 19},
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// unmount leaves nothing of what the kernel kept. It is not waited for: a call that comes
// late fails.
func (d *Disk) unmount() {
	d.t.Helper()
	if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
		d.t.Error(err)
	}
}

// Off cuts the power: no call of any program changes the disk after kill began. Kill must kill
// the programs that use the disk, and not wait for them.
func (d *Disk) Off(kill func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	kill()
	d.off = true
}

// On has the power come back, when the programs are gone. Of what was not synced nothing is
// there, or the part that chance keeps.
func (d *Disk) On(chance *rand.Rand) {
	d.t.Helper()
	d.unmount()
	d.mu.Lock()
	defer d.mu.Unlock()
	keep := func() bool { return chance != nil && chance.IntN(2) == 0 }
	for _, c := range d.names {
		if keep() {
			c.settle()
		}
	}
	d.names = nil
	d.root.cut(chance, keep, map[*inode]uint32{})
	d.off = false
	d.mount()
}

// A Blow ends the programs that use the disk at one of their calls.
type Blow struct {
	d     *Disk
	left  int // calls that go well before it
	after bool
	but   string // a pattern of paths whose calls are not counted
	due   bool   // behind the call that is under way
	kill  func()
	at    *Step
}

// KillAt has kill -9 end the programs that use the disk at a call that writes: a write, or one
// that creates, removes, renames or cuts a file. So many go well before it, and all on files of
// a pattern, "" for none. The call has no effect, or, with after, all of it; and no later call
// has any. Kill is as for Off.
func (d *Disk) KillAt(calls int, after bool, but string, kill func()) *Blow {
	d.t.Helper()
	if _, err := path.Match(but, ""); err != nil {
		d.t.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.blow = &Blow{d: d, left: calls, after: after, but: but, kill: kill}
	return d.blow
}

// Stop takes back what has not come, and tells at which call it came; nil if it did not.
func (b *Blow) Stop() *Step {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	if b.d.blow == b {
		b.d.blow = nil
	}
	return b.at
}

// Came reports whether it came.
func (b *Blow) Came() bool {
	b.d.mu.Lock()
	defer b.d.mu.Unlock()
	return b.at != nil
}

// Resume has the disk as the programs left it that were killed, when they are gone.
func (d *Disk) Resume() {
	d.t.Helper()
	d.unmount()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = false
	d.mount()
}

// strikes says whether a call has no effect, since the programs are killed before it. Its
// caller has locked the disk.
func (d *Disk) strikes(step Step) bool {
	b := d.blow
	if b == nil || !step.Op.Writes() {
		return false
	}
	if passed, _ := path.Match(b.but, step.Path); passed {
		return false
	}
	if b.left--; b.left >= 0 {
		return false
	}
	b.at, b.due = &step, true
	if !b.after {
		d.falls()
	}
	return !b.after
}

// falls kills where that is due.
func (d *Disk) falls() {
	if b := d.blow; b != nil && b.due {
		b.kill()
		d.off, d.blow = true, nil
	}
}

// Unsynced are the files and folders that a cut may change now.
func (d *Disk) Unsynced() (paths []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := map[*inode]bool{}
	for _, c := range d.names {
		for _, n := range c.names {
			if !seen[n.in] {
				seen[n.in] = true
				paths = append(paths, n.in.path())
			}
		}
	}
	d.root.each(func(i *inode) {
		if len(i.dirty) > 0 || i.resized || i.lost {
			paths = append(paths, i.path())
		}
	})
	return paths
}

// An Op is what a program does to a file or a folder.
type Op string

const (
	Open     Op = "open"
	Read     Op = "read"
	Write    Op = "write"
	Sync     Op = "sync"
	Rename   Op = "rename"
	Create   Op = "create"
	Unlink   Op = "unlink"
	Truncate Op = "truncate"
)

// Writes reports whether an operation changes what programs see.
func (o Op) Writes() bool { return o != Open && o != Read && o != Sync }

// A Fault is what the disk refuses to do.
type Fault struct {
	Op    Op
	Path  string        // below the disk's folder, a pattern of path.Match; a rename has two paths
	After int           // so many times it goes well
	Once  bool          // then it fails once, and not from then on
	Errno syscall.Errno // 0: EIO
}

// A Failing fault is in force until it is stopped.
type Failing struct {
	Fault
	d    *Disk
	seen int
	met  int
}

// Fail puts a fault in force.
func (d *Disk) Fail(f Fault) *Failing {
	if _, err := path.Match(f.Path, ""); err != nil {
		d.t.Fatal(err)
	}
	if f.Errno == 0 {
		f.Errno = syscall.EIO
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	it := &Failing{Fault: f, d: d}
	d.faults = append(d.faults, it)
	return it
}

// Met is how often the fault was met.
func (f *Failing) Met() int {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.met
}

// Stop ends the fault, and returns how often it was met.
func (f *Failing) Stop() (met int) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	for n, other := range f.d.faults {
		if other == f {
			f.d.faults = append(f.d.faults[:n:n], f.d.faults[n+1:]...)
			break
		}
	}
	return f.met
}

// A Step is one thing that a program did.
type Step struct {
	Op   Op
	Path string
}

// Did tells what programs did since it was last asked, and how often.
func (d *Disk) Did() map[Step]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	did := d.did
	d.did = map[Step]int{}
	return did
}

// meets says whether a step fails. Its caller has locked the disk.
func (d *Disk) meets(op Op, paths ...string) syscall.Errno {
	for _, p := range paths {
		d.did[Step{op, p}]++
	}
	for _, f := range d.faults {
		if f.Op != op || !f.matches(paths) {
			continue
		}
		if f.seen++; f.seen <= f.After || f.Once && f.seen > f.After+1 {
			continue
		}
		f.met++
		return f.Errno
	}
	if d.strikes(Step{op, paths[0]}) {
		return syscall.EIO
	}
	return 0
}

func (f *Failing) matches(paths []string) bool {
	for _, p := range paths {
		if ok, _ := path.Match(f.Path, p); ok {
			return true
		}
	}
	return false
}

// Present are the disk's regular files, as a program sees them now.
func (d *Disk) Present() (paths []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.root.each(func(i *inode) {
		if i.regular() {
			paths = append(paths, i.path())
		}
	})
	return paths
}
