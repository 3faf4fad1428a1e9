package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/cmd/internal/passphrase"
	"samband/gateway/desk"
	"samband/gateway/register"
	"samband/gateway/signed"
)

func newInit(p *program) *cobra.Command {
	var address, federation, zone string
	var setup desk.Setup
	c := &cobra.Command{
		Use:   "init",
		Short: "Make a desk: its keys and request card",
		Long: `Make a desk: both rings of keys, the settings, and the request card.

Compare the printed fingerprint of the exchange with its other members, and bring the
card to your party's authority: it makes the register entry of it. Once that is entered,
the desk connects by its own key. A certificate that the PKI of your organisation issued
for that key may lie in the folder as certificate.pem; nobody asks for one.`,
		Args: cobra.NoArgs,
	}
	file := passphrase.FileFlag(c.Flags(), passphrase.File, "that the desk's keys get")
	words := passphrase.WordsFlag(c.Flags())
	c.Flags().StringVar(&address, "address", "", "the desk's address, such as se.spoc")
	c.Flags().StringVar(&federation, "federation", "", "the exchange's federation file")
	c.Flags().StringVar(&setup.Broker, "broker", "", "where the broker listens, such as https://broker.nordic.example:8443")
	c.Flags().StringVar(&zone, "zone", "", "the time zone that the desk's days and hours are counted in, such as Europe/Stockholm (default: this machine's)")
	c.Flags().StringVar(&setup.Metrics, "metrics", "", "where to serve metrics and health, such as 127.0.0.1:9201")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		if setup.Address, err = signed.ParseAddress(address); err != nil {
			return cli.Usagef("--address: %w", err)
		}
		if setup.Zone, err = zoneOf(zone); err != nil {
			return err
		}
		if setup.Federation, err = cli.ReadInput(c, federation, maxFile); err != nil {
			return err
		}
		if setup.Passphrase, err = passphrase.New(c, *file, *words, "the keys of "+address, address); err != nil {
			return err
		}
		defer clear(setup.Passphrase)
		card, err := desk.Init(p.Dir, setup)
		if err != nil {
			return err
		}
		return p.made(c, setup, card)
	}
	return cli.Require(c, "address", "federation", "broker")
}

func (p *program) made(c *cobra.Command, setup desk.Setup, card []byte) error {
	fed, err := register.ParseFederation(setup.Federation)
	if err != nil {
		return err
	}
	out := struct {
		Desk     signed.Address `json:"desk"`
		Zone     register.Zone  `json:"zone"`
		Exchange string         `json:"exchange"`
		Hash     signed.Hash    `json:"hash"`
		Card     string         `json:"card"`
		CardHash signed.Hash    `json:"card_hash"`
	}{setup.Address, setup.Zone, fed.Name, fed.Hash(), filepath.Join(p.Dir, "request"), signed.HashOf(card)}
	return p.Print(c, out, func(w io.Writer) {
		fmt.Fprintf(w, "Made: the keys of %s, whose time zone is %s\n", out.Desk, out.Zone)
		fmt.Fprintf(w, "Exchange: %s, fingerprint %s: compare it with its other members\n", out.Exchange, out.Hash)
		fmt.Fprintf(w, "Card: %s, hash %s\n", out.Card, out.CardHash)
		fmt.Fprintf(w, "Next: bring the card to the party's authority (samband-party desk); once its entry is in the register: samband-desk serve\n")
	})
}
