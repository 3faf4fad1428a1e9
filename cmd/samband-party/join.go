package main

import (
	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
	"samband/gateway/register"
)

func newJoin(p *program) *cobra.Command {
	var federation string
	c := &cobra.Command{
		Use:   "join ADMISSION",
		Short: "Make the party's folder belong to the exchange that admitted it",
		Args:  cobra.ExactArgs(1),
		RunE: by(p, authority.OpenParty, func(c *cobra.Command, party *authority.Party, args []string) error {
			fed, file, err := cli.ReadAs(federation, maxFile, register.ParseFederation)
			if err != nil {
				return err
			}
			admission, err := cli.ReadFile(args[0], maxFile)
			if err != nil {
				return err
			}
			if err := party.Join(file, admission); err != nil {
				return err
			}
			return p.say(c, result{
				Made: party.Name + " belongs to " + fed.Name, Hash: fed.Hash().String(),
				Note: []string{"compare the hash with a founder by voice: it is the exchange"},
				Next: "make the entry of a desk from its request: samband-party desk",
			})
		}),
	}
	c.Flags().StringVar(&federation, "federation", "", "the federation file")
	return cli.Require(c, "federation")
}
