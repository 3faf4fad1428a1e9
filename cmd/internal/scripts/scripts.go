// Package scripts has commands that the stories of several programs' tests share.
package scripts

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
)

// Private is the command private FOLDER...: it checks that all in folders is for its owner alone, but for links.
func Private(ts *testscript.TestScript, _ bool, args []string) {
	for _, dir := range args {
		ts.Check(filepath.WalkDir(ts.MkAbs(dir), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.Type() == fs.ModeSymlink {
				return err
			}
			info, err := e.Info()
			if want := map[bool]fs.FileMode{true: 0o700, false: 0o600}[e.IsDir()]; err == nil && info.Mode().Perm() != want {
				err = fmt.Errorf("%s is %v", path, info.Mode())
			}
			return err
		}))
	}
}

// Open is the command open FOLDER...: it lets everybody read and write folders and all in them.
func Open(ts *testscript.TestScript, _ bool, args []string) {
	for _, dir := range args {
		ts.Check(filepath.WalkDir(ts.MkAbs(dir), func(path string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Chmod(path, map[bool]fs.FileMode{true: 0o777, false: 0o666}[e.IsDir()])
		}))
	}
}
