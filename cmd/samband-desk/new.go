package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

func newNew(p *program) *cobra.Command {
	var to []string
	var replyTo, out string
	var from sender
	c := &cobra.Command{
		Use:   "new TYPE",
		Short: "Write a draft to fill in: each field with its help and codes",
		Long: `Write a draft to fill in: the fields of the type in their order, each with its help
and codes as comments. Required fields stand there empty, optional ones in comments.

With --reply-to the draft has what a reply repeats of the message that it answers,
such as reference and legal basis, and TYPE must be one that may answer it.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			d := &newDraft{program: p}
			for _, v := range to {
				a, err := signed.ParseAddress(strings.TrimSpace(v))
				if err != nil {
					return cli.Usagef("--to: %q: %w", v, err)
				}
				d.to = append(d.to, string(a))
			}
			k, err := p.catalogue(c)
			if err != nil {
				return err
			}
			if d.typ, err = k.find(args[0], ""); err != nil {
				return err
			}
			if replyTo != "" {
				id, err := signed.ParseID(replyTo)
				if err != nil {
					return cli.Usagef("--reply-to: %q is no message id", replyTo)
				}
				if err := d.answers(c, k, from.of(id)); err != nil {
					return err
				}
			}
			return d.write(c, out)
		},
	}
	c.Flags().StringVar(&replyTo, "reply-to", "", "id of the message that the draft answers")
	c.Flags().StringArrayVar(&to, "to", nil, "address of a recipient; once for each")
	c.Flags().StringVar(&out, "out", "", "file to write the draft to, which must not be there; else it is printed")
	from.add(c)
	c.MarkFlagsMutuallyExclusive("reply-to", "to")
	return c
}

// A newDraft is a draft to write.
type newDraft struct {
	*program
	typ      *schema.Type
	to       []string
	answered *client.Message // nil: it answers none
	body     *schema.Body    // of that
}

// answers reads the message that the draft answers, and refuses a type that may not
// follow it.
func (d *newDraft) answers(c *cobra.Command, k *catalogue, message client.Ref) error {
	desk, err := d.client()
	if err != nil {
		return err
	}
	m, err := desk.Read(c.Context(), message)
	if err != nil {
		return err
	}
	t, ok := d.typeOf(c.Context(), desk, m.TypeHash)
	if !ok {
		return problem.New(problem.TypeOutdated, "this desk does not have the catalogue bundle with the message's type, %s, yet", m.Type)
	}
	permitted, allows := t.FollowUps(), t.AllowsFollowUp
	if m.Received {
		permitted, allows = t.Replies(), t.AllowsReply
	}
	fits := false
	for _, outcome := range append(d.typ.Outcomes(), d.typ.Name) {
		fits = fits || allows(outcome)
	}
	if !fits {
		return d.notAllowed(k, m, permitted)
	}
	d.answered = m
	d.body, err = t.Read(m.Body)
	return err
}

// notAllowed lists what may follow a message.
func (d *newDraft) notAllowed(k *catalogue, m *client.Message, permitted []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s may not follow %s; what may:", d.typ.Name, m.Type)
	for _, name := range permitted {
		fmt.Fprintf(&b, "\n%s", name)
		if t := k.typeOfOutcome(name); t != nil {
			fmt.Fprintf(&b, ": %s", t.In(string(*d.lang)).Outcome(name).Label)
		}
	}
	if len(permitted) == 0 {
		b.WriteString(" nothing")
	}
	return problem.New(problem.ReplyNotAllowed, "%s", b.String())
}

func (d *newDraft) write(c *cobra.Command, out string) error {
	text := d.typ.Template(string(*d.lang), schema.Filling{Recipients: d.to, Answered: d.body})
	if out != "" {
		if err := cli.WriteNew(out, text); err != nil {
			return err
		}
	}
	data := struct {
		Type    string `json:"type"`
		Version string `json:"version"`
		File    string `json:"file,omitempty"`
		Draft   string `json:"draft,omitempty"`
	}{d.typ.Name, d.typ.Version, out, string(text)}
	if out != "" {
		data.Draft = ""
	}
	return d.Print(c, data, func(w io.Writer) {
		if out == "" {
			_, _ = w.Write(text)
			return
		}
		fmt.Fprintf(w, "Written: %s\nNext: fill it in, then:\n  samband-desk check %[1]s\n  %s --body %[1]s\n", cli.Clean(out), d.command())
	})
}

// command is how the draft is sent once it is filled in.
func (d *newDraft) command() string {
	if d.answered != nil {
		return "samband-desk answer " + d.answered.ID.String()
	}
	to := d.to
	if len(to) == 0 {
		to = []string{"ADDRESS"}
	}
	return "samband-desk send --to " + strings.Join(to, " --to ")
}
