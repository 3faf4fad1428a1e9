package main

import (
	"io"

	"github.com/spf13/cobra"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

func newInbox(p *program) *cobra.Command {
	return newListing(p, &cobra.Command{Use: "inbox [ID]", Short: "List what this desk received"},
		(*client.Client).Inbox, func(i client.InboxItem) client.State { return i.State }, p.showInbox)
}

func (p *program) showInbox(w io.Writer, items []client.InboxItem) {
	var rows [][]string
	for _, i := range items {
		rows = append(rows, []string{i.ID.String(), stateText(i.Item), string(i.From), i.Type, p.say(i.Urgency), p.timeText(received(i.Item)), p.deadlineText(i.Deadline), subject(i.Summary)})
	}
	p.table(w, "id state from type urgency received deadline subject", rows)
	for _, i := range items {
		p.showWaits(w, i.Item, "from", i.From)
	}
}

// received is the logged time at which a message came to this desk: that of its
// consignment or, if it ended without one, that of its end.
func received(i client.Item) signed.Time {
	if i.Consigned.IsZero() {
		return i.Ended
	}
	return i.Consigned
}
