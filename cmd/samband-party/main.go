// Samband-party is the desk drawer of those who make an exchange: founders of
// the root, and the authority of each party. It works on files, offline, and
// speaks to no network.
//
//	samband-party init --dir parties/se --party se --title Sverige --founder
//	samband-party found --dir parties/se --name nordic.example --threshold 2 \
//	    --founder-card no.card --founder-card se.card --broker-card broker.card
//	samband-party sign --dir parties/no parties/se/drafts/federation
//
// Every command says what it made, its hash, and the next step. An entry goes to
// the running broker by `samband-broker enter FILE`; whoever carries it needs no
// key. Keys lie in the folders root, authority and ca below --dir, which may be
// on different machines. A passphrase comes from a file or from standard input,
// never from the command line.
//
// Exit codes: 0 done, 1 failed, 2 wrong usage, 4 refused, with the code of the
// rule that says no.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"samband/gateway/authority"
	"samband/gateway/problem"
	"samband/gateway/seal"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// Exit codes.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 4
)

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &settings{}
	root := newRoot(s)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.Execute()
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "samband-party:", err)
	if !s.started || errors.Is(err, errUsage) {
		fmt.Fprintln(stderr, "Next: see samband-party --help.")
		return exitUsage
	}
	return explain(stderr, err)
}

// explain says the rule and the next step, and returns the exit code.
func explain(stderr io.Writer, err error) int {
	if p, ok := problem.Of(err); ok {
		if entry, ok := problem.Lookup(p.Code); ok {
			fmt.Fprintln(stderr, "The rule:", entry.Rule+".")
			fmt.Fprintln(stderr, "Next:", entry.Next+".")
		}
		return exitRefused
	}
	if errors.Is(err, seal.ErrPassphrase) {
		fmt.Fprintln(stderr, "Next: give the passphrase by --passphrase-file FILE, or - for standard input.")
		return exitRefused
	}
	if errors.Is(err, authority.ErrNoFederation) {
		fmt.Fprintln(stderr, "Next: found an exchange, or join one.")
	}
	return exitFailed
}

func newRoot(s *settings) *cobra.Command {
	root := &cobra.Command{
		Use:           "samband-party",
		Short:         "Make an exchange and keep its register, on files",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.PersistentFlags().StringVar(&s.dir, "dir", ".", "the party's folder")
	root.PersistentFlags().StringVar(&s.passphrase, "passphrase-file", "", "file whose first line is the passphrase of the keys; - for standard input")
	root.PersistentFlags().BoolVar(&s.json, "json", false, "print one JSON object")
	root.AddCommand(
		newInit(s), newFound(s), newSign(s), newAdmit(s), newCatalogue(s), newJoin(s),
		newCA(s), newDesk(s), newAgreement(s), newAccede(s), newRevoke(s), newIssue(s), newFollow(s),
	)
	// What goes wrong before a command runs is wrong usage.
	for _, c := range root.Commands() {
		inner := c.RunE
		c.RunE = func(c *cobra.Command, args []string) error {
			s.started = true
			return inner(c, args)
		}
	}
	return root
}
