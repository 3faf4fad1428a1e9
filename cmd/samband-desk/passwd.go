package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/passphrase"
	"samband/gateway/desk"
	"samband/gateway/durable"
)

func newPasswd(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "passwd",
		Short: "Change the passphrase of the desk's keys",
		Long: `Change the passphrase of the desk's keys.

A desk that runs goes on, unlocked or not. Where the passphrase is a credential of
its service, make the credential anew.

Copies from before, such as backups, still open with the old passphrase. If somebody
else may know that one and may have a copy, have the party revoke the desk's rings:
no passphrase helps then.`,
		Args: cobra.NoArgs,
	}
	file := passphrase.FileFlag(c.Flags(), passphrase.File, "of the desk's keys")
	newFile := passphrase.FileFlag(c.Flags(), passphrase.NewFile, "that the desk's keys get")
	words := passphrase.WordsFlag(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := durable.CheckWriter(p.Dir); err != nil { // before a person types three times
			return err
		}
		old, err := passphrase.Existing(c, *file, "the keys in "+p.Dir)
		if err != nil {
			return err
		}
		defer clear(old)
		secret, err := passphrase.New(c, *newFile, *words, "the keys in "+p.Dir)
		if err != nil {
			return err
		}
		defer clear(secret)
		if err := desk.ChangePassphrase(p.Dir, old, secret); err != nil {
			return err
		}
		return p.Print(c, map[string]bool{"changed": true}, func(w io.Writer) {
			fmt.Fprintln(w, "The keys are under the new passphrase.\nNote: copies from before, such as backups, still open with the old passphrase\nNext: back the folder up, and destroy its older copies")
		})
	}
	return c
}
