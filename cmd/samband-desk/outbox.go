package main

import (
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
)

func newOutbox(p *program) *cobra.Command {
	return newListing(p, &cobra.Command{Use: "outbox [ID]", Short: "Say what became of what this desk sent"},
		(*client.Client).Outbox, func(i client.OutboxItem) client.State { return i.State }, showOutbox)
}

func showOutbox(w io.Writer, items []client.OutboxItem) {
	var rows [][]string
	for _, i := range items {
		rows = append(rows, []string{i.ID.String(), stateText(i.Item), string(i.To), i.Type, timeText(i.Accepted), deadlineText(i.Deadline), subject(i.Summary)})
	}
	cli.Table(w, "ID STATE TO TYPE ACCEPTED CLOCK SUBJECT", rows)
	for _, i := range items {
		showWaits(w, i.Item, "to", i.To)
	}
}
