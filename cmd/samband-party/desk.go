package main

import (
	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
	"samband/gateway/register"
	"samband/gateway/signed"
)

func newDesk(p *program) *cobra.Command {
	var d register.Directory
	var functions []string
	var end string
	c := &cobra.Command{
		Use:   "desk REQUEST",
		Short: "Make the entry of a desk from its request, with its place in the directory",
		Args:  cobra.ExactArgs(1),
		RunE: by(p, authority.OpenParty, func(c *cobra.Command, party *authority.Party, args []string) error {
			card, request, err := cli.ReadAs(args[0], maxFile, register.ParseRequest)
			if err != nil {
				return err
			}
			for _, f := range functions {
				d.Functions = append(d.Functions, register.Function(f))
			}
			var until signed.Time
			if end != "" {
				if until, err = parseTime(end); err != nil {
					return err
				}
			}
			stored, err := party.Desk(request, d, until)
			if err != nil {
				return err
			}
			return p.entry(c, "the entry of desk "+string(card.Address)+", whose time zone is "+string(card.Zone), stored,
				"once it is entered, the desk connects by its own key: samband-desk serve")
		}),
	}
	c.Flags().StringVar(&d.Title, "title", "", "the desk's title, in its own words")
	c.Flags().StringArrayVar(&functions, "function", nil, "spoc, ncb, sirene, enu, liaison, mission or organisation; once for each")
	c.Flags().StringArrayVar(&d.Languages, "language", nil, "a language (fi), the preferred first; once for each")
	c.Flags().StringVar(&d.Hours, "hours", "", "when the desk is manned, such as 24/7")
	c.Flags().StringVar(&d.Telephone, "telephone", "", "a telephone that answers at night")
	c.Flags().StringVar(&end, "until", "", "the day or time at which the entry ends; without it, it has no end")
	return cli.Require(c, "title", "function", "language", "hours", "telephone")
}
