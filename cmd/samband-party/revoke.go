package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"samband/gateway/authority"
	"samband/gateway/register"
	"samband/gateway/signed"
)

func newRevoke(p *program) *cobra.Command {
	var ring, since, log string
	var safe, root bool
	var signers []string
	c := &cobra.Command{
		Use:   "revoke SUBJECT",
		Short: "Make the entry that revokes a desk's ring or rings, or a whole party",
		Long: `Make the entry that revokes a desk's ring or rings, or a whole party.

A party revokes its own desks and itself; with --root, founders revoke a party.
A revocation names the keys that it ends, as the newest entry in this folder has
them, so it never ends later ones. With --safe the entry is signed beforehand: keep it
where it is found when the authority itself is lost, and make it anew whenever the
keys are replaced. Revoked keys never return; the desk makes new ones.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var suspected signed.Time
			if since != "" {
				var err error
				if suspected, err = parseTime(since); err != nil {
					return err
				}
			}
			if root {
				return by(p, authority.OpenFounder, func(c *cobra.Command, f *authority.Founder, args []string) error {
					admission, err := p.admission(f, args[0], log)
					if err != nil {
						return err
					}
					text, err := f.DraftRevoke(admission, suspected, signers...)
					if err != nil {
						return err
					}
					return p.begin(c, f, "the revocation of "+args[0], "revoke-"+args[0], text)
				})(c, args)
			}
			return by(p, authority.OpenParty, func(c *cobra.Command, party *authority.Party, args []string) error {
				if !safe {
					stored, err := party.Revoke(args[0], ring, suspected)
					if err != nil {
						return fmt.Errorf("revoke %s: %w", args[0], err)
					}
					return p.entry(c, "the revocation of "+args[0], stored)
				}
				stored, err := party.PreSign(args[0], ring)
				if err != nil {
					return err
				}
				return p.say(c, result{
					Made: "a revocation of " + args[0] + " to be kept in a safe", File: stored.File, Hash: stored.Hash.String(),
					Next: "put the file where it is found in need; whoever has it can enter it: samband-broker enter FILE",
				})
			})(c, args)
		},
	}
	c.Flags().StringVar(&ring, "ring", authority.AllRings, "online, locked or all")
	c.Flags().StringVar(&since, "suspected-since", "", "the day or time since when the keys are in doubt")
	c.Flags().BoolVar(&safe, "safe", false, "sign it beforehand, for a safe")
	c.Flags().BoolVar(&root, "root", false, "draft the revocation of a party, as a founder")
	c.Flags().StringVar(&log, "register", "", "with --root, a copy of the register's log folder: needed where this folder never had the party's admission")
	signersFlag(c, &signers)
	c.MarkFlagsMutuallyExclusive("safe", "root")
	c.MarkFlagsMutuallyExclusive("safe", "suspected-since")
	return c
}

// admission is the entry of a party in force, from a copy of the register or this folder.
func (p *program) admission(f *authority.Founder, party, log string) (*register.Party, error) {
	if log != "" {
		r, err := p.register(log)
		if err != nil {
			return nil, err
		}
		for _, entry := range r.Now().Parties() {
			if entry.Name == party {
				return entry, nil
			}
		}
		return nil, fmt.Errorf("the register has no party %s in force", party)
	}
	entry, err := f.Admission(party)
	if err == nil && entry == nil {
		err = fmt.Errorf("this folder has no admission of %s: give a copy of the register's log folder by --register", party)
	}
	return entry, err
}
