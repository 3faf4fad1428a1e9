package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
)

func newOutbox(p *program) *cobra.Command {
	c := newListing(p, &cobra.Command{Use: "outbox [ID]", Short: "Say what became of what this desk sent"},
		(*client.Client).Outbox, func(i client.OutboxItem) client.State { return i.State }, p.showOutbox)
	list := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := list(c, args); err != nil {
			return err
		}
		return p.tellTrouble(c)
	}
	return c
}

// tellTrouble says why what is queued waits, if the desk knows.
func (p *program) tellTrouble(c *cobra.Command) error {
	d, err := p.client()
	if err != nil {
		return err
	}
	st, err := d.Status(c.Context())
	if err == nil && st.Trouble != "" {
		fmt.Fprintf(c.ErrOrStderr(), "Trouble: %s\n", cli.Clean(st.Trouble))
	}
	return err
}

func (p *program) showOutbox(w io.Writer, items []client.OutboxItem) {
	var rows [][]string
	for _, i := range items {
		rows = append(rows, []string{i.ID.String(), stateText(i.Item), string(i.To), i.Type, p.timeText(i.Accepted), p.deadlineText(i.Deadline), subject(i.Summary)})
	}
	p.table(w, "id state to type accepted deadline subject", rows)
	for _, i := range items {
		p.showWaits(w, i.Item, "to", i.To)
	}
}
