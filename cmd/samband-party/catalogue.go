package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
	"samband/gateway/envelope"
	"samband/schema"
)

func newCatalogue(p *program) *cobra.Command {
	var signers []string
	var file string
	c := &cobra.Command{
		Use:   "catalogue",
		Short: "Draft the entry that makes the message types of a bundle those of the exchange",
		Long: `Draft the entry that makes the message types of a bundle those of the exchange:
of this program's own, or of a file that samband-party bundle wrote. Give the
broker that file (samband-broker catalogue) before the entry: desks that lack it
fetch it there.`,
		Args: cobra.NoArgs,
		RunE: by(p, authority.OpenFounder, func(c *cobra.Command, f *authority.Founder, _ []string) error {
			bundle := schema.EmbeddedBundle()
			if file != "" {
				var err error
				if bundle, _, err = cli.ReadAs(file, schema.MaxBundle, schema.ReadBundle); err != nil {
					return err
				}
			}
			known, err := bundle.Catalogue()
			if err != nil {
				return err
			}
			var types []envelope.TypeRef
			for _, t := range known.Types() {
				types = append(types, envelope.TypeRef{Name: t.Name, Version: t.Version, Hash: t.Hash})
			}
			text, err := f.DraftCatalogue(bundle.Hash, types, signers...)
			if err != nil {
				return err
			}
			return p.begin(c, f, fmt.Sprintf("a catalogue of %d message types, in the bundle %s", len(types), bundle.Hash), "catalogue", text)
		}),
	}
	c.Flags().StringVar(&file, "bundle", "", "the bundle's file (default: this program's own catalogue)")
	signersFlag(c, &signers)
	return c
}
