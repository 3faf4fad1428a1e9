package main

import (
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

func newLog(p *program) *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:   "log",
		Short: "List what the desk did, stopped and showed, the newest first",
		Args:  cobra.NoArgs,
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, _ signed.ID) error {
			entries, err := d.Log(c.Context(), client.Query{Limit: limit})
			if err != nil {
				return err
			}
			return p.Print(c, entries, func(w io.Writer) {
				var rows [][]string
				for _, e := range entries {
					rows = append(rows, []string{e.Time.String(), e.Event, e.Subject, string(e.Code), e.Detail})
				}
				cli.Table(w, "TIME EVENT SUBJECT CODE DETAIL", rows)
			})
		}),
	}
	c.Flags().IntVar(&limit, "limit", 50, "how many to list")
	return c
}
