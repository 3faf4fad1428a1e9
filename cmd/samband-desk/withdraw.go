package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

func newWithdraw(p *program) *cobra.Command {
	var wait time.Duration
	c := &cobra.Command{
		Use:   "withdraw ID",
		Short: "Take a message back that its recipient has not consigned yet",
		Long: `Take a message back that its recipient has not consigned yet.

The log decides: a recipient that said first that it has the message keeps it. A copy of
the message, sent because an agreement asks for it, is not withdrawn with it.`,
		Args: cobra.ExactArgs(1),
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, id signed.ID) error {
			if _, err := d.Withdraw(c.Context(), id); err != nil {
				return err
			}
			tell(c, wait, "Withdrawing: %s. That is durable here; the log decides", id)
			ctx, cancel := context.WithTimeout(c.Context(), wait)
			defer cancel()
			m, err := sentUntil(c, d, id, ctx, func(m *client.OutboxItem) bool { return m.Says == "" })
			if err != nil {
				return err
			}
			return p.Print(c, m, func(w io.Writer) {
				p.showOutbox(w, []client.OutboxItem{*m})
				copiesStay(w, m)
			})
		}),
	}
	c.Flags().DurationVar(&wait, "wait", 5*time.Second, "how long to wait for the log's decision")
	return c
}
