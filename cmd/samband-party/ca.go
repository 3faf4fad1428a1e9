package main

import (
	"errors"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"samband/gateway/authority"
)

func newCA(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "ca",
		Short: "Make the party's issuing CA where there is none, and the entry that names it",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			passphrase, err := s.readPassphrase(c)
			if err != nil {
				return err
			}
			p, err := authority.OpenParty(s.dir, passphrase)
			if err != nil {
				return err
			}
			ca, err := authority.CreateCA(s.dir, p.Name, passphrase, time.Now())
			if errors.Is(err, fs.ErrExist) {
				ca, err = authority.OpenCA(s.dir, passphrase)
			}
			if err != nil {
				return err
			}
			made, err := p.CA(ca)
			if err != nil {
				return err
			}
			return s.entry(c, "the entry of the issuing CA of "+p.Name, made)
		},
	}
}
