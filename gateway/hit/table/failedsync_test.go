//go:build linux

package table

import (
	"bufio"
	"fmt"
	"os"
	command "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"samband/gateway/hit"
	"samband/gateway/internal/faultydisk"
	"samband/gateway/internal/smalldisk"
)

// importsIn says to the test that it is the program that imports, and into which file.
const importsIn = "SAMBAND_TEST_IMPORTS_IN"

// One sync of an import fails, of one of its files. The import says so; the next one does not
// trust what the system says of those bytes. Then the power is cut: what the last import put
// there is there whole.
func TestFailedSync(t *testing.T) {
	if path := os.Getenv(importsIn); path != "" {
		importsAgain(t, path)
		return
	}
	if !smalldisk.Within(t) {
		return
	}
	for _, file := range []string{"hits.db", "hits.db-wal"} {
		dir := t.TempDir()
		disk := faultydisk.Over(t, dir)
		c := command.Command(os.Args[0], "-test.run=^TestFailedSync$")
		c.Env = append(os.Environ(), importsIn+"="+filepath.Join(dir, "hits.db"))
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		must(t, err)
		in, err := c.StdinPipe()
		must(t, err)
		must(t, c.Start())
		said := bufio.NewReader(out)
		hears := func(want string) {
			t.Helper()
			if line, err := said.ReadString('\n'); err != nil || line != want+"\n" {
				t.Fatalf("%s: the program says %q, %v; want %q", file, line, err, want)
			}
		}
		hears("imported")
		fault := disk.Fail(faultydisk.Fault{Op: faultydisk.Sync, Path: file, Once: true})
		fmt.Fprintln(in, "go on")
		hears("not imported")
		if fault.Stop() == 0 {
			t.Errorf("%s: no sync failed", file)
		}
		fmt.Fprintln(in, "go on")
		hears("imported")
		disk.Off(func() { _ = c.Process.Kill() })
		_ = c.Wait()
		disk.On(nil)
		path := liesAt(t, filepath.Join(dir, "hits.db")).put(t) // this process must not map a file of the disk
		if got := of(t, openTable(t, path), "ABC123"); got != "2" {
			t.Errorf("%s: it has the rows of import %q", file, got)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// importsAgain is the program. It has the file open as a desk has, so that no import is the last
// to close it.
func importsAgain(t *testing.T, path string) {
	for n := range 3 {
		var rows strings.Builder
		fmt.Fprintf(&rows, "reference,plate,plate_country\n%d,ABC123,SE\n", n)
		for i := range 500 {
			fmt.Fprintf(&rows, "%d-%d,XYZ%03d,SE\n", n, i, i)
		}
		if _, err := Import(t.Context(), path, hit.Vehicle, strings.NewReader(rows.String()), Options{}); err != nil {
			fmt.Println("not imported")
		} else {
			fmt.Println("imported")
		}
		if n == 0 {
			openTable(t, path)
		}
		_, _ = os.Stdin.Read(make([]byte, 100))
	}
}
