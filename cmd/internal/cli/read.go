package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"samband/gateway/durable"
	"samband/gateway/problem"
)

// ReadFile reads a regular file of at most max bytes; it returns OVERSIZE if the file is longer.
func ReadFile(path string, max int) ([]byte, error) {
	if path == "/dev/stdin" { // whoever names this waits for it, as for -
		return readAll(os.Stdin, path, max)
	}
	f, err := durable.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, path, max)
}

// ReadInput is like ReadFile, but reads standard input if the path is "-".
func ReadInput(c *cobra.Command, path string, max int) ([]byte, error) {
	if path == "-" {
		return readAll(c.InOrStdin(), "standard input", max)
	}
	return ReadFile(path, max)
}

func readAll(r io.Reader, name string, max int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(max)+1))
	if err == nil && len(b) > max {
		return nil, problem.New(problem.Oversize, "%s has more than %d bytes", name, max)
	}
	return b, err
}

// ReadAs reads a file and parses it; a parser's error begins with the file's name. It
// also returns the bytes that were parsed, so that no caller reads the file again, when
// it may have changed.
func ReadAs[T any](path string, max int, parse func([]byte) (T, error)) (v T, b []byte, err error) {
	if b, err = ReadFile(path, max); err != nil {
		return v, nil, err
	}
	if v, err = parse(b); err != nil {
		return v, nil, fmt.Errorf("%s: %w", path, err)
	}
	return v, b, nil
}

// maxPassphraseFile limits how much of a passphrase file is read.
const maxPassphraseFile = 64 << 10

// ReadPassphrase reads the first line of a file, or of standard input if the path
// is "-".
func ReadPassphrase(c *cobra.Command, path string) ([]byte, error) {
	b, err := ReadInput(c, path, maxPassphraseFile)
	if err != nil {
		return nil, fmt.Errorf("read passphrase: %w", err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, fmt.Errorf("the passphrase in %s is empty", path)
	}
	return line, nil
}

// PassphraseFile is the flag that PassphraseFlag adds.
const PassphraseFile = "passphrase-file"

// PassphraseFlag adds --passphrase-file, and returns a function that reads the
// passphrase from that file. If no file is named, the function asks for the passphrase
// at the terminal, and asks twice if it is a new one.
func PassphraseFlag(c *cobra.Command) func(isNew bool) ([]byte, error) {
	file := c.Flags().String(PassphraseFile, "", "file whose first line is the passphrase; - for standard input; else it is typed")
	return func(isNew bool) ([]byte, error) {
		if *file != "" {
			return ReadPassphrase(c, *file)
		}
		return typed(c, isNew)
	}
}

func typed(c *cobra.Command, twice bool) ([]byte, error) {
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, Usagef("no terminal to type the passphrase at: give --passphrase-file")
	}
	readOnce := func(prompt string) ([]byte, error) {
		fmt.Fprint(c.ErrOrStderr(), prompt)
		defer fmt.Fprintln(c.ErrOrStderr())
		return term.ReadPassword(int(in.Fd()))
	}
	first, err := readOnce("Passphrase: ")
	if err != nil || !twice {
		return first, err
	}
	second, err := readOnce("The same again: ")
	if err == nil && !bytes.Equal(first, second) {
		err = fmt.Errorf("the two passphrases differ")
	}
	return first, err
}
