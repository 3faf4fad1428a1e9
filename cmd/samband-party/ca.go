package main

import (
	"errors"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"samband/gateway/authority"
)

func newCA(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "ca",
		Short: "Make the party's issuing CA if there is none, and the entry that names it",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			passphrase, err := p.passphrase(c)
			if err != nil {
				return err
			}
			party, err := authority.OpenParty(p.Dir, passphrase)
			if err != nil {
				return err
			}
			ca, err := authority.CreateCA(p.Dir, party.Name, passphrase, time.Now())
			if errors.Is(err, fs.ErrExist) {
				ca, err = authority.OpenCA(p.Dir, passphrase)
			}
			if err != nil {
				return err
			}
			stored, err := party.CA(ca)
			if err != nil {
				return err
			}
			return p.entry(c, "the entry of the issuing CA of "+party.Name, stored)
		},
	}
}
