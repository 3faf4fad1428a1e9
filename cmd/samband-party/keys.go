package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/cmd/internal/passphrase"
	"samband/gateway/authority"
	"samband/gateway/durable"
	"samband/gateway/seal"
)

// passphrase reads the passphrase of the keys that are in the folder, or asks for it; nil
// if all of them lie open.
func (p *program) passphrase(c *cobra.Command) ([]byte, error) {
	files, err := authority.KeyFiles(p.Dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if !f.Open {
			return p.existing(c)
		}
	}
	if p.passphraseFile == "" {
		return nil, nil
	}
	return p.existing(c) // a file that has none is an error all the same
}

func (p *program) existing(c *cobra.Command) ([]byte, error) {
	secret, err := passphrase.Existing(c, p.passphraseFile, "the keys in "+p.Dir)
	return secret, p.session.heed(err)
}

// opened opens keys of the folder: those that the shell has open, or else by the passphrase,
// which is asked for if they don't lie open.
func opened[T any](p *program, c *cobra.Command, open func(dir string, passphrase []byte) (T, error)) (keys T, err error) {
	if keys, ok := keysOf[T](p.session, p.Dir); ok {
		return keys, nil
	}
	var secret []byte
	if p.passphraseFile != "" {
		secret, err = p.existing(c)
	}
	if err == nil {
		keys, err = open(p.Dir, secret)
	}
	if errors.Is(err, seal.ErrPassphrase) && p.passphraseFile == "" {
		if secret, err = p.existing(c); err == nil {
			keys, err = open(p.Dir, secret)
		}
	}
	clear(secret)
	if err == nil {
		p.session.keep(p.Dir, keys)
	}
	return keys, err
}

// by is the run of a command for which a party, founder or CA is opened first.
func by[T any](p *program, open func(dir string, passphrase []byte) (T, error), run func(*cobra.Command, T, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if err := durable.CheckWriter(p.Dir); err != nil {
			return err
		}
		keys, err := opened(p, c, open)
		if err != nil {
			return err
		}
		return run(c, keys, args)
	}
}

// secretOfNew is the passphrase of keys that are about to be made in some roles; nil to
// leave them open. A folder has one passphrase: where keys are under one already, the new
// ones get the same.
func (p *program) secretOfNew(c *cobra.Command, roles []string, there []authority.KeyFile, n *newSecret, known ...string) ([]byte, error) {
	under := ""
	missing := map[string]bool{}
	for _, r := range roles {
		missing[r] = true
	}
	for _, f := range there {
		delete(missing, f.Role)
		if !f.Open {
			under = f.Role
		}
	}
	switch {
	case n.open && (p.passphraseFile != "" || *n.words):
		return nil, cli.Usagef("--no-passphrase leaves the keys open: give no passphrase with it")
	case len(missing) == 0:
		return nil, nil
	case under != "" && n.open:
		return nil, cli.Usagef("the keys of the %s are under a passphrase, so the new ones are too: leave out --no-passphrase", under)
	case n.open:
		return nil, nil
	case under == "":
		secret, err := passphrase.New(c, p.passphraseFile, *n.words, "the keys in "+p.Dir, known...)
		return secret, p.session.heed(err)
	case *n.words:
		return nil, cli.Usagef("the keys of the %s have a passphrase, and a folder has one: leave out --words", under)
	}
	secret, err := p.existing(c)
	if err != nil {
		return nil, err
	}
	if under == "root" {
		_, err = authority.OpenFounder(p.Dir, secret)
	} else {
		_, err = authority.OpenParty(p.Dir, secret)
	}
	return secret, err
}

// A newSecret is what the flags say of the passphrase of new keys.
type newSecret struct {
	words *bool
	open  bool
}

func (n *newSecret) add(c *cobra.Command) {
	n.words = passphrase.WordsFlag(c.Flags())
	c.Flags().BoolVar(&n.open, "no-passphrase", false, "leave the keys open: whoever reads the folder has them")
}

// lieOpen are notes on the keys that are under no passphrase.
func (p *program) lieOpen(notes []string) ([]string, error) {
	files, err := authority.KeyFiles(p.Dir)
	for _, f := range files {
		if f.Open {
			notes = append(notes, fmt.Sprintf("the keys lie open in %s: keep the folder where nobody else reads; samband-party passwd puts them under a passphrase", f.Path))
		}
	}
	return notes, err
}
