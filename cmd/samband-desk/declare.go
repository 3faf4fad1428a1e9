package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/gateway/desk/client"
	"samband/schema"
)

func newDeclare(s *settings) *cobra.Command {
	var from sender
	c := &cobra.Command{
		Use:   "declare ID direct|indirect",
		Short: "Say how this desk reaches what a request asks for, so which term runs",
		Long: `Say how this desk reaches what a request asks for, and so which term of its
legal clock runs: direct, in a database that it may query itself, or indirect,
with another authority or a private party. Until it says so the shorter term
runs. It may say otherwise until it has answered; the desk's log notes each.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			access := schema.Access(args[1])
			if access != schema.Direct && access != schema.Indirect {
				return fmt.Errorf("%q is neither %s nor %s; %w", clean(args[1]), schema.Direct, schema.Indirect, errUsage)
			}
			d, err := s.desk()
			if err != nil {
				return err
			}
			i, err := d.Declare(c.Context(), from.of(id), access)
			if err != nil {
				return err
			}
			return s.print(c, i, func(w io.Writer) { showInbox(w, []client.InboxItem{*i}) })
		},
	}
	from.add(c)
	return c
}
