package store

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strconv"
	"testing"
)

// appendForever is the child of the test below: it appends, and prints the number
// of each group that was acknowledged, until it is killed.
func appendForever(dir string) {
	ctx := context.Background()
	s, err := Open(ctx, Config{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	last, err := s.Last(ctx)
	for err == nil {
		if last, err = s.Append(ctx, group(last+1, 1000), last); err == nil {
			fmt.Println(last)
		}
	}
	log.Fatal(err)
}

func TestKilledWriterLosesNothingAcknowledged(t *testing.T) {
	s := create(t)
	s.Close()
	var acked uint64
	for round, kills := range []int{1, 40, 7, 150, 3} {
		acked = killAfter(t, s.cfg.Dir, kills)
		s = open(t, Config{Dir: s.cfg.Dir})
		got := numbers(t, s, 1)
		if uint64(len(got)) < acked {
			t.Fatalf("round %d: %d groups acknowledged, %d there", round, acked, len(got))
		}
		for i, seq := range got {
			if seq != uint64(i+1) {
				t.Fatalf("round %d: group %d stands at place %d", round, seq, i+1)
			}
		}
		s.Close()
	}
}

// killAfter kills a writing child after so many acknowledgements, and returns the
// last number that it had acknowledged.
func killAfter(t *testing.T, dir string, acks int) (last uint64) {
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
		if seen == acks {
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
		t.Fatalf("child acknowledged nothing: %s", &words)
	}
	return last
}
