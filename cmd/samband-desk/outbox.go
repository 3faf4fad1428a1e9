package main

import (
	"io"

	"github.com/spf13/cobra"

	"samband/gateway/desk/client"
)

func newOutbox(p *program) *cobra.Command {
	return newListing(p, &cobra.Command{Use: "outbox [ID]", Short: "Say what became of what this desk sent"},
		(*client.Client).Outbox, func(i client.OutboxItem) client.State { return i.State }, p.showOutbox)
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
