package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"samband/gateway/authority"
	"samband/gateway/envelope"
	"samband/schema"
)

func newCatalogue(p *program) *cobra.Command {
	var signers []string
	c := &cobra.Command{
		Use:   "catalogue",
		Short: "Draft the entry that makes this program's message types those of the exchange",
		Args:  cobra.NoArgs,
		RunE: by(p, authority.OpenFounder, func(c *cobra.Command, f *authority.Founder, _ []string) error {
			var types []envelope.TypeRef
			for _, t := range schema.Embedded().Types() {
				types = append(types, envelope.TypeRef{Name: t.Name, Version: t.Version, Hash: t.Hash})
			}
			text, err := f.DraftCatalogue(types, signers...)
			if err != nil {
				return err
			}
			return p.begin(c, f, fmt.Sprintf("a catalogue of %d message types", len(types)), "catalogue", text)
		}),
	}
	signersFlag(c, &signers)
	return c
}
