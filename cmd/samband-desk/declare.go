package main

import (
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
	"samband/schema"
)

func newDeclare(p *program) *cobra.Command {
	var from sender
	c := &cobra.Command{
		Use:   "declare ID direct|indirect",
		Short: "Say how this desk reaches what a request asks for, so which term runs",
		Long: `Say how this desk reaches what a request asks for, and so which term of its
legal clock runs: direct, in a database that it may query itself, or indirect,
with another authority or a private party. Until it says so the shorter term
runs. It may say otherwise until it has answered; the desk's log notes each.

The asking desk is told, and the term is the one declared once the log has accepted
that. Where no agreement lets it be told, the declaration counts at this desk alone.`,
		Args: cobra.ExactArgs(2),
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, id signed.ID) error {
			access := schema.Access(c.Flags().Arg(1))
			if access != schema.Direct && access != schema.Indirect {
				return cli.Usagef("%q is neither %s nor %s", access, schema.Direct, schema.Indirect)
			}
			i, err := d.Declare(c.Context(), from.of(id), access)
			if err != nil {
				return err
			}
			return p.Print(c, i, func(w io.Writer) { p.showInbox(w, []client.InboxItem{*i}) })
		}),
	}
	from.add(c)
	return c
}
