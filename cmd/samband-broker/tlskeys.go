package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/gateway/broker"
	"samband/gateway/signed"
)

func newTLSKeys(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "tls-keys",
		Short: "Make two new TLS keys of the broker, and the card by which the founders name them",
		Long: `Make two new TLS keys of the broker, and the card by which the founders name them.

Nothing changes until the founders' entry is in the register (samband-party broker CARD,
then samband-broker enter): from then on the broker uses the first of the new keys.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			card, file, err := broker.NewTLSKeys(p.Dir)
			if err != nil {
				return err
			}
			return p.Print(c, map[string]any{"card": file, "card_hash": signed.HashOf(card)}, func(w io.Writer) {
				fmt.Fprintf(w, "Made: two TLS keys in %s. Move the one whose name ends in -offline.key to a safe.\n", filepath.Dir(file))
				fmt.Fprintf(w, "Card: %s, hash %s\nNext: bring the card to a founder: samband-party broker\n", file, signed.HashOf(card))
			})
		},
	}
}
