package main

import "github.com/spf13/cobra"

func newAccede(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "accede AGREEMENT",
		Short: "Make the entry that binds the party to an agreement that another proposed",
		Long: `Make the entry that binds the party to an agreement that another proposed.

Read the agreement first: the entry is text, and its hash is what binds.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := s.party(c)
			if err != nil {
				return err
			}
			made, err := readAs(args[0], p.Accede)
			if err != nil {
				return err
			}
			return s.entry(c, "the accession of "+p.Name, made)
		},
	}
}
