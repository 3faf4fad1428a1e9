package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

func newSend(p *program) *cobra.Command {
	var f draftFlags
	var to []string
	var confidential, explain bool
	c := &cobra.Command{
		Use:   "send",
		Short: "Seal a message to one desk or several, and send it",
		Long: `Seal a message to one desk or several, and send it.

Each recipient gets an envelope of its own. In an open sending each body lists all
recipients; with --confidential nobody learns of another. A message that is queued is
durable: it will be sent whatever happens here, and outbox shows what became of it.

--explain sends nothing: it says who would receive this, under which agreement, and
what blocks it.` + copyHelp,
		Args: cobra.NoArgs,
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, _ signed.ID) error {
			draft, err := f.draft(p, c)
			if err != nil {
				return err
			}
			if draft.To, err = addresses(to); err != nil {
				return err
			}
			draft.Confidential = confidential
			if explain {
				return f.inWords(p, p.explain(c, d, draft), draft, schema.Filling{})
			}
			sending, err := unlessRepeated(c, &draft, func() (*client.Sending, error) { return d.Send(c.Context(), draft) })
			if err != nil {
				return f.inWords(p, err, draft, schema.Filling{})
			}
			return p.reportSending(c, d, sending, f.wait)
		}),
	}
	f.add(c)
	c.Flags().StringArrayVar(&to, "to", nil, "address of a recipient; once for each")
	c.Flags().BoolVar(&confidential, "confidential", false, "of several recipients, tell none of another")
	c.Flags().BoolVar(&explain, "explain", false, "say who would receive this and what blocks it, and send nothing")
	return cli.Require(c, "to", "body")
}

// unlessRepeated sends a draft. If this desk has just sent the same, a person at a terminal
// is asked.
func unlessRepeated(c *cobra.Command, draft *client.Draft, send func() (*client.Sending, error)) (*client.Sending, error) {
	sending, err := send()
	if p, ok := problem.Of(err); ok && p.Code == problem.Repeated {
		if yes, known := cli.Agrees(c, cli.Clean(p.Detail)+".\nSend it once more?"); known && yes {
			draft.Fresh = false
			return send()
		}
	}
	return sending, err
}

// tell says what is done before the command waits, so that whoever interrupts it knows.
func tell(c *cobra.Command, wait time.Duration, format string, args ...any) {
	if wait > 0 {
		fmt.Fprintf(c.ErrOrStderr(), format+"\n", args...)
	}
}

// addresses reads those of recipients.
func addresses(words []string) (to []signed.Address, err error) {
	for _, v := range words {
		a, err := signed.ParseAddress(strings.TrimSpace(v))
		if err != nil {
			return nil, cli.Usagef("%q: %w", v, err)
		}
		to = append(to, a)
	}
	return to, nil
}

// reportSending waits a little for the broker, then prints the state of each message.
// The others are sent even if a recipient is blocked or the broker refuses a message;
// that is then the command's error.
func (p *program) reportSending(c *cobra.Command, d *client.Client, sending *client.Sending, wait time.Duration) error {
	for _, m := range slices.Concat(sending.Messages, sending.Copies) {
		if m.State == client.Queued {
			tell(c, wait, "Queued: %s to %s. It is durable here and will be sent by itself", m.ID, m.To)
		}
	}
	ctx, cancel := context.WithTimeout(c.Context(), wait)
	defer cancel()
	for _, list := range [][]client.OutboxItem{sending.Messages, sending.Copies} {
		for n := range list {
			m, err := sentUntil(c, d, list[n].ID, ctx, func(m *client.OutboxItem) bool { return m.State != client.Queued })
			if err != nil {
				return err
			}
			list[n] = *m
		}
	}
	err := p.Print(c, sending, func(w io.Writer) { showSending(w, sending) })
	if err != nil {
		return err
	}
	for _, b := range sending.Blocked {
		return problem.New(b.Problem.Code, "%s: %s", b.To, b.Problem.Detail)
	}
	for _, m := range slices.Concat(sending.Messages, sending.Copies) {
		if m.State == client.Rejected {
			return problem.New(m.Problem.Code, "%s: %s", m.To, m.Problem.Detail)
		}
	}
	return nil
}

func showSending(w io.Writer, s *client.Sending) {
	for _, m := range slices.Concat(s.Messages, s.Copies) {
		as := ""
		if m.Copy {
			as = ", as a copy"
		}
		fmt.Fprintf(w, "%s  %s to %s%s: %s\n", m.ID, cli.Clean(m.Type), m.To, as, m.State)
		if m.State == client.Queued {
			fmt.Fprintln(w, "  It is durable here and will be sent by itself.")
		}
		cli.ShowProblem(w, "  ", m.Problem)
	}
	for _, b := range s.Blocked {
		fmt.Fprintf(w, "nothing to %s\n", b.To)
		cli.ShowProblem(w, "  ", &b.Problem)
	}
	showWithheld(w, s.Withheld)
}

func (p *program) explain(c *cobra.Command, d *client.Client, draft client.Draft) error {
	x, err := d.Explain(c.Context(), draft)
	if err != nil {
		return err
	}
	if err := p.Print(c, x, func(w io.Writer) { showExplanation(w, x) }); err != nil {
		return err
	}
	blocked := x.Problem
	for _, r := range x.Recipients {
		if blocked == nil {
			blocked = r.Problem
		}
	}
	for _, y := range x.Copies {
		if blocked == nil {
			blocked = y.Problem
		}
	}
	if blocked != nil {
		return problem.New(blocked.Code, "%s", blocked.Detail)
	}
	return nil
}

func showExplanation(w io.Writer, x *client.Explanation) {
	if x.Problem != nil {
		fmt.Fprintln(w, "The message itself would be refused:")
		cli.ShowProblem(w, "  ", x.Problem)
	}
	for _, r := range x.Recipients {
		fmt.Fprintf(w, "%s  %s\n", r.Address, cli.Clean(r.Title))
		if r.Telephone != "" {
			fmt.Fprintf(w, "  hours %s, telephone %s, languages %s\n", cli.Clean(r.Hours), cli.Clean(r.Telephone), cli.Clean(strings.Join(r.Languages, " ")))
		}
		showVerdict(w, &r)
	}
	showCopies(w, x.Copies)
	if x.Locked {
		fmt.Fprintln(w, "This desk is locked: unlock it first")
	}
}

// showVerdict says what carries a message to a recipient, or blocks it.
func showVerdict(w io.Writer, r *client.Recipient) {
	for _, a := range r.Agreements {
		fmt.Fprintf(w, "  carried by %q until %s\n    %s\n", cli.Clean(a.Title), a.Until, a.Hash)
	}
	for _, o := range r.Blocked {
		fmt.Fprintf(w, "  not by %q: %s\n", cli.Clean(o.Agreement.Title), o.Problem.Code)
	}
	if r.Problem != nil {
		fmt.Fprintln(w, "  BLOCKED:")
		cli.ShowProblem(w, "    ", r.Problem)
	} else {
		fmt.Fprintln(w, "  would receive this")
	}
}
