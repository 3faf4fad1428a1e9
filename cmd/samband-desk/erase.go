package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

func newErase(p *program) *cobra.Command {
	var from sender
	c := &cobra.Command{
		Use:   "erase ID",
		Short: "Destroy the key of a message that has ended, or is hidden; its proofs stay",
		Args:  cobra.ExactArgs(1),
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, id signed.ID) error {
			if err := d.Erase(c.Context(), from.of(id)); err != nil {
				return err
			}
			return p.Print(c, map[string]any{"erased": id}, func(w io.Writer) {
				fmt.Fprintf(w, "Message %s opens no more.\n", id)
			})
		}),
	}
	from.add(c)
	return c
}
