package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/gateway/broker"
)

func newEnter(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "enter FILE...",
		Short: "Bring signed entries into the register, in the order given",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, files []string) error {
			client, err := broker.NewClient(s.dir)
			if err != nil {
				return err
			}
			for _, path := range files {
				note, err := readEntry(path)
				if err != nil {
					return err
				}
				entered, err := client.Enter(c.Context(), note)
				if err != nil {
					return fmt.Errorf("enter %s: %w", path, err)
				}
				err = s.print(c, entered, func(w io.Writer) { fmt.Fprintf(w, "%s is entry %d of the register.\n", path, entered.Index) })
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}
