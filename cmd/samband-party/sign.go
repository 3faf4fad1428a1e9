package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
	"samband/gateway/register"
	"samband/gateway/signed"
)

func newSign(p *program) *cobra.Command {
	var party bool
	c := &cobra.Command{
		Use:   "sign DRAFT",
		Short: "Sign a draft of the root that a founder made; store it once it is complete",
		Long: `Sign a draft of the root that a founder made; store it once it is complete.

Read the draft first: it is text. The signatures are added to the file, which
goes on to the next founder. Those who signed before run the command once more
on the complete file, so that their next draft follows it. With --party a party in force
signs, with the authority that it has, the draft that admits it anew.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if party {
				return by(p, authority.OpenParty, func(c *cobra.Command, own *authority.Party, args []string) error {
					draft, _, err := cli.ReadAs(args[0], maxFile, own.Cosign)
					if err != nil {
						return err
					}
					return p.draft(c, signed.FirstLine(string(draft.Note)), draft, args[0])
				})(c, args)
			}
			return by(p, authority.OpenFounder, func(c *cobra.Command, f *authority.Founder, args []string) error {
				draft, _, err := cli.ReadAs(args[0], maxFile, f.Cosign)
				if err != nil {
					return err
				}
				return p.draft(c, signed.FirstLine(string(draft.Note)), draft, args[0])
			})(c, args)
		},
	}
	c.Flags().BoolVar(&party, "party", false, "sign as the party that is admitted anew")
	return c
}

// draft saves a draft and says who signs next, or where it goes.
func (p *program) draft(c *cobra.Command, what string, d *authority.Draft, path string) error {
	if err := d.Save(path); err != nil {
		return err
	}
	if d.Stored == nil && len(d.Missing) == 0 {
		return p.say(c, result{
			Made: what, File: path,
			Note: []string{"it is complete"},
			Next: "carry the file back to the founders, who store it by samband-party sign, and to the broker: samband-broker enter " + path,
		})
	}
	if d.Stored == nil {
		return p.say(c, result{
			Made: "a draft of " + what, File: path,
			Note: []string{"still to sign: " + strings.Join(d.Missing, ", ")},
			Next: "carry the file to the next who signs: samband-party sign " + path,
		})
	}
	if strings.HasPrefix(string(d.Note), register.FederationForm+"\n") {
		return p.say(c, result{
			Made: what, File: path, Hash: d.Stored.Hash.String(),
			Note: []string{"it is complete: the hash is the exchange"},
			Next: "let every founder run samband-party sign " + path + " once more, compare the hash by voice, and give the file to the broker and to every party",
		})
	}
	return p.say(c, result{
		Made: what, File: path, Hash: d.Stored.Hash.String(),
		Note: []string{"it is complete; the founders who signed before store it by samband-party sign " + path},
		Next: "bring the file to the broker: samband-broker enter " + path + ", or hand it in at any desk: samband-desk enter " + path,
	})
}

// begin signs a text of the root as its first founder.
func (p *program) begin(c *cobra.Command, f *authority.Founder, what, name, text string) error {
	path := fmt.Sprintf("%s/drafts/%s", strings.TrimSuffix(p.Dir, "/"), name)
	if _, err := os.Stat(path); err == nil {
		fmt.Fprintf(c.ErrOrStderr(), "The draft %s that was there before is replaced.\n", path)
	}
	draft, err := f.Sign(text)
	if err != nil {
		return err
	}
	return p.draft(c, what, draft, path)
}
