package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"samband/gateway/desk/client"
	"samband/gateway/monitor"
)

// settingsFile lies in the desk's folder.
const settingsFile = "desk.yaml"

// next is what to do about an error that is no refusal, for whoever was just
// called out of bed; "" where the error says it.
func (s *settings) next(err error) string {
	var missing *fs.PathError
	var held *heldError
	switch {
	case errors.Is(err, client.ErrNotServed):
		return "start it with samband-desk serve, or check --dir"
	case errors.As(err, &missing) && filepath.Base(missing.Path) == settingsFile && errors.Is(err, fs.ErrNotExist):
		return "run samband-desk init, or name the folder with --dir"
	case errors.As(err, &held):
		return fmt.Sprintf("process %d holds the folder: stop it first", held.pid)
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Sprintf("stop the program that listens there, or change %q in %s", "metrics", filepath.Join(s.dir, settingsFile))
	}
	return ""
}

// A heldError is the failure of a start whose folder another process holds.
type heldError struct {
	error
	pid int
}

func (e *heldError) Unwrap() error { return e.error }

// heldBy adds to a start's failure who holds the folder, if somebody does.
func heldBy(dir string, err error) error {
	if pid, known := monitor.Holder(filepath.Join(dir, "lock")); known {
		return &heldError{err, pid}
	}
	return err
}
