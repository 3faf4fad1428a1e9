package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/gateway/broker"
	"samband/gateway/signed"
)

func newSettle(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "settle KIND [DESK]",
		Short: "Say that an alarm which status shows is settled; DESK is who caused it",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) (err error) {
			var desk signed.Address
			if len(args) == 2 {
				if desk, err = signed.ParseAddress(args[1]); err != nil {
					return err
				}
			}
			client, err := broker.NewClient(p.Dir)
			if err != nil {
				return err
			}
			if err := client.Settle(c.Context(), args[0], desk); err != nil {
				return err
			}
			settled := map[string]string{"settled": args[0], "desk": string(desk)}
			return p.Print(c, settled, func(w io.Writer) { fmt.Fprintf(w, "Settled: %s %s\n", args[0], desk) })
		},
	}
}
