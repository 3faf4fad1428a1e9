// Samband-desk runs a desk and is the officers' command line to it.
//
//	samband-desk init --dir DIR --address se.spoc --federation FILE --broker URL
//	samband-desk init --dir DIR --certificate FILE
//	samband-desk serve --dir DIR
//	samband-desk unlock
//	samband-desk send --to fi.spoc --type INFO_REQUEST --urgent --body request.json
//	samband-desk inbox
//	samband-desk read ID
//	samband-desk answer ID --type ANSWER --body answer.json
//
// serve alone holds the desk's keys and database; every other command but init
// and rotate asks it through the socket in the desk's folder. The folder is
// --dir, or SAMBAND_DIR, or where you are. Data goes to standard output, as JSON
// with --json; everything else to standard error. A passphrase is typed, or read
// from a file, and never stands on a command line.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the body does not follow its
// schema, 4 refused by the law or by somebody's identity, 5 try again (nobody
// serves, locked, no network), 6 not proved: something is forged, missing or bent.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"samband/gateway/desk/client"
	"samband/gateway/problem"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// Exit codes.
const (
	exitFailed    = 1
	exitUsage     = 2
	exitSchema    = 3
	exitRefused   = 4
	exitAgain     = 5
	exitNotProved = 6
)

// errUsage marks errors in how the program was called.
var errUsage = errors.New("see --help")

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &settings{}
	root := newRoot(s)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err != nil {
		s.explain(stderr, err)
	}
	return exitCode(err)
}

// exitCode is the one place where a problem code meets an exit code.
func exitCode(err error) int {
	p, refused := problem.Of(err)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, client.ErrNotServed), errors.Is(err, errNotYet):
		return exitAgain
	case !refused:
		return exitFailed
	}
	switch p.Code {
	case problem.BodyMalformed, problem.BodyInvalid:
		return exitSchema
	case problem.ProofMissing, problem.ProofInvalid, problem.LogContradicts,
		problem.RegisterTooOld, problem.StatementForged, problem.SecondText:
		return exitNotProved
	case problem.Internal:
		return exitFailed
	}
	if p.Class() == problem.Final {
		return exitRefused
	}
	return exitAgain
}

// explain says what went wrong, the rule, and what to do next.
func (s *settings) explain(w io.Writer, err error) {
	p, refused := problem.Of(err)
	if s.json && refused {
		writeJSON(w, map[string]problemLine{"problem": lineOf(p.Code, p.Detail)})
		return
	}
	fmt.Fprintln(w, "samband-desk:", clean(err.Error()))
	switch {
	case refused:
		l := lineOf(p.Code, p.Detail)
		fmt.Fprintf(w, "Rule: %s.\nNext: %s.\n", l.Rule, l.Next)
	default:
		if next := s.next(err); next != "" {
			fmt.Fprintf(w, "Next: %s.\n", next)
		}
	}
}

func newRoot(s *settings) *cobra.Command {
	root := &cobra.Command{
		Use:           "samband-desk",
		Short:         "Run a desk, send and read its messages, and prove them",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	here := os.Getenv("SAMBAND_DIR")
	if here == "" {
		here = "."
	}
	root.PersistentFlags().StringVar(&s.dir, "dir", here, "the desk's folder")
	root.PersistentFlags().BoolVar(&s.json, "json", false, "print data as JSON")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w; %w", err, errUsage) })
	root.AddCommand(
		newInit(s), newServe(s), newUnlock(s), newLock(s), newStatus(s),
		newSend(s), newOutbox(s), newWithdraw(s),
		newInbox(s), newRead(s), newDeclare(s), newAnswer(s), newErase(s),
		newVerify(s), newLog(s), newRotate(s),
	)
	for _, c := range root.Commands() {
		c.Args = usage(c.Args)
	}
	return root
}

// usage marks a wrong number of arguments as wrong usage.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return fmt.Errorf("%w; %w", err, errUsage)
		}
		return nil
	}
}
