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

	"samband/gateway/durable"
	"samband/gateway/problem"
)

// Exit codes mean the same in each program; which of them it has, its usage says.
const (
	exitFailed    = 1 // any other error, such as a file that can't be read
	exitUsage     = 2 // it was called wrongly
	exitSchema    = 3 // a body doesn't follow its schema
	exitRefused   = 4 // by a rule of the exchange, or since a key or certificate isn't accepted
	exitAgain     = 5 // it may succeed later: no process serves, locked, a wrong passphrase, no network
	exitNotProved = 6 // something is forged, missing or altered
)

// Usagef is an error in how a program was called.
func Usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

// NotProved marks a verification that failed: the evidence itself is wrong. It is not
// used if the check could not be made, such as when a file can't be read.
type NotProved struct{ Err error }

func (e *NotProved) Error() string { return "NOT PROVED: " + e.Err.Error() }
func (e *NotProved) Unwrap() error { return e.Err }

// LockedBy adds to an error the id of the process that has locked a path, if that
// is known.
func LockedBy(path string, err error) error {
	if pid, known := lockingProcess(path); known {
		return &lockedError{err, pid}
	}
	return err
}

type lockedError struct {
	error
	pid int
}

func (e *lockedError) Unwrap() error { return e.error }

// exitCode is the exit code of an error; nothing else chooses one.
func (p *Program) exitCode(err error) int {
	var usage *usageError
	var unproved *NotProved
	var lasts interface {
		error
		Lasts() bool // the same command never succeeds
	}
	refusal, refused := problem.Of(err)
	switch {
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &unproved):
		return exitNotProved
	case errors.As(err, &lasts) && lasts.Lasts():
		return exitFailed
	case slices.ContainsFunc(append(p.Again, p.NotServed), func(again error) bool { return again != nil && errors.Is(err, again) }):
		return exitAgain
	case !refused:
		return exitFailed
	}
	row := refusal.Code.Row()
	switch {
	case row.Code == problem.BodyMalformed, row.Code == problem.BodyInvalid:
		return exitSchema
	case row.Subject == problem.BrokerBreach:
		return exitNotProved
	case row.Code == problem.Internal, row.Code == problem.LocalFault:
		return exitFailed
	case row.Class == problem.Final:
		return exitRefused
	}
	return exitAgain // classes retry and reseal
}

// Explain says what went wrong, which rule it broke, and what to do next.
func (p *Program) Explain(w io.Writer, err error) {
	var details problem.Details
	if refusal, refused := problem.Of(err); refused {
		details = problem.DetailsOf(refusal.Code, refusal.Detail)
		if p.JSON {
			WriteJSON(w, map[string]problem.Details{"problem": details})
			return
		}
	}
	// Lines after the first are indented, so that no text of another party looks like
	// our lines "Rule:" and "Next:".
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

// notAllowed is the advice about a file that this account may not read or write.
func notAllowed(path string) string {
	if owner := durable.OthersOwner(path); owner != "" && owner != "root" {
		return durable.AsOwner(owner)
	} else if owner == "root" {
		return fmt.Sprintf("%s belongs to root: give it to the account that is to use it", path)
	}
	return fmt.Sprintf("give this account the right to %s", path)
}

// next is the advice about an error if it depends on the program, else "". It is
// written for an operator on call.
func (p *Program) next(err error) string {
	var usage *usageError
	var missing *fs.PathError
	var locked *lockedError
	var address *net.OpError
	var unproved *NotProved
	var taken *takenError
	var says interface {
		error
		Next() string
	}
	switch {
	case errors.As(err, &says) && says.Next() != "":
		return says.Next()
	case errors.As(err, &taken):
		return "name another, or move it away: nothing is written over, and no link is followed"
	case errors.Is(err, durable.ErrNotRegular):
		return "name a file; where the command takes it, - reads standard input"
	case errors.As(err, &usage):
		return fmt.Sprintf("see %s --help", p.name)
	case p.NotServed != nil && errors.Is(err, p.NotServed):
		return fmt.Sprintf("start it with %s serve, or check --dir", p.name)
	case p.Settings != "" && errors.As(err, &missing) && filepath.Base(missing.Path) == p.Settings && errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("run %s init, or name the folder with --dir", p.name)
	case errors.As(err, &locked):
		return fmt.Sprintf("process %d uses the folder: stop it first", locked.pid)
	case p.Settings != "" && errors.As(err, &address) && errors.Is(err, syscall.EADDRINUSE):
		return fmt.Sprintf("stop the program that listens there, or change %q in %s", p.Setting(address.Addr), filepath.Join(p.Dir, p.Settings))
	case errors.As(err, &missing) && errors.Is(err, fs.ErrPermission):
		return notAllowed(missing.Path)
	case errors.As(err, &unproved):
		return "keep these files as they are: they may be evidence"
	case p.Next != nil:
		return p.Next(err)
	}
	return ""
}
