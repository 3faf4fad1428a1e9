package main

import (
	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/durable"
	"samband/schema"
)

func newBundle(p *program) *cobra.Command {
	var out, from string
	c := &cobra.Command{
		Use:   "bundle",
		Short: "Write a catalogue into one file, for the broker and its desks",
		Long: `Write a catalogue into one file, for the broker and its desks: this program's own,
or that of a folder with types/, parts/, codes/ and labels/, if it loads.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			bundle := schema.EmbeddedBundle()
			if from != "" {
				if bundle, err = schema.NewBundle(durable.DirFS(from)); err != nil {
					return err
				}
			}
			if _, err := bundle.Catalogue(); err != nil {
				return err
			}
			if err := cli.WriteNew(out, bundle.Zip); err != nil {
				return err
			}
			return p.say(c, result{
				Made: "a catalogue bundle", File: out, Hash: bundle.Hash.String(),
				Next: "give the broker the file, samband-broker catalogue " + out + "; then draft the entry that names it, samband-party catalogue --bundle " + out,
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "the file to write")
	c.Flags().StringVar(&from, "from", "", "the catalogue's folder (default: this program's own catalogue)")
	return cli.Require(c, "out")
}
