//go:build linux

package faultydisk_test

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	_ "modernc.org/sqlite"

	"samband/gateway/durable"
	"samband/gateway/internal/faultydisk"
	"samband/gateway/internal/smalldisk"
)

// must ends the test at an error.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// over is a disk over a folder with one file.
func over(t *testing.T) (*faultydisk.Disk, string) {
	t.Helper()
	dir := t.TempDir()
	must(0, os.WriteFile(filepath.Join(dir, "old"), []byte("as it was"), 0o600))(t)
	return faultydisk.Over(t, dir), dir
}

func wants(t *testing.T, path, content string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if content == "" && errors.Is(err, os.ErrNotExist) {
		return
	}
	if err != nil || string(b) != content {
		t.Errorf("%s has %q, not %q; %v", filepath.Base(path), b, content, err)
	}
}

// A cut keeps what was synced, the bytes by the file and the names by the folder.
func TestCut(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	disk, dir := over(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	cut := func() {
		disk.Off(func() {})
		if _, err := os.ReadFile(in("old")); !errors.Is(err, syscall.EIO) {
			t.Errorf("without power: %v", err)
		}
		disk.On(nil)
	}
	wants(t, in("old"), "as it was")
	must(0, os.WriteFile(in("old"), []byte("never synced"), 0o600))(t)
	must(0, os.WriteFile(in("new"), []byte("never synced"), 0o600))(t)
	cut()
	wants(t, in("old"), "as it was")
	wants(t, in("new"), "")

	must(0, durable.Replace(in("old"), []byte("durable"), 0o600))(t)
	must(0, durable.Create(in("new"), []byte("durable too"), 0o600))(t)
	f := must(os.OpenFile(in("new"), os.O_RDWR|os.O_APPEND, 0))(t)
	must(f.Write([]byte(", and more")))(t)
	must(0, f.Sync())(t)
	must(f.Write([]byte(", not this")))(t)
	must(0, f.Close())(t)
	must(0, os.Rename(in("old"), in("renamed")))(t)
	wants(t, in("renamed"), "durable")
	cut()
	wants(t, in("old"), "durable")
	wants(t, in("renamed"), "")
	wants(t, in("new"), "durable too, and more")

	must(0, os.Mkdir(in("folder"), 0o700))(t)
	must(0, os.WriteFile(in("folder/file"), nil, 0o600))(t)
	must(0, durable.SyncDir(dir))(t)
	must(0, os.Remove(in("new")))(t)
	cut()
	wants(t, in("new"), "durable too, and more")
	if entries := must(os.ReadDir(in("folder")))(t); len(entries) != 0 {
		t.Errorf("a folder that was not synced has %v", entries)
	}
	// Of two names one is taken away after a cut: the other can be given a third.
	must(0, os.Link(in("new"), in("second")))(t)
	must(0, durable.SyncDir(dir))(t)
	cut()
	must(0, os.Remove(in("new")))(t)
	must(0, os.Link(in("second"), in("third")))(t)
	must(0, durable.SyncDir(dir))(t)
	cut()
	wants(t, in("third"), "durable too, and more")
	disk.Did()
	wants(t, in("second"), "durable too, and more")
	must(0, os.Remove(in("second")))(t)
	wants(t, in("third"), "durable too, and more")
	if did := disk.Did(); did[faultydisk.Step{Op: faultydisk.Open, Path: "second"}] != 1 || did[faultydisk.Step{Op: faultydisk.Open, Path: "third"}] != 1 {
		t.Errorf("by its two names it was opened so: %v", did)
	}
	cut()
	if got := disk.Unsynced(); len(got) != 0 {
		t.Errorf("after a cut these wait: %v", got)
	}
}

// A kill at a call that writes comes before it takes effect, or right behind it; what was
// written is there, synced or not.
func TestKillAt(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	for _, after := range []bool{false, true} {
		disk, dir := over(t)
		in := func(name string) string { return filepath.Join(dir, name) }
		var killed atomic.Bool
		blow := disk.KillAt(2, after, "other*", func() { killed.Store(true) })
		wants(t, in("old"), "as it was") // nothing is written
		must(0, os.WriteFile(in("others"), []byte("not counted"), 0o600))(t)
		must(0, os.WriteFile(in("new"), []byte("never synced"), 0o600))(t)
		if killed.Load() {
			t.Fatal("it was killed at an earlier call")
		}
		err := os.Rename(in("new"), in("renamed"))
		if after != (err == nil) || !killed.Load() {
			t.Errorf("the call that it came at, behind it: %t: %v; killed: %t", after, err, killed.Load())
		}
		if err := os.Remove(in("old")); !errors.Is(err, syscall.EIO) {
			t.Errorf("a later call: %v", err)
		}
		disk.Resume()
		if at := blow.Stop(); at == nil || *at != (faultydisk.Step{Op: faultydisk.Rename, Path: "new"}) {
			t.Errorf("it came at %v", at)
		}
		left, gone := in("new"), in("renamed")
		if after {
			left, gone = gone, left
		}
		wants(t, left, "never synced")
		wants(t, gone, "")
		wants(t, in("old"), "as it was")
		early := disk.KillAt(0, true, "", func() { t.Error("it came though it was taken back") })
		if at := early.Stop(); at != nil {
			t.Errorf("it came at %v", at)
		}
		must(0, os.Remove(in("old")))(t)
	}
}

// A cut that keeps a part by chance keeps whole blocks, never what was not written.
func TestCutByChance(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	disk, dir := over(t)
	path := filepath.Join(dir, "old")
	lengths, parts := map[int]bool{}, 0
	for seed := range uint64(40) {
		must(0, durable.Replace(path, make([]byte, 4*4096), 0o600))(t)
		f := must(os.OpenFile(path, os.O_WRONLY, 0))(t)
		must(f.Write(slices.Repeat([]byte{1}, 8*4096)))(t)
		must(0, f.Close())(t)
		disk.Off(func() {})
		disk.On(rand.New(rand.NewPCG(seed, 0)))
		b := must(os.ReadFile(path))(t)
		lengths[len(b)] = true
		ones := 0
		for block := range slices.Chunk(b, 4096) {
			if !slices.Equal(block, slices.Repeat(block[:1], 4096)) {
				t.Error("a block is neither as it was nor as it was written")
			}
			ones += int(block[0])
		}
		if ones > 0 && ones < len(b)/4096 {
			parts++
		}
	}
	if len(lengths) != 2 || !lengths[4*4096] || !lengths[8*4096] || parts < 5 {
		t.Errorf("lengths %v, %d files in part", lengths, parts)
	}
}

// After a failed sync a reader sees what was written, and no later sync writes it.
func TestFailedSync(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	disk, dir := over(t)
	path := filepath.Join(dir, "old")
	f := must(os.OpenFile(path, os.O_RDWR, 0))(t)
	defer f.Close()
	fault := disk.Fail(faultydisk.Fault{Op: faultydisk.Sync, Path: "old", Once: true})
	must(f.WriteAt([]byte("AS"), 0))(t)
	must(f.WriteAt([]byte("lost"), 4096))(t)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("syncing: %v", err)
	}
	must(f.WriteAt([]byte("kept"), 2*4096))(t)
	must(0, f.Sync())(t)
	if b := must(os.ReadFile(path))(t); string(b[:9]) != "AS it was" || string(b[4096:4100]) != "lost" {
		t.Errorf("a reader sees %q and %q", b[:9], b[4096:4100])
	}
	disk.Off(func() {})
	disk.On(nil)
	b := must(os.ReadFile(path))(t)
	if len(b) != 2*4096+4 || string(b[:9]) != "as it was" || string(b[4096:4100]) != "\x00\x00\x00\x00" || string(b[2*4096:]) != "kept" {
		t.Errorf("the disk has %d bytes: %q, %q, %q", len(b), b[:9], b[4096:4100], b[2*4096:])
	}
	if met := fault.Stop(); met != 1 {
		t.Errorf("met %d times", met)
	}
}

// Each operation fails when the test says so, on the file that it names, and works again
// when it is stopped.
func TestFaults(t *testing.T) {
	if !smalldisk.Within(t) {
		return
	}
	disk, dir := over(t)
	in := func(name string) string { return filepath.Join(dir, name) }
	must(0, os.WriteFile(in("other"), []byte("untouched"), 0o600))(t)
	f := must(os.OpenFile(in("old"), os.O_RDWR, 0))(t)
	defer f.Close()
	for op, do := range map[faultydisk.Op]func() error{
		faultydisk.Open:     func() error { _, err := os.ReadFile(in("old")); return err },
		faultydisk.Read:     func() error { _, err := f.ReadAt(make([]byte, 1), 0); return err },
		faultydisk.Write:    func() error { _, err := f.WriteAt([]byte("a"), 0); return err },
		faultydisk.Sync:     f.Sync,
		faultydisk.Truncate: func() error { return f.Truncate(9) },
		faultydisk.Rename: func() error {
			return errors.Join(os.Rename(in("old"), in("older")), os.Rename(in("older"), in("old")))
		},
		faultydisk.Create: func() error {
			return errors.Join(os.Remove(in("old")), durable.Create(in("old"), []byte("as it was"), 0o600))
		},
		faultydisk.Unlink: func() error {
			return errors.Join(os.Remove(in("old")), durable.Replace(in("old"), []byte("as it was"), 0o600))
		},
	} {
		fault := disk.Fail(faultydisk.Fault{Op: op, Path: "o?d", Errno: syscall.EDQUOT})
		if err := do(); !errors.Is(err, syscall.EDQUOT) {
			t.Errorf("%s: %v", op, err)
		}
		wants(t, in("other"), "untouched")
		if fault.Met() == 0 {
			t.Errorf("%s: not met", op)
		}
		fault.Stop()
		if err := do(); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, os.ErrExist) {
			t.Errorf("%s, stopped: %v", op, err)
		}
		must(0, os.WriteFile(in("old"), []byte("as it was"), 0o600))(t)
	}
	later := disk.Fail(faultydisk.Fault{Op: faultydisk.Read, Path: "old", After: 2, Once: true})
	var failed []int
	for n := range 5 {
		if _, err := f.ReadAt(make([]byte, 1), 0); err != nil {
			failed = append(failed, n)
		}
	}
	if later.Stop(); !slices.Equal(failed, []int{2}) {
		t.Errorf("the third time alone: %v", failed)
	}
}

// rowsIn says to the test that it is the program that has a database, and where.
const rowsIn = "SAMBAND_TEST_ROWS_IN"

// SQLite with a write-ahead log, whose index is mapped, works on it, and a socket does; a
// cut leaves what was committed. SQLite is another process: one that maps a file of the
// disk must not be the one that answers for the disk.
func TestDatabase(t *testing.T) {
	if path := os.Getenv(rowsIn); path != "" {
		rows(t, path)
		return
	}
	if !smalldisk.Within(t) {
		return
	}
	disk, dir := over(t)
	l := must(net.Listen("unix", filepath.Join(dir, "socket")))(t)
	defer l.Close()
	must(net.Dial("unix", filepath.Join(dir, "socket")))(t).Close()
	program := func() (c *exec.Cmd, had string) {
		c = exec.Command(os.Args[0], "-test.run=^TestDatabase$")
		c.Env = append(os.Environ(), rowsIn+"="+filepath.Join(dir, "a.db"))
		out := must(c.StdoutPipe())(t)
		must(c.StdinPipe())(t)
		must(0, c.Start())(t)
		return c, must(bufio.NewReader(out).ReadString('\n'))(t)
	}
	for n, want := range []string{"0\n", "100\n", "200\n"} {
		c, had := program()
		disk.Off(func() { _ = c.Process.Kill() })
		_ = c.Wait()
		disk.On(nil)
		if had != want {
			t.Errorf("program %d found %q", n, had)
		}
	}
}

// rows adds a hundred rows, says how many were there before, and waits for its end.
func rows(t *testing.T, path string) {
	db := must(sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"))(t)
	must(db.Exec("CREATE TABLE IF NOT EXISTS t (n INTEGER)"))(t)
	var had int
	must(0, db.QueryRow("SELECT count(*) FROM t").Scan(&had))(t)
	for n := range 100 {
		must(db.Exec("INSERT INTO t VALUES (?)", n))(t)
	}
	fmt.Println(had)
	_, _ = os.Stdin.Read(make([]byte, 1))
}
