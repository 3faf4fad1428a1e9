package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

func newRead(s *settings) *cobra.Command {
	var out string
	var from sender
	c := &cobra.Command{
		Use:   "read ID",
		Short: "Read a message, received or sent; the desk's log notes it",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			d, err := s.desk()
			if err != nil {
				return err
			}
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
			return s.print(c, m, func(w io.Writer) { showMessage(w, m, files) })
		},
	}
	c.Flags().StringVar(&out, "out", "", "folder to write the attachments to")
	from.add(c)
	return c
}

// A sender is the flag --from: whose message an id stands for, where several desks
// chose it.
type sender signed.Address

func (s *sender) add(c *cobra.Command) {
	c.Flags().Var(s, "from", "the sender, where the id stands for messages of several desks")
}

func (s *sender) String() string { return "" }
func (s *sender) Type() string   { return "address" }
func (s *sender) Set(v string) error {
	a, err := signed.ParseAddress(v)
	*s = sender(a)
	return err
}

// of is the message of that id.
func (s *sender) of(id signed.ID) client.Ref { return client.Ref{From: signed.Address(*s), ID: id} }

func showMessage(w io.Writer, m *client.Message, files []string) {
	line := func(name, value string) { fmt.Fprintf(w, "%-14s%s\n", name, clean(value)) }
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
	if m.Received && len(m.Replies) > 0 {
		line("Answer with", strings.Join(m.Replies, ", "))
	}
	fmt.Fprintln(w)
	outline(w, m.Body)
	for n, a := range m.Attachments {
		where := "save it with --out DIR"
		if n < len(files) {
			where = "saved as " + files[n]
		}
		fmt.Fprintf(w, "\nAttachment %d: %s, %s, %d bytes; %s\n", n+1, clean(a.Name), clean(a.MediaType), a.Bytes, clean(where))
	}
}

func newErase(s *settings) *cobra.Command {
	var from sender
	c := &cobra.Command{
		Use:   "erase ID",
		Short: "Destroy the key of a message that has ended; its proofs stay",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			d, err := s.desk()
			if err != nil {
				return err
			}
			if err := d.Erase(c.Context(), from.of(id)); err != nil {
				return err
			}
			return s.print(c, map[string]any{"erased": id}, func(w io.Writer) {
				fmt.Fprintf(w, "Message %s opens no more.\n", id)
			})
		},
	}
	from.add(c)
	return c
}

func newVerify(s *settings) *cobra.Command {
	var out string
	var from sender
	c := &cobra.Command{
		Use:   "verify [ID]",
		Short: "Prove again what the desk holds: register, log, and each fact of its messages",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			var id signed.ID
			if len(args) == 1 {
				if id, err = parseID(args[0]); err != nil {
					return err
				}
			}
			d, err := s.desk()
			if err != nil {
				return err
			}
			v, err := d.Verify(c.Context(), from.of(id))
			if err != nil {
				return err
			}
			if out != "" {
				if err := saveProofs(out, v); err != nil {
					return err
				}
			}
			if err := s.print(c, v, func(w io.Writer) { showVerification(w, v) }); err != nil {
				return err
			}
			return verdict(v)
		},
	}
	c.Flags().StringVar(&out, "out", "", "folder to write the envelope, notes and proofs to, for samband-audit (with ID)")
	from.add(c)
	return c
}
