package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/broker"
)

func newMend(p *program) *cobra.Command {
	var from string
	var journal bool
	c := &cobra.Command{
		Use:   "mend",
		Short: "Make damaged records whole from a backup, or a lost JOURNAL anew",
		Long: `Make damaged records whole from a backup, or a lost JOURNAL anew. Stop the broker first.

  samband-broker mend --from BACKUP

joins what is whole of data/records, of BACKUP (a folder with a copy of the data, or of
its records), and of JOURNAL where both lack something. It takes nothing that the broker did not
write, and nothing that doesn't fit the log on disk. What it replaces it keeps in
data/records-damaged.

  samband-broker mend --journal

makes JOURNAL anew where it is lost or can't be opened. The records have all that was
acknowledged. Sealed bytes of messages that nobody has consigned are asked for again from their
senders, who still have them; the command lists these.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if (from == "") == !journal {
				return cli.Usagef("either --from or --journal")
			}
			if journal {
				return p.mendJournal(c)
			}
			return p.mendRecords(c, from)
		},
	}
	c.Flags().StringVar(&from, "from", "", "folder with a backup of the data, or of its records")
	c.Flags().BoolVar(&journal, "journal", false, "make a lost JOURNAL anew from the records")
	return c
}

func (p *program) mendRecords(c *cobra.Command, from string) error {
	m, err := broker.Mend(c.Context(), p.Dir, from)
	if err != nil {
		return p.lockedBy(err)
	}
	return p.Print(c, m, func(w io.Writer) {
		fmt.Fprintf(w, "The records are whole: groups 1 to %d, with %d entries of audit and %d of register.\n", m.Groups, m.Audit.Size, m.Register.Size)
		fmt.Fprintf(w, "Groups that the backup alone had: %d; JOURNAL alone: %d; with one wrong bit, put right: %d.\n", m.Backup, m.Journal, m.Bits)
		for _, log := range m.Unheld {
			fmt.Fprintf(w, "The checkpoint of %s says nothing: only the records vouch for each other.\n", log)
		}
		if len(m.Changed) == 0 {
			fmt.Fprintln(w, "Nothing had to be changed.")
		}
		for _, name := range m.Changed {
			fmt.Fprintf(w, "Written anew: %s\n", name)
		}
		if len(m.Changed) > 0 {
			fmt.Fprintf(w, "What lay there before is in %s; delete it once all is well.\n", m.Kept)
		}
		fmt.Fprintln(w, "Next: samband-broker serve.")
	})
}

func (p *program) mendJournal(c *cobra.Command) error {
	j, err := broker.MendJournal(c.Context(), p.Dir)
	if err != nil {
		return p.lockedBy(err)
	}
	return p.Print(c, j, func(w io.Writer) {
		fmt.Fprintf(w, "JOURNAL is made anew behind group %d of the records.\n", j.Groups)
		if j.Kept != "" {
			fmt.Fprintf(w, "The one before is in %s; delete it once all is well.\n", j.Kept)
		}
		fmt.Fprintf(w, "Envelopes that come again from their senders: %d\n", len(j.Again))
		for _, m := range j.Again {
			fmt.Fprintf(w, "  %s from %s to %s\n", m.ID, m.From, m.To)
		}
		fmt.Fprintln(w, "Next: samband-broker serve.")
	})
}
