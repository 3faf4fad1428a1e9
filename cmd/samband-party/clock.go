package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
	"samband/gateway/signed"
)

func newClock(p *program) *cobra.Command {
	var signers []string
	c := &cobra.Command{
		Use:   "clock SIZE TIME",
		Short: "Draft the entry by which logged time goes on from an earlier moment",
		Long: `Draft the entry by which logged time goes on from an earlier moment, where a wrong
clock drew it into the future and nothing is accepted any more.

SIZE is that of the audit log (samband-broker status), TIME the present time in UTC,
by a clock that is right, such as 2026-11-23T03:12:00Z.`,
		Args: cobra.ExactArgs(2),
		RunE: by(p, authority.OpenFounder, func(c *cobra.Command, f *authority.Founder, args []string) error {
			size, err := strconv.ParseInt(args[0], 10, 64)
			if err != nil || size < 0 {
				return cli.Usagef("SIZE: %q is no size of a log", args[0])
			}
			at, err := signed.ParseTime(args[1])
			if err != nil {
				return cli.Usagef("TIME: %v", err)
			}
			text, err := f.DraftClock(size, at, signers...)
			if err != nil {
				return err
			}
			return p.begin(c, f, fmt.Sprintf("logged time that goes on from %s", at), "clock", text)
		}),
	}
	signersFlag(c, &signers)
	return c
}
