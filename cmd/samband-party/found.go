package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
	"samband/gateway/register"
)

func newFound(p *program) *cobra.Command {
	var name, broker string
	var founders []string
	var threshold int
	c := &cobra.Command{
		Use:   "found",
		Short: "Draft the federation file from the cards of its founders and broker, and sign it first",
		Args:  cobra.NoArgs,
		RunE: by(p, authority.OpenFounder, func(c *cobra.Command, f *authority.Founder, _ []string) error {
			brokerCard, _, err := cli.ReadAs(broker, maxFile, register.ParseBrokerCard)
			if err != nil {
				return err
			}
			var cards []*register.FounderCard
			for _, path := range founders {
				card, _, err := cli.ReadAs(path, maxFile, register.ParseFounderCard)
				if err != nil {
					return err
				}
				cards = append(cards, card)
			}
			text, err := authority.DraftFederation(name, threshold, cards, brokerCard)
			if err != nil {
				return err
			}
			draft, err := f.Sign(text)
			if err != nil {
				return err
			}
			return p.draft(c, "the federation "+name, draft, filepath.Join(p.Dir, "drafts", "federation"))
		}),
	}
	c.Flags().StringVar(&name, "name", "", "the exchange's name, such as nordic.example")
	c.Flags().IntVar(&threshold, "threshold", 1, "how many founders sign an entry of the root")
	c.Flags().StringArrayVar(&founders, "founder-card", nil, "a founder's card; once for each")
	c.Flags().StringVar(&broker, "broker-card", "", "the broker's card")
	return cli.Require(c, "name", "founder-card", "broker-card")
}
