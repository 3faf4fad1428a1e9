package main

import (
	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
	"samband/gateway/register"
)

func newBroker(p *program) *cobra.Command {
	var signers []string
	var number int64
	c := &cobra.Command{
		Use:   "broker CARD",
		Short: "Draft the entry that names new TLS keys of the broker, from its card, and sign it first",
		Long: `Draft the entry that names new TLS keys of the broker, from its card, and sign it first.

The operator makes the keys and the card by samband-broker tls-keys. The entry, once every
founder has signed, goes to the broker, and to each desk that does not reach the broker
any more: samband-desk broker FILE.`,
		Args: cobra.ExactArgs(1),
		RunE: by(p, authority.OpenFounder, func(c *cobra.Command, f *authority.Founder, args []string) error {
			card, _, err := cli.ReadAs(args[0], maxFile, register.ParseBrokerCard)
			if err != nil {
				return err
			}
			text, err := f.DraftBroker(card, number, signers...)
			if err != nil {
				return err
			}
			return p.begin(c, f, "new TLS keys of the broker", "broker", text)
		}),
	}
	c.Flags().Int64Var(&number, "number", 1, "how many times the broker's TLS keys are replaced with this entry")
	signersFlag(c, &signers)
	return c
}
