package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// showLosses says what the desk's database lost, and what to do.
func (p *program) showLosses(w io.Writer, st *client.Status) {
	for _, l := range st.Losses {
		fmt.Fprintf(w, "DATABASE: %s, found %s: %s\n", cli.Clean(l.Kind), p.timeText(l.Found), cli.Clean(l.Detail))
	}
	if len(st.Losses) > 0 {
		fmt.Fprintf(w, "  What has not ended comes again by itself. What was queued and not accepted is to be sent again.\n"+
			"  A newer backup is better: stop, put it back, start. Then: samband-desk lost\n")
	}
	if st.Lost > 0 {
		fmt.Fprintf(w, "LOST:     %d messages that this desk had; run samband-desk lost, and ask the desks that it names\n", st.Lost)
	}
}

func newLost(p *program) *cobra.Command {
	var limit int
	var settle string
	c := &cobra.Command{
		Use:   "lost",
		Short: "List the messages that this desk had and that its database lost",
		Long: `List the messages that this desk had and that its database lost.

The database was put back from a backup, damaged, or begun empty. What has not ended
comes again by itself and is on the list until it has come. What has ended does not: ask
the desk that stands beside it for the content, by the id; it has the proofs, and so has
the log. The list is what the log and the broker still show: a message that was queued
here and never accepted is not on it.

Once somebody has seen to it, --settle gives the reason and ends the alarm; the desk's
log takes it.`,
		Args: cobra.NoArgs,
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, _ signed.ID) error {
			if settle != "" {
				if err := d.SettleLosses(c.Context(), settle); err != nil {
					return err
				}
			}
			items, err := d.Lost(c.Context(), client.Query{Limit: limit})
			if err != nil {
				return err
			}
			st, err := d.Status(c.Context())
			if err != nil {
				return err
			}
			return p.Print(c, map[string]any{"lost": items, "losses": st.Losses}, func(w io.Writer) {
				var rows [][]string
				for _, i := range items {
					from, to := i.Other, st.Desk
					if !i.Received {
						from, to = to, from
					}
					rows = append(rows, []string{i.ID.String(), string(i.Event), string(from), string(to), fmt.Sprint(i.Leaf)})
				}
				p.table(w, "id event from to leaf", rows)
				for _, l := range st.Losses {
					fmt.Fprintf(w, "DATABASE: %s, found %s: %s\n", cli.Clean(l.Kind), p.timeText(l.Found), cli.Clean(l.Detail))
				}
			})
		}),
	}
	c.Flags().IntVar(&limit, "limit", 50, "how many to list, the newest first")
	c.Flags().StringVar(&settle, "settle", "", "what the database lost was seen to, for this reason")
	return c
}
