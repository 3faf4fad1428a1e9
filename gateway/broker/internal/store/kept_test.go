package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// openOnce is the child of the test below.
func openOnce(dir string) {
	s, err := Open(context.Background(), Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	s.Close()
	os.Exit(0)
}

// At each number of open files that a start may fail at, it leaves the JOURNAL whole, and the
// next start is well. Without keep the server removes it at some of them.
func TestAStartWithTooFewFilesLeavesTheJournal(t *testing.T) {
	s := create(t)
	fill(t, s, 6)
	s.Close()
	failed := 0
	for few := 5; ; few++ {
		before := contents(t, journalDir(s.cfg.Dir))
		cmd := exec.CommandContext(t.Context(), "sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0"`, few), os.Args[0])
		cmd.Env = append(os.Environ(), "SAMBAND_TEST_OPEN="+s.cfg.Dir)
		said, err := cmd.CombinedOutput()
		if err == nil {
			break
		}
		failed++
		for name, content := range before {
			if after, err := os.ReadFile(filepath.Join(journalDir(s.cfg.Dir), name)); name != filepath.Join("msgs", "index.db") && (err != nil || !bytes.Equal(after, content)) {
				t.Errorf("with %d files, %s is another: %v; it said %s", few, name, err, said)
			}
		}
		whole(t, s.cfg.Dir, 6)
	}
	if failed < 5 {
		t.Errorf("only %d starts failed", failed)
	}
	t.Logf("%d starts failed", failed)
}

// openAndClose is the child of the test below: it starts and ends until it is killed.
func openAndClose(dir string) {
	for {
		s, err := Open(context.Background(), Config{Dir: dir})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		s.Close()
	}
}

// Starts are killed at any moment; each next one finds all groups.
func TestStartsAreKilled(t *testing.T) {
	s := create(t)
	fill(t, s, 6)
	s.Close()
	for round := range 15 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "SAMBAND_TEST_OPEN_AND_CLOSE="+s.cfg.Dir)
		var said bytes.Buffer
		cmd.Stdout = &said
		must(t, cmd.Start())
		<-time.After(30*time.Millisecond + time.Duration(round)*9*time.Millisecond)
		must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		if said.Len() > 0 {
			t.Errorf("a start after a kill: %s", &said)
		}
		whole(t, s.cfg.Dir, 6)
	}
}

// contents are the files under a folder.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	names, err := filesIn(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, name := range names {
		if all[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// whole opens the JOURNAL, and finds all groups and nothing that a start left.
func whole(t *testing.T, dir string, groups int) {
	t.Helper()
	s, err := Open(t.Context(), Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := len(numbers(t, s, 1)); got != groups {
		t.Errorf("%d groups are left of %d", got, groups)
	}
	for _, name := range []string{keptName, unfinishedName, "remade"} {
		if _, err := os.Lstat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", name, err)
		}
	}
}

// Wherever a start was killed, and whatever the server had removed or put in a file's place by
// then, the next start finds the JOURNAL whole.
func TestAKilledStartLeavesTheJournal(t *testing.T) {
	damage := map[string]func(t *testing.T, journal string){
		"nothing": func(*testing.T, string) {},
		"all": func(t *testing.T, journal string) {
			must(t, os.RemoveAll(filepath.Dir(filepath.Dir(journal))))
		},
		"folder": func(t *testing.T, journal string) { must(t, os.RemoveAll(journal)) },
		"renamed folder": func(t *testing.T, journal string) {
			must(t, os.Remove(filepath.Join(journal, "meta.inf")))
			must(t, os.Rename(journal, filepath.Join(filepath.Dir(journal), "."+streamName)))
		},
		"meta.inf": func(t *testing.T, journal string) { must(t, os.Remove(filepath.Join(journal, "meta.inf"))) },
		"block":    func(t *testing.T, journal string) { must(t, os.Remove(filepath.Join(journal, "msgs", "1.blk"))) },
		"another block": func(t *testing.T, journal string) {
			path := filepath.Join(journal, "msgs", "1.blk")
			must(t, os.Remove(path))
			must(t, os.WriteFile(path, nil, 0o600))
		},
		"put back in part": func(t *testing.T, journal string) {
			must(t, os.Rename(filepath.Join(journal, "msgs", "1.blk"), filepath.Join(journal, "msgs", "1.blk.kept")))
		},
	}
	for name, do := range damage {
		t.Run(name, func(t *testing.T) {
			s := create(t)
			fill(t, s, 6)
			s.Close()
			must(t, keep(s.cfg.Dir))
			do(t, journalDir(s.cfg.Dir))
			whole(t, s.cfg.Dir, 6)
			whole(t, s.cfg.Dir, 6)
		})
	}
	t.Run("keeping in part", func(t *testing.T) {
		s := create(t)
		fill(t, s, 6)
		s.Close()
		must(t, keep(s.cfg.Dir))
		must(t, os.Rename(filepath.Join(s.cfg.Dir, keptName), filepath.Join(s.cfg.Dir, unfinishedName)))
		must(t, os.Remove(filepath.Join(s.cfg.Dir, unfinishedName, "meta.inf")))
		whole(t, s.cfg.Dir, 6)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The small files of the server, in each way in which they can be wrong: they are made anew,
// with all groups behind them.
func TestSmallFilesAreMadeAnew(t *testing.T) {
	bent := map[string]func(t *testing.T, path string, content []byte){
		"gone":    func(t *testing.T, path string, _ []byte) { must(t, os.Remove(path)) },
		"empty":   func(t *testing.T, path string, _ []byte) { must(t, os.WriteFile(path, nil, 0o600)) },
		"half":    func(t *testing.T, path string, b []byte) { must(t, os.WriteFile(path, b[:len(b)/2], 0o600)) },
		"one bit": func(t *testing.T, path string, b []byte) { b[len(b)/2] ^= 1; must(t, os.WriteFile(path, b, 0o600)) },
		"zeros": func(t *testing.T, path string, b []byte) {
			must(t, os.WriteFile(path, make([]byte, len(b)), 0o600))
		},
	}
	for _, files := range [][]string{smallFiles[:1], smallFiles[1:], smallFiles} {
		for how, bend := range bent {
			t.Run(strings.Join(files, ",")+" "+how, func(t *testing.T) {
				s := create(t)
				fill(t, s, 6)
				s.Close()
				for _, name := range files {
					path := filepath.Join(journalDir(s.cfg.Dir), name)
					b, err := os.ReadFile(path)
					must(t, err)
					bend(t, path, slices.Clone(b))
				}
				whole(t, s.cfg.Dir, 6)
				s = open(t, Config{Dir: s.cfg.Dir, MaxBytes: testLimit})
				fill(t, s, 7)
			})
		}
	}
}

// What only the server meets, so that it removes the JOURNAL: the start says that the files
// are as they were, and once the fault is gone all groups are there.
func TestAStartThatTheServerFailsLeavesTheJournal(t *testing.T) {
	s := create(t)
	fill(t, s, 6)
	s.Close()
	consumers := filepath.Join(journalDir(s.cfg.Dir), "obs")
	must(t, os.Remove(consumers))
	must(t, os.WriteFile(consumers, nil, 0o600))
	before := contents(t, journalDir(s.cfg.Dir))
	for range 2 {
		if _, err := Open(t.Context(), Config{Dir: s.cfg.Dir}); !errors.Is(err, ErrNotTaken) || !strings.Contains(err.Error(), "obs") {
			t.Fatalf("open: %v", err)
		}
		after := contents(t, journalDir(s.cfg.Dir))
		for name, content := range before {
			if !bytes.Equal(after[name], content) {
				t.Errorf("%s is another", name)
			}
		}
	}
	must(t, os.Remove(consumers))
	whole(t, s.cfg.Dir, 6)
}

// A start writes the newest block anew, before anything is appended to it.
func TestAStartWritesTheNewestBlockAnew(t *testing.T) {
	s := create(t)
	fill(t, s, 6)
	s.Close()
	path, long := msgs(s.cfg.Dir, "1.blk"), time.Now().Add(-time.Hour)
	must(t, os.Chtimes(path, long, long))
	whole(t, s.cfg.Dir, 6)
	if info, err := os.Stat(path); err != nil || !info.ModTime().After(long.Add(time.Minute)) {
		t.Errorf("it was not written: %v", err)
	}
}
