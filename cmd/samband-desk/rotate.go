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
		Short: "Make a new opening key, or new online keys, and a new request card",
		Long: `Make a new opening key beside the old ones, and a new request card.

The desk opens with both keys, once it is unlocked again. Others seal to the new one
when the party has entered the card.

With --online: new online keys, those of the connection and of consignments, instead. Do it
once a year, since no date ends a copy of the old ones. The desk goes on with the old keys
and changes over by itself once the party has entered the card.`,
		Args: cobra.NoArgs,
	}
	var online bool
	c.Flags().BoolVar(&online, "online", false, "make new online keys")
	file := passphrase.FileFlag(c.Flags(), passphrase.File, "of the desk's keys")
	c.RunE = func(c *cobra.Command, _ []string) error {
		secret, err := passphrase.Existing(c, *file, "the keys in "+p.Dir)
		if err != nil {
			return err
		}
		defer clear(secret)
		rotate, next := desk.Rotate, "samband-desk unlock, then bring the card to the party's authority"
		if online {
			rotate, next = desk.RotateOnline, "bring the card to the party's authority"
		}
		card, err := rotate(p.Dir, secret)
		if err != nil {
			return err
		}
		path := filepath.Join(p.Dir, "request")
		return p.Print(c, map[string]any{"card": path, "card_hash": signed.HashOf(card)}, func(w io.Writer) {
			fmt.Fprintf(w, "Card: %s, hash %s\nNext: %s\n", path, signed.HashOf(card), next)
		})
	}
	return c
}
