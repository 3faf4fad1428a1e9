package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"samband/gateway/problem"
)

// Exit codes mean the same in each program; which of them it has, its usage says.
const (
	exitFailed    = 1 // a fault, or a file that can't be read
	exitUsage     = 2 // it was called wrongly
	exitSchema    = 3 // a body doesn't follow its schema
	exitRefused   = 4 // by the law, or by somebody's identity
	exitAgain     = 5 // nobody serves, locked, a wrong passphrase, no network
	exitNotProved = 6 // something is forged, missing or bent
)

// Usagef is an error in how a program was called.
func Usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// NotProved marks an error that speaks of what was verified, and not of how.
type NotProved struct{ Err error }

func (e *NotProved) Error() string { return "NOT PROVED: " + e.Err.Error() }
func (e *NotProved) Unwrap() error { return e.Err }

// LockedBy adds to the failure of a start which process has the lock of a file or
// folder, if one has.
func LockedBy(path string, err error) error {
	if pid, known := holder(path); known {
		return &lockedError{err, pid}
	}
	return err
}

type lockedError struct {
	error
	pid int
}

func (e *lockedError) Unwrap() error { return e.error }

// exitCode is the one place where an error meets an exit code.
func (p *Program) exitCode(err error) int {
	var usage *usageError
	var unproved *NotProved
	refusal, refused := problem.Of(err)
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &unproved):
		return exitNotProved
	case slices.ContainsFunc(append(p.Again, p.NotServed), func(again error) bool { return again != nil && errors.Is(err, again) }):
		return exitAgain
	case !refused:
		return exitFailed
	}
	row := refusal.Code.Row()
	switch {
	case row.Code == problem.BodyMalformed, row.Code == problem.BodyInvalid:
		return exitSchema
	case row.About == problem.Breach:
		return exitNotProved
	case row.Code == problem.Internal:
		return exitFailed
	case row.Class == problem.Final:
		return exitRefused
	}
	return exitAgain
}

// explain says what went wrong, which rule it broke, and what to do next.
func (p *Program) explain(w io.Writer, err error) {
	var details problem.Details
	if refusal, refused := problem.Of(err); refused {
		details = problem.DetailsOf(refusal.Code, refusal.Detail)
		if p.JSON {
			WriteJSON(w, map[string]problem.Details{"problem": details})
			return
		}
	}
	// Lines after the first are indented: none that a stranger wrote begins with
	// "Next:".
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, Clean(line))
		}
	}
	fmt.Fprintf(w, "%s: %s\n", p.name, strings.Join(lines, "\n  "))
	next := p.next(err)
	if next == "" {
		next = details.Next
	}
	if details.Rule != "" {
		fmt.Fprintf(w, "Rule: %s.\n", details.Rule)
	}
	if next != "" {
		fmt.Fprintf(w, "Next: %s.\n", next)
	}
}

// next is what to do about an error, for whoever was just called out of bed, where
// that depends on the program.
func (p *Program) next(err error) string {
	var usage *usageError
	var missing *fs.PathError
	var locked *lockedError
	var address *net.OpError
	var unproved *NotProved
	switch {
	case errors.As(err, &usage):
		return fmt.Sprintf("see %s --help", p.name)
	case p.NotServed != nil && errors.Is(err, p.NotServed):
		return fmt.Sprintf("start it with %s serve, or check --dir", p.name)
	case p.Settings != "" && errors.As(err, &missing) && filepath.Base(missing.Path) == p.Settings && errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("run %s init, or name the folder with --dir", p.name)
	case errors.As(err, &locked):
		return fmt.Sprintf("process %d holds the folder: stop it first", locked.pid)
	case p.Settings != "" && errors.As(err, &address) && errors.Is(err, syscall.EADDRINUSE):
		return fmt.Sprintf("stop the program that listens there, or change %q in %s", p.Setting(address.Addr), filepath.Join(p.Dir, p.Settings))
	case errors.As(err, &unproved):
		return "keep these files as they are: they may be evidence"
	case p.Next != nil:
		return p.Next(err)
	}
	return ""
}
