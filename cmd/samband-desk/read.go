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

func newRead(p *program) *cobra.Command {
	var out string
	var from sender
	c := &cobra.Command{
		Use:   "read ID",
		Short: "Read a message, received or sent; the desk's log notes it",
		Args:  cobra.ExactArgs(1),
		RunE: p.ask(func(c *cobra.Command, d *client.Client, id signed.ID) error {
			m, err := d.Read(c.Context(), from.of(id))
			if err != nil {
				return err
			}
			var files []string
			if out != "" {
				if files, err = saveAll(out, m.Attachments); err != nil {
					return err
				}
				for i := range m.Attachments {
					m.Attachments[i].Data = nil
				}
			}
			return p.Print(c, m, func(w io.Writer) { showMessage(w, m, files) })
		}),
	}
	c.Flags().StringVar(&out, "out", "", "folder to write the attachments to")
	from.add(c)
	return c
}

func showMessage(w io.Writer, m *client.Message, files []string) {
	line := func(name, value string) { fmt.Fprintf(w, "%-14s%s\n", name, cli.Clean(value)) }
	line("Message", m.ID.String()+", "+string(m.State))
	line("From", string(m.From))
	line("To", string(m.To))
	line("Type", m.Type+": "+m.Title)
	line("Urgency", m.Urgency)
	line("Accepted", moment(m.Accepted))
	line("Consigned", moment(m.Consigned))
	line("Clock", due(m.Deadline))
	line("Agreement", m.Agreement.String())
	line("Conversation", m.Conversation.String())
	if len(m.Replies) > 0 {
		with := "Follow with"
		if m.Received {
			with = "Answer with"
		}
		line(with, strings.Join(m.Replies, ", "))
	}
	fmt.Fprintln(w)
	outline(w, m.Body)
	for n, a := range m.Attachments {
		where := "save it with --out DIR"
		if n < len(files) {
			where = "saved as " + files[n]
		}
		fmt.Fprintf(w, "\nAttachment %d: %s, %s, %d bytes; %s\n", n+1, cli.Clean(a.Name), cli.Clean(a.MediaType), a.Bytes, cli.Clean(where))
	}
}
