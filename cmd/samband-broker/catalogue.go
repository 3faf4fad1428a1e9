package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/broker"
	"samband/schema"
)

func newCatalogue(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "catalogue FILE",
		Short: "Give the broker a catalogue bundle, which desks then fetch",
		Long: `Give the broker a catalogue bundle, as samband-party bundle wrote it. Do it before
you enter the catalogue that names it: desks fetch it as soon as they learn of it.
The broker need not be stopped, and need not run.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			b, _, err := cli.ReadAs(args[0], schema.MaxBundle, schema.ReadBundle)
			if err != nil {
				return err
			}
			if err := broker.AddBundle(p.Dir, b); err != nil {
				return err
			}
			return p.Print(c, map[string]schema.BundleHash{"bundle": b.Hash}, func(w io.Writer) {
				fmt.Fprintf(w, "Desks can fetch the bundle %s.\n", b.Hash)
				fmt.Fprintln(w, "Next: compare the hash with the catalogue's line \"bundle\"; then samband-broker enter.")
			})
		},
	}
}
