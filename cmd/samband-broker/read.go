package main

import (
	"io"
	"os"

	"samband/gateway/problem"
	"samband/gateway/register"
)

// readEntry reads a register entry or the federation file, within the bound that
// the register has for both.
func readEntry(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, register.MaxEntry+1))
	if err == nil && len(b) > register.MaxEntry {
		return nil, problem.New(problem.Oversize, "%s has more than %d bytes", path, register.MaxEntry)
	}
	return b, err
}
