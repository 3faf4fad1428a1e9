package main

import (
	"github.com/spf13/cobra"

	"samband/gateway/register"
)

func newAdmit(s *settings) *cobra.Command {
	var signers []string
	c := &cobra.Command{
		Use:   "admit CARD",
		Short: "Draft the entry that admits a party, from its card, and sign it first",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := s.founder(c)
			if err != nil {
				return err
			}
			card, err := readAs(args[0], register.ParsePartyCard)
			if err != nil {
				return err
			}
			text, err := f.DraftAdmit(card, signers...)
			if err != nil {
				return err
			}
			return s.begin(c, f, "the admission of "+card.Name+" ("+card.Title+")", "party-"+card.Name, text)
		},
	}
	signersFlag(c, &signers)
	return c
}

func signersFlag(c *cobra.Command, signers *[]string) {
	c.Flags().StringArrayVar(signers, "signer", nil, "a founder's party that will sign; once for each (default: this one and the first others that suffice)")
}
