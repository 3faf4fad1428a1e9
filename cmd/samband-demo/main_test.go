package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The programs as they are installed, built once, without the race detector: it
// makes scrypt, most of a story's time, many times slower, and package gatewaytest
// has the same processes under it.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		bin, err := os.MkdirTemp("", "samband-bin-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(bin)
		build := exec.Command("go", "build", "-o", bin, "samband/cmd/...")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "build the programs:", err)
			return 1
		}
		os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
		return m.Run()
	}())
}

func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			samples, err := filepath.Abs("../../schema/testdata/case")
			env.Setenv("CASE", samples)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"up":     up,
			"id":     id,
			"file":   file,
			"hash":   hash,
			"copyid": copyID,
			"same":   same,
			"once":   once,
			"copy":   copyTree,
			"flip":   flip,
			"match":  match,
		},
	})
}

// up SOCKET... waits until each socket answers.
func up(ts *testscript.TestScript, _ bool, sockets []string) {
	deadline := time.Now().Add(time.Minute)
	for _, s := range sockets {
		for {
			conn, err := net.Dial("unix", ts.MkAbs(s))
			if err == nil {
				conn.Close()
				break
			}
			if time.Now().After(deadline) {
				ts.Fatalf("%s does not answer: %v", s, err)
			}
			time.Sleep(20 * time.Millisecond) // another process makes it; there is nothing to wait on
		}
	}
}

var (
	idForm    = regexp.MustCompile(`"id":\s*"([A-Za-z0-9+/=]+)"`)
	copyForm  = regexp.MustCompile(`"copies":\s*\[\{"to":"[^"]+","name":"[^"]+","id":\s*"([A-Za-z0-9+/=]+)"`)
	hashForm  = regexp.MustCompile(`"hash":\s*"([A-Za-z0-9+/=]+)"`)
	fileForm  = regexp.MustCompile(`"file":\s*"([^"]+)"`)
	matchForm = regexp.MustCompile(`"match_reference":\s*"([^"]+)"`)
)

// id NAME keeps the first message id that the last command printed.
func id(ts *testscript.TestScript, _ bool, args []string) { keep(ts, args[0], idForm) }

// file NAME keeps the file that the last command made.
func file(ts *testscript.TestScript, _ bool, args []string) { keep(ts, args[0], fileForm) }

// hash NAME keeps the hash of the entry that the last command made.
func hash(ts *testscript.TestScript, _ bool, args []string) { keep(ts, args[0], hashForm) }

// copyid NAME keeps the id of the copy that the last command sent.
func copyID(ts *testscript.TestScript, _ bool, args []string) { keep(ts, args[0], copyForm) }

// match NAME keeps the reference that an answer by machine gave.
func match(ts *testscript.TestScript, _ bool, args []string) { keep(ts, args[0], matchForm) }

func keep(ts *testscript.TestScript, name string, form *regexp.Regexp) {
	m := form.FindStringSubmatch(ts.ReadFile("stdout"))
	if m == nil {
		ts.Fatalf("the last command printed no %s", form)
	}
	ts.Setenv(name, m[1])
}

// same A B compares two words.
func same(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 || args[0] != args[1] {
		ts.Fatalf("not the same: %v", args)
	}
}

// once ID checks that the last command listed a message exactly once.
func once(ts *testscript.TestScript, _ bool, args []string) {
	if n := strings.Count(ts.ReadFile("stdout"), `"id":"`+args[0]+`"`); n != 1 {
		ts.Fatalf("message %s is listed %d times", args[0], n)
	}
}

// copy FROM TO copies a folder.
func copyTree(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}

// flip LOG changes one bit of the newest bundle of entries.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	var last string
	ts.Check(filepath.WalkDir(filepath.Join(ts.MkAbs(args[0]), "tile", "entries"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			last = path
		}
		return err
	}))
	b, err := os.ReadFile(last)
	ts.Check(err)
	b[len(b)/2] ^= 1
	ts.Check(os.WriteFile(last, b, 0o644))
}
