package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/cmd/internal/passphrase"
	"samband/gateway/desk"
	"samband/gateway/signed"
)

func newRotate(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new opening key beside the old ones, and a new request card",
		Long: `Make a new opening key beside the old ones, and a new request card.

The desk opens with both keys, once it is unlocked again. Others seal to the new one
when the party has entered the card.`,
		Args: cobra.NoArgs,
	}
	file := passphrase.FileFlag(c.Flags(), passphrase.File, "of the desk's keys")
	c.RunE = func(c *cobra.Command, _ []string) error {
		secret, err := passphrase.Existing(c, *file, "the keys in "+p.Dir)
		if err != nil {
			return err
		}
		defer clear(secret)
		card, err := desk.Rotate(p.Dir, secret)
		if err != nil {
			return err
		}
		path := filepath.Join(p.Dir, "request")
		return p.Print(c, map[string]any{"card": path, "card_hash": signed.HashOf(card)}, func(w io.Writer) {
			fmt.Fprintf(w, "Card: %s, hash %s\nNext: samband-desk unlock, then bring the card to the party's authority\n", path, signed.HashOf(card))
		})
	}
	return c
}
