package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

func newLock(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "lock", Short: "Lock the desk: it stores and consigns, and opens nothing", Args: cobra.NoArgs,
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, _ signed.ID) error {
			if err := d.Lock(c.Context()); err != nil {
				return err
			}
			return p.Print(c, map[string]bool{"locked": true}, func(w io.Writer) { fmt.Fprintln(w, "The desk is locked.") })
		}),
	}
}
