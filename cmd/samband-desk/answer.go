package main

import (
	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

func newAnswer(p *program) *cobra.Command {
	var f draftFlags
	var from sender
	var to []string
	c := &cobra.Command{
		Use:   "answer ID",
		Short: "Answer a message of the inbox, or follow one of the outbox",
		Long: `Answer a message of the inbox, or follow one of the outbox. An answer goes to the sender
of that message, in the same conversation and under the same agreement. A follow-up, such
as a reminder, goes to all whom the first message went to, or to those of --to.

If the body has no your_reference, the reference of the message that you answer is used.`,
		Args: cobra.ExactArgs(1),
		RunE: p.ask(func(c *cobra.Command, d *client.Client, id signed.ID) error {
			draft, err := f.draft(c)
			if err != nil {
				return err
			}
			if draft.To, err = addresses(to); err != nil {
				return err
			}
			sending, err := d.Answer(c.Context(), from.of(id), draft)
			if err != nil {
				return err
			}
			return p.sent(c, d, sending, f.wait)
		}),
	}
	f.add(c)
	from.add(c)
	c.Flags().StringArrayVar(&to, "to", nil, "of a follow-up: address of a recipient, once for each; without it, all")
	return cli.Require(c, "type", "body")
}
