package index

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"samband/gateway/broker/internal/journal"
)

// killPath, when set, makes this test binary a child that applies a history to
// the index at that path, group by group, until it is killed.
const killPath = "SAMBAND_TEST_INDEX"

func TestMain(m *testing.M) {
	if path := os.Getenv(killPath); path != "" {
		fmt.Fprintln(os.Stderr, child(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func child(path string) error {
	x, err := Open(path)
	if err != nil {
		return err
	}
	for _, g := range makeHistory(randomChoices(4, 20000)).groups {
		if g.Number <= x.Position().Group {
			continue
		}
		if err := x.Apply([]*journal.Group{g}); err != nil {
			return err
		}
		fmt.Println(g.Number)
	}
	return nil
}

func TestKilledIndexGoesOnWhereItsPositionSays(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "index.db")
	h := makeHistory(randomChoices(4, 20000))
	h.gone = nil // the child removes nothing
	var reached uint64
	for _, lines := range []int{1, 40, 90, 17} {
		last := runAndKill(t, path, lines)
		x := must(Open(path))(t)
		at := x.Position()
		x.Close()
		if at.Group < last || at.Group < reached {
			t.Fatalf("after group %d was applied and the process killed, the index stands at %d", last, at.Group)
		}
		if g := h.groups[at.Group-1]; at != (journal.Position{Group: g.Number, Sizes: g.After}) {
			t.Fatalf("the index stands at %+v, which is not the end of group %d", at, at.Group)
		}
		reached = at.Group
	}
	x := must(Open(path))(t)
	defer x.Close()
	if err := x.Apply(h.groups[reached:]); err != nil {
		t.Fatal(err)
	}
	y := rebuild(t, filepath.Join(dir, "rebuilt.db"), h)
	defer y.Close()
	if !reflect.DeepEqual(ask(t, x, h), ask(t, y, h)) {
		t.Error("an index that was killed and went on answers otherwise than a rebuilt one")
	}
}

// runAndKill lets the child apply so many groups at least, kills it, and
// returns the last group that it said it had applied.
func runAndKill(t *testing.T, path string, lines int) (last uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killPath+"="+path)
	var fault strings.Builder
	cmd.Stderr = &fault
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(out)
	for n := 0; n < lines && scan.Scan(); n++ {
		if _, err := fmt.Sscan(scan.Text(), &last); err != nil {
			t.Fatal(err)
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	if last == 0 {
		t.Fatalf("the child applied nothing: %s", fault.String())
	}
	return last
}
