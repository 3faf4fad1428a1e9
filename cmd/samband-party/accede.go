package main

import (
	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
)

func newAccede(p *program) *cobra.Command {
	var log string
	c := &cobra.Command{
		Use:   "accede AGREEMENT",
		Short: "Make the entry that binds the party to an agreement that another proposed",
		Long: `Make the entry that binds the party to an agreement that another proposed.

AGREEMENT is the file of its entry. With --log it is the number or the hash by which
samband-party proposals lists it. Read the agreement first: the entry is text, and its
hash is what binds.`,
		Args: cobra.ExactArgs(1),
		RunE: by(p, authority.OpenParty, func(c *cobra.Command, party *authority.Party, args []string) (err error) {
			var stored *authority.StoredEntry
			if log == "" {
				stored, _, err = cli.ReadAs(args[0], maxFile, party.Accede)
			} else {
				var agreement []byte
				if agreement, err = p.proposed(log, args[0], party.Name); err == nil {
					stored, err = party.Accede(agreement)
				}
			}
			if err != nil {
				return err
			}
			return p.entry(c, "the accession of "+party.Name, stored)
		}),
	}
	c.Flags().StringVar(&log, "log", "", "a copy of the register's log folder, in which the agreement is")
	return c
}
