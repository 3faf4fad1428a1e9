package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/register"
)

func newEnter(p *program) *cobra.Command {
	var wait time.Duration
	c := &cobra.Command{
		Use:   "enter FILE...",
		Short: "Hand in signed register entries, in the order given",
		Long: `Hand in signed register entries, in the order given, whoever signed them.

The desk keeps each and hands it in until the register has it, or the log proves why not.
When that takes a minute, it is an alarm: the broker's operator may hold the entry back.
The desk goes on by itself, and heeds a revocation meanwhile: it sends nothing to whom
that names, and opens nothing from there.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			d, err := p.client()
			if err != nil {
				return err
			}
			defer d.Close()
			var waiting error
			for _, path := range files {
				note, err := cli.ReadInput(c, path, register.MaxEntry)
				if err != nil {
					return err
				}
				ctx, cancel := context.WithTimeout(c.Context(), wait)
				entered, err := d.Enter(ctx, note)
				cancel()
				if err != nil {
					return fmt.Errorf("enter %s: %w", path, err)
				}
				if err := p.Print(c, entered, func(w io.Writer) { p.showEntered(w, path, entered) }); err != nil {
					return err
				}
				if entered.Index == 0 {
					waiting = errors.Join(waiting, fmt.Errorf("the register lacks %s: %w", path, errNotYet))
				}
			}
			return waiting
		},
	}
	c.Flags().DurationVar(&wait, "wait", time.Minute, "how long to wait for its place, a minute at most")
	return c
}

func (p *program) showEntered(w io.Writer, path string, e *client.Entered) {
	if e.Index > 0 {
		fmt.Fprintf(w, "%s is entry %d of the register: %s.\n", cli.Clean(path), e.Index, cli.Clean(e.Says))
		return
	}
	fmt.Fprintf(w, "%s is kept here, and the register lacks it.\n", cli.Clean(path))
	p.showWaiting(w, []client.Entered{*e})
}

// showWaiting says which register entries wait, and what to do.
func (p *program) showWaiting(w io.Writer, all []client.Entered) {
	for _, e := range all {
		label := "Entry:   "
		if e.Alarm {
			label = "ALARM:   "
		}
		fmt.Fprintf(w, "%s the register lacks %s (%s), handed in here at %s\n", label, cli.Clean(e.Says), e.Hash, p.timeText(e.Since))
		if e.Why != "" {
			fmt.Fprintf(w, "  The last attempt: %s\n", cli.Clean(e.Why))
		}
		if e.Heeded {
			fmt.Fprintln(w, "  This desk heeds it: it sends nothing to whom it names, and opens nothing from there.")
		}
		if e.Alarm {
			fmt.Fprintln(w, "  Next: hand it in at another desk too, and call the broker's operator, who may hold it back. This desk goes on by itself.")
		}
	}
}
