package main

import (
	"time"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
)

func newIssue(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "issue REQUEST",
		Short: "Issue a TLS certificate for the key in a desk's request",
		Args:  cobra.ExactArgs(1),
		RunE: by(p, authority.OpenCA, func(c *cobra.Command, ca *authority.CA, args []string) error {
			request, err := cli.ReadFile(args[0], maxFile)
			if err != nil {
				return err
			}
			issued, err := ca.Issue(request, time.Now())
			if err != nil {
				return err
			}
			return p.say(c, result{
				Made: "a certificate for " + string(issued.Desk) + ", until " + issued.Certificate.NotAfter.UTC().Format(time.DateTime) + " UTC",
				File: issued.File,
				Next: "give the file to the desk; it counts once the party's CA and the desk are in the register",
			})
		}),
	}
}
