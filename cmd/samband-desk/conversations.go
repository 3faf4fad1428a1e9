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
		RunE: p.ask(func(c *cobra.Command, d *client.Client, id signed.ID) error {
			all, err := d.Conversations(c.Context(), client.Query{ID: id, Limit: limit})
			if err != nil {
				return err
			}
			return p.Print(c, all, func(w io.Writer) { showConversations(w, all) })
		}),
	}
	c.Flags().IntVar(&limit, "limit", 50, "how many to list")
	return c
}

func showConversations(w io.Writer, all []client.Conversation) {
	for n, c := range all {
		if n > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s  with %s: %s\n", c.Conversation, c.With, turn(c))
		for _, o := range c.Open {
			fmt.Fprintf(w, "  open since %s: %s %s from %s, %s\n", o.Since, cli.Clean(o.Type), o.ID, o.From, due(o.Deadline))
		}
		fmt.Fprintf(w, "  newest: %s %s from %s, %s\n", cli.Clean(c.Newest.Type), c.Newest.ID, c.Newest.From, c.Newest.State)
	}
}

func turn(c client.Conversation) (words string) {
	words = map[client.Turn]string{
		client.Ours: "our turn", client.Theirs: "their turn", client.Both: "both have to act", client.Nobody: "nobody has to act",
	}[c.Turn]
	if !c.Closed.IsZero() {
		words += ", closed at " + c.Closed.String()
	}
	return words
}
