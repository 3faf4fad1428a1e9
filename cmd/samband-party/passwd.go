package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"samband/cmd/internal/passphrase"
	"samband/gateway/authority"
	"samband/gateway/durable"
)

func newPasswd(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "passwd",
		Short: "Change the passphrase of the keys, or put keys that lie open under one",
		Long: `Change the passphrase of the keys, or put keys that lie open under one.

All keys of the folder get the new passphrase, one file after the other. Where it was
cut off, each is under the old one or the new one: run it again with the same two.

Copies from before, such as backups, still open with the old passphrase. If somebody
else may know that one and may have a copy, revoke the keys: no passphrase helps then.`,
		Args: cobra.NoArgs,
	}
	file := passphrase.FileFlag(c.Flags(), passphrase.NewFile, "that the keys get")
	words := passphrase.WordsFlag(c.Flags())
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := durable.CheckWriter(p.Dir); err != nil {
			return err
		}
		files, err := authority.KeyFiles(p.Dir)
		if err != nil {
			return err
		}
		if len(files) == 0 {
			return fmt.Errorf("%s has no keys: %w", p.Dir, os.ErrNotExist)
		}
		old, err := p.passphrase(c)
		if err != nil {
			return err
		}
		defer clear(old)
		secret, err := passphrase.New(c, *file, *words, "the keys in "+p.Dir)
		if err = p.session.heed(err); err != nil {
			return err
		}
		defer clear(secret)
		if err := authority.ChangePassphrase(p.Dir, old, secret); err != nil {
			return err
		}
		var roles []string
		for _, f := range files {
			roles = append(roles, f.Role)
		}
		return p.say(c, result{
			Made: "the keys of " + strings.Join(roles, ", ") + " are under the new passphrase",
			Note: []string{"copies from before, such as backups, still open with the old passphrase"},
			Next: "back the folder up, and destroy its older copies",
		})
	}
	return c
}
