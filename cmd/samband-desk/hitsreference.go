package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
)

func newHitsReference(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "reference REF",
		Short: "Say which of this desk's rows an answer's match reference stands for",
		Long: `Say which rows of this desk's own data the match reference REF of an answer stands
for, so that whoever asks for core data gets the right ones. The references are those
of the data's reference column. The desk's log notes each consultation.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := filepath.Abs(p.Dir)
			if err != nil {
				return fmt.Errorf("find folder %q: %w", p.Dir, err)
			}
			m, err := client.New(dir).Match(c.Context(), args[0])
			if err != nil {
				return err
			}
			return p.Print(c, m, func(w io.Writer) { showMatch(w, m) })
		},
	}
}

func showMatch(w io.Writer, m *client.Match) {
	fmt.Fprintf(w, "Query:     %s of %s\n", m.Query.ID, m.Query.From)
	fmt.Fprintf(w, "Answer:    %s in %s\n", m.Outcome, m.Dataset)
	for _, r := range m.References {
		fmt.Fprintf(w, "Row:       %s\n", cli.Clean(r))
	}
	if more := m.Candidates - len(m.References); more > 0 || m.Incomplete {
		fmt.Fprintf(w, "There are more: look in the data itself.\n")
	}
}
