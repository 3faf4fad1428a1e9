package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/gateway/desk"
	"samband/gateway/register"
	"samband/gateway/signed"
)

func newInit(s *settings) *cobra.Command {
	var address, federation, broker, metrics, certificate string
	c := &cobra.Command{
		Use:   "init",
		Short: "Make a desk: its keys and request card first, its certificate then",
		Long: `Make a desk in two steps.

First, with --address, --federation and --broker: both rings of keys, the settings,
and the request card. Compare the printed fingerprint of the exchange with its other
members, and bring the card to your party's authority: it makes the register entry
and the certificate of it.

Then, with --certificate: the certificate is put in place. The desk can serve.`,
		Args: cobra.NoArgs,
	}
	passphrase := passphraseFlag(c)
	c.Flags().StringVar(&address, "address", "", "the desk's address, such as se.spoc")
	c.Flags().StringVar(&federation, "federation", "", "the exchange's federation file")
	c.Flags().StringVar(&broker, "broker", "", "where the broker listens, such as https://broker.nordic.example:8443")
	c.Flags().StringVar(&metrics, "metrics", "", "where to serve metrics and health, such as 127.0.0.1:9201")
	c.Flags().StringVar(&certificate, "certificate", "", "the certificate that the party issued for the card")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if certificate != "" {
			return s.install(c, certificate)
		}
		for _, flag := range []string{"address", "federation", "broker"} {
			if !c.Flags().Changed(flag) {
				return fmt.Errorf("--%s is missing; %w", flag, errUsage)
			}
		}
		addr, err := signed.ParseAddress(address)
		if err != nil {
			return fmt.Errorf("--address: %w; %w", err, errUsage)
		}
		file, err := readFile(c, federation)
		if err != nil {
			return err
		}
		secret, err := passphrase(true)
		if err != nil {
			return err
		}
		setup := desk.Setup{Federation: file, Passphrase: secret}
		setup.Address, setup.Broker, setup.Metrics = addr, broker, metrics
		card, err := desk.Init(s.dir, setup)
		if err != nil {
			return err
		}
		return s.made(c, file, addr, card)
	}
	return c
}

func (s *settings) made(c *cobra.Command, federation []byte, addr signed.Address, card []byte) error {
	fed, err := register.ParseFederation(federation)
	if err != nil {
		return err
	}
	out := struct {
		Desk     signed.Address `json:"desk"`
		Exchange string         `json:"exchange"`
		Hash     signed.Hash    `json:"hash"`
		Card     string         `json:"card"`
		CardHash signed.Hash    `json:"card_hash"`
	}{addr, fed.Name, fed.Hash(), filepath.Join(s.dir, "request"), signed.HashOf(card)}
	return s.print(c, out, func(w io.Writer) {
		fmt.Fprintf(w, "Made: the keys of %s\n", addr)
		fmt.Fprintf(w, "Exchange: %s, fingerprint %s: compare it with its other members\n", fed.Name, fed.Hash())
		fmt.Fprintf(w, "Card: %s, hash %s\n", out.Card, out.CardHash)
		fmt.Fprintf(w, "Next: bring the card to the party's authority, and its certificate back: samband-desk init --certificate FILE\n")
	})
}

func (s *settings) install(c *cobra.Command, path string) error {
	pem, err := readFile(c, path)
	if err != nil {
		return err
	}
	if err := desk.Install(s.dir, pem); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return s.print(c, map[string]bool{"installed": true}, func(w io.Writer) {
		fmt.Fprintln(w, "The certificate is in place.\nNext: samband-desk serve")
	})
}

func newRotate(s *settings) *cobra.Command {
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new opening key beside the old ones, and a new request card",
		Long: `Make a new opening key beside the old ones, and a new request card.

The desk opens with both keys, once it is unlocked again. Others seal to the new one
when the party has entered the card.`,
		Args: cobra.NoArgs,
	}
	passphrase := passphraseFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		secret, err := passphrase(false)
		if err != nil {
			return err
		}
		card, err := desk.Rotate(s.dir, secret)
		if err != nil {
			return err
		}
		path := filepath.Join(s.dir, "request")
		return s.print(c, map[string]any{"card": path, "card_hash": signed.HashOf(card)}, func(w io.Writer) {
			fmt.Fprintf(w, "Card: %s, hash %s\nNext: samband-desk unlock, then bring the card to the party's authority\n", path, signed.HashOf(card))
		})
	}
	return c
}
