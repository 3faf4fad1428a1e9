package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/broker"
	"samband/gateway/register"
)

func newEnter(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "enter FILE...",
		Short: "Bring signed entries into the register, in the order given",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			client, err := broker.NewClient(p.Dir)
			if err != nil {
				return err
			}
			for _, path := range files {
				note, err := cli.ReadFile(path, register.MaxEntry)
				if err != nil {
					return err
				}
				entered, err := client.Enter(c.Context(), note)
				if err != nil {
					return fmt.Errorf("enter %s: %w", path, err)
				}
				err = p.Print(c, entered, func(w io.Writer) { fmt.Fprintf(w, "%s is entry %d of the register.\n", path, entered.Index) })
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}
