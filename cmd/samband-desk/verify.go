package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

func newVerify(p *program) *cobra.Command {
	var out string
	var from sender
	c := &cobra.Command{
		Use:   "verify [ID]",
		Short: "Prove again what the desk has: register, log, and each fact of its messages",
		Args:  cobra.MaximumNArgs(1),
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, id signed.ID) error {
			v, err := d.Verify(c.Context(), from.of(id))
			if err != nil {
				return err
			}
			if out != "" {
				if err := saveProofs(out, v); err != nil {
					return err
				}
			}
			if err := p.Print(c, v, func(w io.Writer) { p.showVerification(w, v) }); err != nil {
				return err
			}
			return verdict(v)
		}),
	}
	c.Flags().StringVar(&out, "out", "", "folder to write the envelope, notes and proofs to, for samband-audit (with ID)")
	from.add(c)
	return c
}

// verdict makes a fault, or evidence against the broker, the command's error.
func verdict(v *client.Verification) error {
	for _, f := range v.Faults {
		return problem.New(f.Problem.Code, "%s: %s", f.Subject, f.Problem.Detail)
	}
	for _, e := range v.Evidence {
		return problem.New(e.Problem.Code, "%s: %s", e.Subject, e.Problem.Detail)
	}
	return nil
}

func (p *program) showVerification(w io.Writer, v *client.Verification) {
	fmt.Fprintf(w, "Exchange %s, fingerprint %s\n", v.Exchange, v.Hash)
	fmt.Fprintf(w, "Register: %d entries replayed, each signed by who may; root %s\n", v.Entries, v.Register.Root)
	fmt.Fprintf(w, "Audit log: %d entries, under the log's own checkpoint; root %s\n", v.Audit.Size, v.Audit.Root)
	for _, f := range v.Facts {
		fmt.Fprintf(w, "  %s  %s, entry %d, by register size %d %s\n", f.Time, f.Event, f.Index, f.Register, f.Code)
	}
	fmt.Fprintf(w, "Proved: %d facts about %d messages, each in the log and signed by who said it\n", v.Proven, v.Messages)
	if v.Lines > 0 {
		fmt.Fprintf(w, "This desk's own log: %d lines, compared with their chain\n", v.Lines)
	}
	for _, f := range v.Faults {
		fmt.Fprintf(w, "\nNOT PROVED: %s\n", cli.Clean(f.Subject))
		cli.ShowProblem(w, "  ", &f.Problem)
	}
	for _, e := range v.Evidence {
		fmt.Fprintf(w, "\nEvidence against the broker, seen %s: %s\n", e.Seen, cli.Clean(e.Subject))
		cli.ShowProblem(w, "  ", &e.Problem)
	}
	if len(v.Breaches) > 0 {
		fmt.Fprintln(w, "\nAll that was seen, kept or not:")
		p.showBreaches(w, v.Breaches)
	}
}

// saveProofs writes what proves a message as files of their own, and evidence
// against the broker as JSON.
func saveProofs(dir string, v *client.Verification) error {
	if err := cli.NewFolder(dir); err != nil {
		return err
	}
	save := func(name string, b []byte) error {
		if len(b) == 0 {
			return nil
		}
		return cli.WriteNew(filepath.Join(dir, name), b)
	}
	if err := save("envelope", v.Envelope); err != nil {
		return err
	}
	for _, f := range v.Facts {
		if err := save(f.Event+".proof", f.Proof); err != nil {
			return err
		}
		if err := save(f.Event+".note", f.Note); err != nil {
			return err
		}
	}
	if len(v.Evidence) == 0 {
		return nil
	}
	b, err := json.MarshalIndent(v.Evidence, "", "  ")
	if err != nil {
		return err
	}
	return save("evidence.json", b)
}
