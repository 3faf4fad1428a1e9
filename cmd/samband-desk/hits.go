package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
)

func newHits(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "hits",
		Short: "Fill and show the data that a machine answers hit or no hit from",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return cli.Usagef("say what: hits import, hits status or hits reference")
		},
	}
	c.AddCommand(newHitsImport(p), newHitsStatus(p), newHitsReference(p))
	return c
}

// hitsFile is the data in the desk's folder, and settingsFile what makes the folder a desk's.
func (p *program) hitsFile() string     { return filepath.Join(p.Dir, "hits.db") }
func (p *program) settingsFile() string { return filepath.Join(p.Dir, p.Settings) }
