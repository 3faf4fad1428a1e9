package main

import (
	"strings"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
	"samband/gateway/envelope"
	"samband/gateway/register"
	"samband/gateway/signed"
)

func newAgreement(p *program) *cobra.Command {
	var terms register.Agreement
	var ceiling, from, until string
	var copies []string
	c := &cobra.Command{
		Use:   "agreement",
		Short: "Make the entry that proposes an agreement to other parties",
		Args:  cobra.NoArgs,
		RunE: by(p, authority.OpenParty, func(c *cobra.Command, party *authority.Party, _ []string) (err error) {
			terms.Ceiling = envelope.Classification(ceiling)
			if terms.Copies, err = parseCopies(copies); err != nil {
				return err
			}
			if terms.From, err = parseTime(from); err != nil {
				return err
			}
			if terms.Until, err = parseTime(until); err != nil {
				return err
			}
			stored, err := party.Agreement(terms)
			if err != nil {
				return err
			}
			return p.entry(c, "the proposal of an agreement, "+terms.Title, stored,
				"it is in force when every other party has acceded: samband-party accede "+stored.File)
		}),
	}
	c.Flags().StringVar(&terms.Title, "title", "", "what people call the agreement")
	c.Flags().StringArrayVar(&terms.Parties, "with", nil, "another party; once for each")
	c.Flags().StringArrayVar(&terms.Types, "type", nil, "a message type that it permits; once for each")
	c.Flags().StringArrayVar(&terms.Purposes, "purpose", nil, "a purpose that it permits; once for each")
	c.Flags().StringArrayVar(&copies, "copy", nil, "whom a message of these types is copied to, and by which type: 'eu.europol COPY TYPE TYPE'; once for each")
	c.Flags().StringVar(&ceiling, "ceiling", string(envelope.Unclassified), "the highest classification: unclassified or bpl")
	c.Flags().StringVar(&from, "from", "", "the day or time from which it is in force")
	c.Flags().StringVar(&until, "until", "", "the day or time at which it ends")
	return cli.Require(c, "title", "with", "type", "purpose", "from", "until")
}

// parseCopies reads the values of --copy: an address, the copy's type, and the
// types that are copied.
func parseCopies(values []string) ([]register.CopyRule, error) {
	var rules []register.CopyRule
	for _, v := range values {
		words := strings.Fields(v)
		if len(words) < 3 {
			return nil, cli.Usagef("--copy: %q is not an address, the copy's type and the types that are copied", v)
		}
		to, err := signed.ParseAddress(words[0])
		if err != nil {
			return nil, cli.Usagef("--copy: %w", err)
		}
		rules = append(rules, register.CopyRule{Copy: register.Copy{To: to, Type: words[1]}, Of: words[2:]})
	}
	return rules, nil
}
