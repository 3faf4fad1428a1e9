package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk"
)

func newBeginEmpty(p *program) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "begin-empty --reason TEXT",
		Short: "Give a desk an empty database that lost its own and has no backup",
		Long: `Give a desk an empty database that lost its own and has no backup.

Put the folder back from its newest backup instead, if there is one. Without one:

  comes again by itself   what has not ended: it is opened and handed over then; the lists
                          of what this desk erased: it stays hidden
  is gone here            what had ended, with its proofs: the other desks have theirs, and
                          the log has its leaves. samband-desk lost lists what the broker
                          still shows of it, by id and desk: ask those desks
                          what was queued and not accepted: send it again
                          what was open: answers to requests of before are refused here,
                          and this desk knows no deadline of what it had handed over
                          this desk's own log

What there is of a database gets another name beside it, and is not removed: it may have
what was to be erased, so destroy it once nobody needs it. The desk's log takes the reason.
A database that opens is refused.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			aside, err := desk.BeginEmpty(p.Dir, reason, time.Now())
			if err != nil {
				return err
			}
			return p.Print(c, map[string]any{"begun": true, "aside": aside}, func(w io.Writer) {
				if aside != "" {
					fmt.Fprintf(w, "Set aside: %s\n", aside)
				}
				fmt.Fprintf(w, "The database is empty.\nNext: samband-desk serve, then samband-desk status\n")
			})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why it begins empty")
	return cli.Require(c, "reason")
}
