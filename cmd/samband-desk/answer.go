package main

import (
	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

func newAnswer(p *program) *cobra.Command {
	var f draftFlags
	var from sender
	var to []string
	c := &cobra.Command{
		Use:   "answer ID",
		Short: "Answer a message of the inbox, or follow one of the outbox",
		Long: `Answer a message of the inbox, or follow one of the outbox. An answer goes to the sender
of that message, in the same conversation and under the same agreement. A follow-up, such
as a reminder, goes to all whom the first message went to, or to those of --to.

The desk fills in what a reply repeats, such as the reference of the message that you
answer. samband-desk new TYPE --reply-to ID writes a draft to fill in.` + copyHelp,
		Args: cobra.ExactArgs(1),
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, id signed.ID) error {
			draft, err := f.draft(p, c)
			if err != nil {
				return err
			}
			if draft.To, err = addresses(to); err != nil {
				return err
			}
			sending, err := unlessRepeated(c, &draft, func() (*client.Sending, error) { return d.Answer(c.Context(), from.of(id), draft) })
			if err != nil {
				return p.inWordsOfReply(c, d, err, &f, draft, from.of(id))
			}
			return p.reportSending(c, d, sending, f.wait)
		}),
	}
	f.add(c)
	from.add(c)
	c.Flags().StringArrayVar(&to, "to", nil, "of a follow-up: address of a recipient, once for each; without it, all")
	return cli.Require(c, "body")
}

// inWordsOfReply names the faults of a reply. The message that it answers is read for
// what the desk fills in from it.
func (p *program) inWordsOfReply(c *cobra.Command, d *client.Client, err error, f *draftFlags, draft client.Draft, answered client.Ref) error {
	if code := problem.CodeOf(err); code != problem.BodyInvalid && code != problem.BodyMalformed {
		return err
	}
	var fill schema.Filling
	if m, failed := d.Read(c.Context(), answered); failed == nil {
		if t, ok := p.typeOf(c.Context(), d, m.TypeHash); ok {
			fill.Answered, _ = t.Read(m.Body) // what can't be read repeats nothing
		}
	}
	return f.inWords(p, err, draft, fill)
}
