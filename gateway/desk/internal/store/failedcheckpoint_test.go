//go:build linux

package store

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/internal/faultydisk"
	"samband/gateway/internal/smalldisk"
)

// checkpointsIn says to the test that it is the program that has the database, and where.
const checkpointsIn = "SAMBAND_TEST_CHECKPOINTS_IN"

// One sync of a checkpoint fails, the database's or its log's. The program goes on, and then
// the power is cut: the database is whole, and has all that was acknowledged.
func TestFailedCheckpoint(t *testing.T) {
	if path := os.Getenv(checkpointsIn); path != "" {
		checkpoints(t, path)
		return
	}
	if !smalldisk.Within(t) {
		return
	}
	for _, file := range []string{"desk.db", "desk.db-wal"} {
		t.Run(file, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), file)
			must(t, os.Mkdir(dir, 0o700))
			disk := faultydisk.Over(t, dir)
			c := exec.Command(os.Args[0], "-test.run=^TestFailedCheckpoint$")
			c.Env = append(os.Environ(), checkpointsIn+"="+dir)
			c.Stderr = os.Stderr
			out, err := c.StdoutPipe()
			must(t, err)
			in, err := c.StdinPipe()
			must(t, err)
			must(t, c.Start())
			said := bufio.NewReader(out)
			hears := func() (n int) {
				line, err := said.ReadString('\n')
				if _, fault := fmt.Sscan(line, &n); err != nil || fault != nil {
					t.Fatalf("the program says %q, %v", line, err)
				}
				return n
			}
			hears()
			fault := disk.Fail(faultydisk.Fault{Op: faultydisk.Sync, Path: file, Once: true})
			fmt.Fprintln(in, "go on")
			n := hears()
			if fault.Stop() == 0 {
				t.Error("no sync failed")
			}
			disk.Off(func() { _ = c.Process.Kill() })
			_ = c.Wait()
			disk.On(nil)
			after := t.TempDir() // this process must not map a file of the disk
			for _, name := range []string{"desk.db", "desk.db-wal", HighWaterFile} {
				b, err := os.ReadFile(filepath.Join(dir, name))
				if errors.Is(err, fs.ErrNotExist) {
					continue
				}
				must(t, errors.Join(err, os.WriteFile(filepath.Join(after, name), b, 0o600)))
			}
			s := open(t, filepath.Join(after, "desk.db"))
			if found := s.Found(); found != nil {
				t.Errorf("it found %+v", found)
			}
			lost := 0
			for i := range n {
				if !has(t, s, checkpointed(i)) {
					lost++
				}
			}
			if lost > 0 {
				t.Errorf("of %d writes that were acknowledged %d are lost", n, lost)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func checkpointed(n int) string { return fmt.Sprint(n, strings.Repeat(" and so on", 600)) }

// checkpoints is the program. It says when the sync may fail, and, when that is over, how many
// writes were acknowledged.
func checkpoints(t *testing.T, dir string) {
	path := filepath.Join(dir, "desk.db")
	s := open(t, path)
	n := 0
	write := func(update func(func(*Tx) error) error) {
		for update(add(checkpointed(n))) != nil {
			<-s.Failed()
			must(t, s.Reopen())
		}
		n++
	}
	until := func(length int64, update func(func(*Tx) error) error) {
		for {
			if info, err := os.Stat(path + "-wal"); err != nil || info.Size() > length {
				must(t, err)
				return
			}
			write(update)
		}
	}
	says := func(n int) {
		fmt.Println(n)
		_, _ = os.Stdin.Read(make([]byte, 100))
	}
	write(s.Update)
	if filepath.Base(dir) == "desk.db" { // a part is moved, as far as another reads, who stays
		other, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
		must(t, err)
		until(logLimit/2, s.Update)
		reads, err := other.Begin()
		must(t, err)
		must(t, reads.QueryRow("SELECT count(*) FROM texts").Scan(new(int)))
		until(logLimit, s.Update)
		must(t, reads.Rollback())
		says(n)
	} else {
		says(n)
		until(logLimit, s.UpdateUnsynced)
	}
	for range 20 {
		write(s.Update)
	}
	says(n)
}
