package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

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
