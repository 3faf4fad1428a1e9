// Package cli is what the command lines of Samband share, so that they read, ask
// and explain alike.
//
// A program describes itself and runs a tree of commands:
//
//	p := &cli.Program{NotServed: client.ErrNotServed}
//	p.Flags(root, ".", "the desk's folder")
//	os.Exit(p.Run(root, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
//
// Data goes to standard output, all else to standard error. An error that ends a
// command is told in up to three lines, of which the last says what to do:
//
//	samband-desk: NO_AGREEMENT: none between se and no permits REMINDER
//	Rule: an agreement between both parties is in force and the header names it.
//	Next: ask which agreement covers this; without one nothing passes.
//
// With --json a refusal is one JSON object there instead, [problem.Details].
//
// What goes wrong before a command runs is wrong usage: an unknown command or flag,
// a wrong number of arguments. A command says the same of a value by [Usagef].
package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"
)

// A Program is one command line, and what it knows of its own errors.
type Program struct {
	Dir  string // its folder
	JSON bool   // print data as JSON

	// Settings is the settings file in Dir of a program that serves, and Setting
	// the line of it that an address stands on.
	Settings string
	Setting  func(net.Addr) string
	// NotServed is the error of asking a process that isn't there.
	NotServed error
	// Again are other errors after which the same command may succeed later.
	Again []error
	// Next says what to do about an error, or "" if the error says it.
	Next func(error) string

	name string
}

// Flags adds --dir, which is dir if it isn't given, and --json, which is as p has it.
func (p *Program) Flags(root *cobra.Command, dir, usage string) {
	root.PersistentFlags().StringVar(&p.Dir, "dir", dir, usage)
	root.PersistentFlags().BoolVar(&p.JSON, "json", p.JSON, "print data as JSON")
}

// DirOfEnvironment is SAMBAND_DIR, or the current folder.
func DirOfEnvironment() string { return cmp.Or(os.Getenv("SAMBAND_DIR"), ".") }

// Require marks flags that a command can't do without.
func Require(c *cobra.Command, flags ...string) *cobra.Command {
	for _, f := range flags {
		if err := c.MarkFlagRequired(f); err != nil {
			panic(err) // a flag that the command doesn't have
		}
	}
	return c
}

// Main runs a program that may have a passphrase or private keys in its memory, and ends
// the process. run is the program's; nothing is run where dumps can't be forbidden.
func Main(run func(args []string, stdin io.Reader, stdout, stderr io.Writer) int) {
	if err := ForbidDumps(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(exitFailed)
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// Run runs a command line and returns its exit code.
func (p *Program) Run(root *cobra.Command, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	err := p.Try(root, args, stdin, stdout, stderr)
	if err == nil {
		return 0
	}
	p.Explain(stderr, err)
	return p.exitCode(err)
}

// Try is Run for a program that itself says what went wrong, by Explain, and goes on.
func (p *Program) Try(root *cobra.Command, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	private()
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	p.name = root.Name()
	started := false
	eachCommand(root, func(c *cobra.Command) {
		if inner := c.RunE; inner != nil {
			c.RunE = func(c *cobra.Command, args []string) error {
				started = true
				if err := readsOnce(c, args); err != nil {
					return err
				}
				return inner(c, args)
			}
		}
	})
	err := root.Execute()
	if err != nil && !started {
		err = &usageError{err}
	}
	return err
}

// eachCommand visits a command and all those below it.
func eachCommand(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, below := range c.Commands() {
		eachCommand(below, visit)
	}
}

// UntilInterrupted is a context that ends when the process is told to stop.
func UntilInterrupted(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// Print writes data to standard output: JSON with --json, else what words makes of
// it.
func (p *Program) Print(c *cobra.Command, data any, words func(io.Writer)) error {
	if p.JSON {
		return WriteJSON(c.OutOrStdout(), data)
	}
	var b bytes.Buffer
	words(&b)
	_, err := c.OutOrStdout().Write(b.Bytes())
	return err
}
