package main

import (
	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
	"samband/gateway/register"
)

func newAdmit(p *program) *cobra.Command {
	var signers []string
	var again bool
	c := &cobra.Command{
		Use:   "admit CARD",
		Short: "Draft the entry that admits a party, from its card, and sign it first",
		Args:  cobra.ExactArgs(1),
		RunE: by(p, authority.OpenFounder, func(c *cobra.Command, f *authority.Founder, args []string) error {
			card, _, err := cli.ReadAs(args[0], maxFile, register.ParsePartyCard)
			if err != nil {
				return err
			}
			draft := f.DraftAdmit
			if again {
				draft = f.DraftAdmitAgain
			}
			text, err := draft(card, signers...)
			if err != nil {
				return err
			}
			return p.begin(c, f, "the admission of "+card.Name+" ("+card.Title+")", "party-"+card.Name, text)
		}),
	}
	c.Flags().BoolVar(&again, "again", false, "the party is in force, and gets a new authority or title: its authority in force signs too")
	signersFlag(c, &signers)
	return c
}

func signersFlag(c *cobra.Command, signers *[]string) {
	c.Flags().StringArrayVar(signers, "signer", nil, "a founder's party that will sign; once for each (default: this one and the first others that suffice)")
}
