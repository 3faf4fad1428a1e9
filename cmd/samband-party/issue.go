package main

import (
	"time"

	"github.com/spf13/cobra"
)

func newIssue(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "issue REQUEST",
		Short: "Issue a TLS certificate for the key in a desk's request",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			ca, err := s.ca(c)
			if err != nil {
				return err
			}
			request, err := readFile(args[0])
			if err != nil {
				return err
			}
			issued, err := ca.Issue(request, time.Now())
			if err != nil {
				return err
			}
			return s.say(c, result{
				Made: "a certificate for " + string(issued.Desk) + ", until " + issued.Certificate.NotAfter.UTC().Format(time.DateTime) + " UTC",
				File: issued.File,
				Next: "give the file to the desk; it counts once the party's CA and the desk are in the register",
			})
		},
	}
}
