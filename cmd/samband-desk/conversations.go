package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

func newConversations(p *program) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:   "conversations [ID]",
		Short: "List what the desk speaks of with others: whose turn it is, what is open",
		Long: `List what the desk speaks of with others: whose turn it is, what is open and since
when, by what the log proves. First come those where it is this desk's turn, by the
nearest deadline. ID is that of a conversation, not of a message.`,
		Args: cobra.MaximumNArgs(1),
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, id signed.ID) error {
			all, err := d.Conversations(c.Context(), client.Query{ID: id, Limit: limit})
			if err != nil {
				return err
			}
			return p.Print(c, all, func(w io.Writer) { p.showConversations(w, all) })
		}),
	}
	c.Flags().IntVar(&limit, "limit", 50, "how many to list")
	return c
}

func (p *program) showConversations(w io.Writer, all []client.Conversation) {
	for n, c := range all {
		if n > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s  %s: %s\n", c.Conversation, c.With, p.turnText(c))
		for _, o := range c.Open {
			fmt.Fprintf(w, "  %s %s: %s %s %s %s, %s\n", p.say("open-since"), p.timeText(o.Since), cli.Clean(o.Type), o.ID, p.say("from"), o.From, p.deadlineText(o.Deadline))
		}
		fmt.Fprintf(w, "  %s: %s %s %s %s, %s\n", p.say("newest"), cli.Clean(c.Newest.Type), c.Newest.ID, p.say("from"), c.Newest.From, p.say("state."+string(c.Newest.State)))
	}
}

// turnText says whose turn it is, and since when the conversation is closed.
func (p *program) turnText(c client.Conversation) string {
	words := p.say(map[client.Turn]string{
		client.Ours: "your-turn", client.Theirs: "their-turn", client.Both: "both-turns", client.Nobody: "no-turn",
	}[c.Turn])
	if !c.Closed.IsZero() {
		words += ", " + p.say("closed") + " " + p.timeText(c.Closed)
	}
	return words
}
