package records

import (
	"bufio"
	"bytes"
	"fmt"
	"log"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
)

// appendForever is the child of the test below: it appends, and prints each group
// that Append returned from, until it is killed.
func appendForever(dir string) {
	a, err := Open(dir)
	if err != nil {
		log.Fatal(err)
	}
	a.roll = 1000
	for group := a.last; err == nil; {
		group++
		if err = a.Append(group, payload(group)); err == nil {
			fmt.Println(group)
		}
	}
	log.Fatal(err)
}

func TestKilledWriterLosesNothingAppended(t *testing.T) {
	dir := archive(t, segmentBytes)
	for round, kills := range []int{1, 40, 7, 300, 3} {
		appended := killAfter(t, dir, kills)
		a := open(t, dir)
		got := numbers(t, a, 1)
		if uint64(len(got)) < appended {
			t.Fatalf("round %d: %d groups appended, %d there", round, appended, len(got))
		}
		if !slices.Equal(got, groups(1, uint64(len(got)))) {
			t.Fatalf("round %d: %v", round, got)
		}
		a.Close()
	}
}

// killAfter kills a writing child after so many answers, and returns the last.
func killAfter(t *testing.T, dir string, answers int) (last uint64) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "SAMBAND_TEST_APPEND_TO="+dir)
	var words bytes.Buffer
	child.Stderr = &words
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for seen := 0; lines.Scan(); seen++ {
		if seen == answers {
			_ = child.Process.Kill()
		}
		n, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			break // the line that the kill cut off
		}
		last = n
	}
	_ = child.Wait()
	if last == 0 {
		t.Fatalf("child appended nothing: %s", &words)
	}
	return last
}
