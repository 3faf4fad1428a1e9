// Samband-audit is the auditor's tool: it proves from files alone, offline, that
// an exchange's logs are complete and unaltered, or that one message is in the state
// that a desk says.
//
//	samband-audit verify --federation federation log/audit log/register
//	samband-audit verify --federation federation --proof acceptance --message envelope
//
// All it believes is the federation file, which names the keys of the logs, and
// whose fingerprint it prints for people to compare. The key that lies beside a
// log is not read. It says in words what it proved, and what not.
//
// Exit codes: 0 proved, 1 failed (a file that can't be read), 2 wrong usage,
// 6 not proved: something is altered, missing, or of another exchange or message.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/auditlog"
	"samband/gateway/problem"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use: "samband-audit", Short: "Verify what an exchange's logs say, from files alone",
		RunE: func(*cobra.Command, []string) error { return cli.Usagef("name a command: verify") },
	}
	root.AddCommand(newVerify())
	return (&cli.Program{}).Run(root, args, stdin, stdout, stderr)
}

// A mismatch says that two things which should belong together don't.
type mismatch string

func (m mismatch) Error() string { return string(m) }

func mismatchf(format string, args ...any) error { return mismatch(fmt.Sprintf(format, args...)) }

// lags says that a folder is shorter than what is proved by it. It is written a moment
// behind its log, so a copy may only be young; bytes that were cut off look the same.
type lags struct{ error }

func (l lags) Unwrap() error { return l.error }

// Next is what a person does about it.
func (lags) Next() string {
	return "copy the folder again, newer than the proof, and try again: it is written about a second behind its log; if it stays shorter, keep these files as they are: they may be evidence"
}

// notProved reports whether err speaks of what was verified, and not of how.
func notProved(err error) bool {
	var m mismatch
	var d *auditlog.Damage
	_, p := problem.Of(err)
	return p || errors.As(err, &m) || errors.As(err, &d)
}
