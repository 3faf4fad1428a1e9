package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
	"samband/schema"
)

func newCatalogue(p *program) *cobra.Command {
	c := &cobra.Command{Use: "catalogue", Short: "Get the catalogues that message types are in"}
	c.AddCommand(newImport(p))
	return c
}

func newImport(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE",
		Short: "Give the desk a catalogue bundle that it can't fetch",
		Long: `Give the desk a catalogue bundle that it can't fetch from the broker.

The desk takes no bundle but one that the register names, and needs none but those that
samband-desk status names as lacking. What waits for its message types goes on by itself.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			b, packed, err := cli.ReadAs(args[0], schema.MaxBundle, schema.ReadBundle)
			if err != nil {
				return err
			}
			return p.withClient(func(c *cobra.Command, d *client.Client, _ signed.ID) error {
				if err := d.Import(c.Context(), packed); err != nil {
					return err
				}
				return p.Print(c, map[string]schema.BundleHash{"bundle": b.Hash}, func(w io.Writer) {
					fmt.Fprintf(w, "The desk has the bundle %s.\n", b.Hash)
				})
			})(c, nil)
		},
	}
}
