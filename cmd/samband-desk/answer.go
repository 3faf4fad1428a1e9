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
	c := &cobra.Command{
		Use:   "answer ID",
		Short: "Answer a message of the inbox",
		Long: `Answer a message of the inbox. The answer goes to the sender of that message, in the
same conversation and under the same agreement.

What a reply repeats, such as the reference of the message that you answer, is filled in.`,
		Args: cobra.ExactArgs(1),
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, id signed.ID) error {
			draft, err := f.draft(c)
			if err != nil {
				return err
			}
			sending, err := d.Answer(c.Context(), from.of(id), draft)
			if err != nil {
				return err
			}
			return p.reportSending(c, d, sending, f.wait)
		}),
	}
	f.add(c)
	from.add(c)
	return cli.Require(c, "type", "body")
}
