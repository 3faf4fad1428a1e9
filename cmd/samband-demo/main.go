// Samband-demo makes a whole exchange on this machine and tells a case: an
// urgent request with a photograph, a clarification, an answer, a refusal, and
// what happens to those who try what they may not.
//
//	samband-demo                 tell the story, then stay up until Ctrl-C
//	samband-demo --once          tell the story and end
//	samband-demo --init-only     make the folders, print how to start each process
//
// Broker and desks speak over the real edge on loopback, each with its own keys
// in its own folder; everything about the case is made up.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	_ "time/tzdata" // its desks count in their own zones, on any machine

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/gatewaytest"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

type options struct {
	dir            string
	once, initOnly bool
	json           bool
}

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := cli.UntilInterrupted(context.Background())
	defer stop()
	var o options
	root := &cobra.Command{
		Use: "samband-demo", Short: "Make a whole exchange on this machine and tell a case", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.once && o.initOnly {
				return cli.Usagef("--once or --init-only, not both")
			}
			err := play(ctx, o, c.OutOrStdout())
			if err != nil && ctx.Err() != nil {
				err = errors.New("interrupted")
			}
			return err
		},
	}
	root.Flags().StringVar(&o.dir, "dir", "", "keep everything in this folder, which must not exist yet (default: a temporary one)")
	root.Flags().BoolVar(&o.once, "once", false, "end after the story")
	root.Flags().BoolVar(&o.initOnly, "init-only", false, "make the folders and print the commands that start each process")
	root.Flags().BoolVar(&o.json, "json", false, "print one JSON object a step")
	code := (&cli.Program{}).Run(root, args, stdin, stdout, stderr)
	if code != 0 && ctx.Err() != nil {
		return 130 // interrupted, as shells have it
	}
	return code
}

func play(ctx context.Context, o options, out io.Writer) (err error) {
	dir, cleanup, err := folder(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanup()) }()
	p := &printer{out: out, json: o.json}
	p.printText("Making an exchange in %s. Every key is new; the case is made up.\n\n", dir)
	story := &story{}
	x, err := gatewaytest.Make(dir, gatewaytest.Nordic())
	if err == nil {
		story.recordedExchange, err = startExchange(ctx, x)
	}
	if err != nil {
		if o.initOnly || ctx.Err() != nil {
			return err
		}
		return story.reportFailure(ctx, p, steps[0].name, stepResult{}, err)
	}
	defer func() { err = errors.Join(err, story.Stop()) }()
	if o.initOnly {
		return printProcesses(p, x)
	}
	if err := story.run(ctx, p, steps); err != nil {
		return err
	}
	if o.once {
		return nil
	}
	p.printText("%s", toPaste(x))
	<-ctx.Done()
	return nil
}

// folder is where the exchange is kept; a temporary one is removed at the end,
// unless processes are to be started from it.
func folder(o options) (dir string, cleanup func() error, err error) {
	keep := func() error { return nil }
	if o.dir != "" {
		if entries, err := os.ReadDir(o.dir); err == nil && len(entries) > 0 {
			return "", nil, fmt.Errorf("%s is not empty: name a new folder", o.dir)
		}
		dir, err = filepath.Abs(o.dir)
		return dir, keep, err
	}
	if dir, err = os.MkdirTemp("", "samband-"); err != nil || o.initOnly {
		return dir, keep, err
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}
