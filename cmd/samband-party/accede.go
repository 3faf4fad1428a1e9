package main

import (
	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
)

func newAccede(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "accede AGREEMENT",
		Short: "Make the entry that binds the party to an agreement that another proposed",
		Long: `Make the entry that binds the party to an agreement that another proposed.

Read the agreement first: the entry is text, and its hash is what binds.`,
		Args: cobra.ExactArgs(1),
		RunE: by(p, authority.OpenParty, func(c *cobra.Command, party *authority.Party, args []string) error {
			stored, _, err := cli.ReadAs(args[0], maxFile, party.Accede)
			if err != nil {
				return err
			}
			return p.entry(c, "the accession of "+party.Name, stored)
		}),
	}
}
