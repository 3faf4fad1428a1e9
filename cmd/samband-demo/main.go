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
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"samband/gateway/gatewaytest"
)

func main() { os.Exit(run()) }

type options struct {
	dir            string
	once, initOnly bool
	json           bool
}

func run() int {
	var o options
	flag.StringVar(&o.dir, "dir", "", "keep everything in this `folder`, which must not exist yet (default: a temporary one)")
	flag.BoolVar(&o.once, "once", false, "end after the story")
	flag.BoolVar(&o.initOnly, "init-only", false, "make the folders and print the commands that start each process")
	flag.BoolVar(&o.json, "json", false, "print one JSON object a step")
	flag.Parse()
	if flag.NArg() > 0 || o.once && o.initOnly {
		fmt.Fprintln(os.Stderr, "samband-demo: it takes no arguments, and --once or --init-only, not both")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := play(ctx, o); err != nil {
		if ctx.Err() != nil {
			fmt.Fprintln(os.Stderr, "samband-demo: interrupted")
			return 130
		}
		fmt.Fprintln(os.Stderr, "samband-demo:", err)
		return 1
	}
	return 0
}

func play(ctx context.Context, o options) (err error) {
	dir, cleanup, err := folder(o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, cleanup()) }()
	t := &teller{out: os.Stdout, json: o.json}
	t.say("Making an exchange in %s. Every key is new; the case is made up.\n\n", dir)
	story := &story{}
	x, err := gatewaytest.Make(dir, gatewaytest.Nordic())
	if err == nil {
		story.scene, err = raise(ctx, x)
	}
	if err != nil {
		if o.initOnly || ctx.Err() != nil {
			return err
		}
		return story.broken(ctx, t, parts[0].name, Step{}, err)
	}
	defer func() { err = errors.Join(err, story.Stop()) }()
	if o.initOnly {
		return printProcesses(t, x)
	}
	if err := story.run(ctx, t, parts); err != nil {
		return err
	}
	if o.once {
		return nil
	}
	t.say("%s", toPaste(x))
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
