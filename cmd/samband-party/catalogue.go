package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"samband/gateway/envelope"
	"samband/schema"
)

func newCatalogue(s *settings) *cobra.Command {
	var signers []string
	c := &cobra.Command{
		Use:   "catalogue",
		Short: "Draft the entry that makes this program's message types those of the exchange",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			f, err := s.founder(c)
			if err != nil {
				return err
			}
			var types []envelope.TypeRef
			for _, t := range schema.Catalogue() {
				types = append(types, envelope.TypeRef{Name: t.Name, Version: t.Version, Hash: t.Hash})
			}
			text, err := f.DraftCatalogue(types, signers...)
			if err != nil {
				return err
			}
			return s.begin(c, f, fmt.Sprintf("a catalogue of %d message types", len(types)), "catalogue", text)
		},
	}
	signersFlag(c, &signers)
	return c
}
