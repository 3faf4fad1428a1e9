// Samband-broker runs an exchange's broker and brings register entries into it.
//
//	samband-broker init --dir DIR --name nordic.example --host broker.nordic.example
//	samband-broker init --dir DIR --federation FILE
//	samband-broker serve --dir DIR
//	samband-broker enter --dir DIR FILE...
//	samband-broker status --dir DIR
//	samband-broker check-config --dir DIR
//
// init runs twice: first it makes the broker's keys and the card that the
// founders of the exchange need; then it takes the federation file that they
// signed and makes the data folder, once and never again. serve alone holds the
// folder; enter and status ask it through the socket in its data. The folder is
// --dir, or SAMBAND_DIR, or where you are. Data goes to standard output, as JSON
// with --json; everything else to standard error.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage, 4 refused, 5 try again.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"samband/gateway/broker"
	"samband/gateway/problem"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// Exit codes.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 4
	exitAgain   = 5
)

// errUsage marks errors in how the program was called.
var errUsage = errors.New("see --help")

// settings are what all commands take.
type settings struct {
	dir     string
	json    bool
	started bool // past the parsing of flags
}

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
	return exitCode(s, err)
}

func newRoot(s *settings) *cobra.Command {
	root := &cobra.Command{
		Use: "samband-broker", Short: "The broker of an exchange",
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRun: func(*cobra.Command, []string) { s.started = true },
	}
	root.PersistentFlags().StringVar(&s.dir, "dir", cmp.Or(os.Getenv("SAMBAND_DIR"), "."), "the broker's folder")
	root.PersistentFlags().BoolVar(&s.json, "json", false, "write data as JSON")
	root.AddCommand(newInit(s), newServe(s), newEnter(s), newStatus(s), newCheckConfig(s))
	return root
}

// exitCode is the one place where an error meets an exit code.
func exitCode(s *settings, err error) int {
	p, refused := problem.Of(err)
	switch {
	case err == nil:
		return 0
	case !s.started || errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, broker.ErrNotServed):
		return exitAgain
	case refused && p.Class() == problem.Retry:
		return exitAgain
	case refused:
		return exitRefused
	}
	return exitFailed
}

// explain says what went wrong, which rule it broke, and what to do about it.
func (s *settings) explain(w io.Writer, err error) {
	fmt.Fprintln(w, "samband-broker:", err)
	if p, refused := problem.Of(err); refused {
		if row, ok := problem.Lookup(p.Code); ok {
			fmt.Fprintf(w, "Rule: %s.\nNext: %s.\n", row.Rule, row.Next)
		}
	}
	if next := s.next(err); next != "" {
		fmt.Fprintf(w, "Next: %s.\n", next)
	}
}

// print writes data as JSON, or in words.
func (s *settings) print(c *cobra.Command, data any, words func(io.Writer)) error {
	if s.json {
		return json.NewEncoder(c.OutOrStdout()).Encode(data)
	}
	words(c.OutOrStdout())
	return nil
}
