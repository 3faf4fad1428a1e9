package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/hit/table"
)

func newHitsStatus(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say which data sets this desk answers from", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			standings := []table.Standing{}
			if !table.None(p.hitsFile()) {
				t, err := table.Open(p.hitsFile())
				if err != nil {
					return err
				}
				defer t.Close()
				if standings, err = t.Status(c.Context()); err != nil {
					return err
				}
			} else if _, err := os.Stat(p.settingsFile()); err != nil {
				return fmt.Errorf("find the desk's settings: %w", err)
			}
			return p.Print(c, standings, func(w io.Writer) { showStandings(w, standings) })
		},
	}
}

func showStandings(w io.Writer, standings []table.Standing) {
	if len(standings) == 0 {
		fmt.Fprintln(w, "No data set yet: this desk answers no query.\nNext: samband-desk hits import --dataset VEHICLE FILE")
		return
	}
	var rows [][]string
	for _, s := range standings {
		rows = append(rows, []string{string(s.Dataset), fmt.Sprint(s.Rows), fmt.Sprint(s.Skipped), s.Imported.Format("2006-01-02T15:04:05Z"), s.Hash})
	}
	cli.Table(w, "DATASET ROWS SKIPPED IMPORTED SHA-256", rows)
}
