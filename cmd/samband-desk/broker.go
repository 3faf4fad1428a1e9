package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk"
)

func newBroker(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "broker ENTRY",
		Short: "Take new TLS keys of the broker from an entry of the founders, as a file",
		Long: `Take new TLS keys of the broker from an entry of the founders, as a file.

A desk that reaches the broker gets the entry with the register. One that does not,
since the broker has keys that the desk does not know, takes it from a file: the
founders' signatures are verified, whoever carried it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			entry, err := cli.ReadInput(c, args[0], maxFile)
			if err != nil {
				return err
			}
			b, err := desk.TakeBrokerKeys(p.Dir, entry)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return p.Print(c, map[string]any{"number": b.Number, "in_use": b.InUse, "offline": b.Offline}, func(w io.Writer) {
				fmt.Fprintf(w, "The broker's TLS keys are those of entry number %d of the founders from now on.\n", b.Number)
			})
		},
	}
}
