package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// A copyFlags is what send and answer ask of copies that agreements ask for.
type copyFlags struct{ copy, agreement, reason, text string }

const copyHelp = `

Where the agreement says that such a message is copied to somebody, the copy goes with it.
The desk makes it; what only you can say, such as purposes at Europol, you give with --copy.
To send no copy say why: with --no-copy, or in the body.`

func (f *copyFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.copy, "copy", "", "members of the copy's body, as JSON: {…}, or a file with them; - for standard input")
	c.Flags().StringVar(&f.agreement, "copy-agreement", "", "hash of the agreement that the copy goes under, if more than one would carry it")
	c.Flags().StringVar(&f.reason, "no-copy", "", "send no copy, for this coded reason, such as ONGOING_INVESTIGATION")
	c.Flags().StringVar(&f.text, "no-copy-text", "", "the same in words")
}

// into writes what the flags say into a draft.
func (f *copyFlags) into(c *cobra.Command, d *client.Draft) (err error) {
	switch {
	case strings.HasPrefix(strings.TrimSpace(f.copy), "{"):
		d.Copy = []byte(f.copy)
	case f.copy != "":
		if d.Copy, err = cli.ReadInput(c, f.copy, maxFile); err != nil {
			return fmt.Errorf("read what is for the copy: %w", err)
		}
	}
	if f.agreement != "" {
		if d.CopyAgreement, err = signed.ParseHash(f.agreement); err != nil {
			return cli.Usagef("--copy-agreement: %w", err)
		}
	}
	if f.reason == "" && f.text != "" {
		return cli.Usagef("--no-copy-text: give the reason too, with --no-copy")
	}
	if f.reason != "" {
		d.NoCopy = &client.NoCopy{Reason: f.reason, Text: f.text}
	}
	return nil
}

func showCopies(w io.Writer, copies []client.Copy) {
	for _, x := range copies {
		fmt.Fprintf(w, "%s  copy, %s\n", x.Address, cli.Clean(x.Type))
		for _, a := range x.AskedBy {
			fmt.Fprintf(w, "  asked for by %q\n    %s\n", cli.Clean(a.Title), a.Hash)
		}
		if x.Withheld != "" {
			fmt.Fprintf(w, "  withheld: %s\n", cli.Clean(x.Withheld))
			continue
		}
		showVerdict(w, &x.Recipient)
	}
}

func showWithheld(w io.Writer, withheld []client.Withheld) {
	for _, x := range withheld {
		fmt.Fprintf(w, "no copy (%s) to %s: withheld, %s\n", cli.Clean(x.Type), x.To, cli.Clean(x.Reason))
	}
}

// copiesStay says which copies a withdrawal leaves as they are.
func copiesStay(w io.Writer, m *client.OutboxItem) {
	for _, id := range m.Copies {
		fmt.Fprintf(w, "\nIts copy %s is not withdrawn with it. Next: samband-desk withdraw %s, while nobody has consigned it.\n", id, id)
	}
}
