package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/broker"
	"samband/gateway/register"
	"samband/gateway/signed"
)

func newInit(p *program) *cobra.Command {
	var setup broker.Setup
	var federation string
	c := &cobra.Command{
		Use:   "init",
		Short: "Make a broker's keys and card; then, with --federation, its data",
		Long: `Make a broker's keys and card; then, with --federation, its data.

The founders of the exchange make the federation file of the card. Compare its
fingerprint with them before you give it here. Data is made once: a broker that
lost it never starts empty, since it would forget what it promised.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if (setup.Name == "") == (federation == "") {
				return cli.Usagef("either --name or --federation")
			}
			if federation != "" {
				return p.install(c, federation)
			}
			return p.create(c, setup)
		},
	}
	f := c.Flags()
	f.StringVar(&setup.Name, "name", "", "name of the exchange, such as nordic.example")
	f.StringVar(&setup.Listen, "listen", ":8443", "where desks connect")
	f.StringVar(&setup.Metrics, "metrics", "127.0.0.1:9464", "where Prometheus asks; empty for nowhere")
	f.StringVar(&federation, "federation", "", "the federation file, signed by all founders")
	return c
}

func (p *program) create(c *cobra.Command, setup broker.Setup) error {
	if _, err := broker.Init(p.Dir, setup); err != nil {
		return err
	}
	card := filepath.Join(p.Dir, "keys", "card")
	return p.Print(c, map[string]string{"card": card}, func(w io.Writer) {
		keys := filepath.Join(p.Dir, "keys")
		fmt.Fprintf(w, "The broker's keys are in %s. Back that folder up once, offline.\n", keys)
		fmt.Fprintf(w, "Then move tls-offline.key from there to a safe: if tls.key is ever lost or stolen, desks believe this one.\n")
		fmt.Fprintf(w, "Its card for the founders of %s is %s.\n", setup.Name, card)
		fmt.Fprintln(w, "Next: the founders make the federation file; then samband-broker init --federation FILE.")
	})
}

func (p *program) install(c *cobra.Command, path string) error {
	f, note, err := cli.ReadAs(path, register.MaxEntry, register.ParseFederation)
	if err != nil {
		return err
	}
	if err := broker.Install(p.Dir, note); err != nil {
		return err
	}
	return p.Print(c, map[string]signed.Hash{"exchange": f.Hash()}, func(w io.Writer) {
		fmt.Fprintf(w, "Exchange %s, fingerprint %s.\n", f.Name, f.Hash())
		fmt.Fprintln(w, "The data folder is made, once and for all. Next: samband-broker serve.")
	})
}
