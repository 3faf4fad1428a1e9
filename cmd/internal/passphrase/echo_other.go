//go:build !linux

package passphrase

import (
	"os"

	"golang.org/x/term"
)

// silence leaves the terminal to package term, which has it show nothing while a line is
// read: what is typed ahead of a question shows.
func silence(in *os.File) (restore func(), err error) {
	was, err := term.GetState(int(in.Fd()))
	return func() { _ = term.Restore(int(in.Fd()), was) }, err
}

func readLine(in *os.File) ([]byte, error) { return term.ReadPassword(int(in.Fd())) }
