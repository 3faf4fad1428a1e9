package main

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
	"samband/gateway/durable"
)

func newInit(p *program) *cobra.Command {
	var party, title string
	var founder bool
	var secret newSecret
	c := &cobra.Command{
		Use:   "init",
		Short: "Make a party's authority, and with --founder its share of the root",
		Long: `Make a party's authority, and with --founder its share of the root.

Keys that are there already are kept, so a second attempt does no harm.

The keys are under a passphrase, which is typed twice. All keys of a folder have the
same. With --no-passphrase they lie open.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := durable.CheckWriter(p.Dir); err != nil {
				return err
			}
			roles := []string{"authority"}
			if founder {
				roles = append(roles, "root")
			}
			there, err := authority.KeyFiles(p.Dir)
			if err != nil {
				return err
			}
			passphrase, err := p.secretOfNew(c, roles, there, &secret, party, title)
			if err != nil {
				return err
			}
			defer clear(passphrase)
			var notes []string
			_, err = authority.CreateParty(p.Dir, party, title, passphrase)
			if notes, err = kept(notes, "authority", err); err != nil {
				return err
			}
			next := "hand the card to a founder, who admits the party: samband-party admit"
			if founder {
				_, err = authority.CreateFounder(p.Dir, party, passphrase)
				if notes, err = kept(notes, "root", err); err != nil {
					return err
				}
				next = "hand " + filepath.Join(p.Dir, "root", "card") + " to the founder who drafts the federation; then " + next
			}
			if notes, err = p.lieOpen(notes); err != nil {
				return err
			}
			return p.say(c, result{
				Made: "the authority of " + party, File: filepath.Join(p.Dir, "authority", "card"),
				Note: notes, Next: next,
			})
		},
	}
	secret.add(c)
	c.Flags().StringVar(&party, "party", "", "the party's name: a country's code (se) or an organisation's name")
	c.Flags().StringVar(&title, "title", "", "the party's title, in its own words")
	c.Flags().BoolVar(&founder, "founder", false, "make a share of the root too")
	return cli.Require(c, "party", "title")
}

// kept turns "is there already" into a note.
func kept(notes []string, what string, err error) ([]string, error) {
	if errors.Is(err, fs.ErrExist) {
		return append(notes, "the keys of the "+what+" were there already and are kept"), nil
	}
	return notes, err
}
