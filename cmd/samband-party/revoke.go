package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"samband/gateway/authority"
	"samband/gateway/register"
	"samband/gateway/signed"
)

func newRevoke(s *settings) *cobra.Command {
	var ring, since string
	var safe, root bool
	var signers []string
	c := &cobra.Command{
		Use:   "revoke SUBJECT",
		Short: "Make the entry that revokes a desk's ring or rings, or a whole party",
		Long: `Make the entry that revokes a desk's ring or rings, or a whole party.

A party revokes its own desks and itself; with --root, founders revoke a party.
With --safe the entry is signed beforehand: keep it where it is found when the
authority itself is lost. Revoked keys never return; the desk makes new ones.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var suspected signed.Time
			if since != "" {
				var err error
				if suspected, err = parseMoment(since); err != nil {
					return err
				}
			}
			if root {
				f, err := s.founder(c)
				if err != nil {
					return err
				}
				text, err := f.DraftRevoke(args[0], suspected, signers...)
				if err != nil {
					return err
				}
				return s.begin(c, f, "the revocation of "+args[0], "revoke-"+args[0], text)
			}
			p, err := s.party(c)
			if err != nil {
				return err
			}
			made, err := revoke(p, args[0], ring, suspected, safe)
			if err != nil {
				return err
			}
			if safe {
				return s.say(c, result{
					Made: "a revocation of " + args[0] + " to be kept in a safe", File: made.File, Hash: made.Hash.String(),
					Next: "put the file where it is found in need; whoever has it can enter it: samband-broker enter FILE",
				})
			}
			return s.entry(c, "the revocation of "+args[0], made)
		},
	}
	c.Flags().StringVar(&ring, "ring", register.RingAll, "online, locked or all")
	c.Flags().StringVar(&since, "suspected-since", "", "the day or time since when the keys are in doubt")
	c.Flags().BoolVar(&safe, "safe", false, "sign it beforehand, for a safe")
	c.Flags().BoolVar(&root, "root", false, "draft the revocation of a party, as a founder")
	signersFlag(c, &signers)
	c.MarkFlagsMutuallyExclusive("safe", "root")
	c.MarkFlagsMutuallyExclusive("safe", "suspected-since")
	return c
}

func revoke(p *authority.Party, subject, ring string, since signed.Time, safe bool) (*authority.Made, error) {
	if safe {
		return p.PreSign(subject, ring)
	}
	made, err := p.Revoke(subject, ring, since)
	if err != nil {
		return nil, fmt.Errorf("revoke %s: %w", subject, err)
	}
	return made, nil
}
