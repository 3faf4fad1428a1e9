package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/durable"
	"samband/gateway/hit"
	"samband/gateway/hit/table"
)

func newHitsImport(p *program) *cobra.Command {
	var dataset string
	var options table.Options
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Replace a data set with the rows of a CSV file",
		Long: `Replace a data set with the rows of a CSV file, or of standard input if FILE is -.

The file's first row names the columns: reference, which only your own officers see,
and any of
` + columnsHelp() + `
It is UTF-8, with commas, semicolons or tabs between fields. The data set is replaced as
a whole or not at all; a desk that is served answers from the old rows until then. If a
row is faulty, nothing is imported, and each fault is named by its line.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			d := hit.Dataset(dataset)
			if d.Keys() == nil {
				return cli.Usagef("--dataset: %q is none; the data sets are %s", dataset, joined(hit.Datasets()))
			}
			// Import makes hits.db where there is none, but not in a folder that is no desk's.
			if _, err := os.Stat(p.settingsFile()); err != nil {
				return fmt.Errorf("find the desk's settings: %w", err)
			}
			if err := durable.CheckWriter(p.Dir); err != nil {
				return err
			}
			file := c.InOrStdin()
			if args[0] != "-" {
				f, err := durable.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				file = f
			}
			ctx, stop := cli.UntilInterrupted(c.Context())
			defer stop()
			report, err := table.Import(ctx, p.hitsFile(), d, file, options)
			if errors.Is(err, table.ErrImporting) {
				return cli.LockedBy(p.hitsFile()+".lock", err)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			for _, fault := range report.Faults {
				fmt.Fprintln(c.ErrOrStderr(), "skipped "+cli.Clean(fault.String()))
			}
			return p.Print(c, report, func(w io.Writer) {
				if report.Damage != "" {
					fmt.Fprintf(w, "DAMAGED:  %s\n          It was begun anew, and has this data set alone: import the others again.\n", cli.Clean(report.Damage))
				}
				fmt.Fprintf(w, "Imported: %d rows of %s, SHA-256 %s\n", report.Rows, d, report.Hash)
				if report.Separator != "," {
					fmt.Fprintf(w, "Fields:   parted by %q\n", report.Separator)
				}
				if report.Skipped > 0 {
					fmt.Fprintf(w, "Skipped:  %d faulty rows\n", report.Skipped)
				}
			})
		},
	}
	c.Flags().StringVar(&dataset, "dataset", "", "what the rows are about: "+joined(hit.Datasets()))
	c.Flags().BoolVar(&options.SkipFaulty, "skip-faulty", false, "leave faulty rows out, instead of importing nothing")
	return cli.Require(c, "dataset")
}

// columnsHelp names the columns of each data set.
func columnsHelp() string {
	var b strings.Builder
	for _, d := range hit.Datasets() {
		fmt.Fprintf(&b, "  %-8s  %s\n", d, joined(d.Keys()))
	}
	return b.String()
}

func joined[T ~string](items []T) string {
	var words []string
	for _, item := range items {
		words = append(words, string(item))
	}
	return strings.Join(words, ", ")
}
