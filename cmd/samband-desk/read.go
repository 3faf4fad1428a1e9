package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"samband/gateway/desk"
	"samband/gateway/signed"
)

func newRead(s *settings) *cobra.Command {
	var out string
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
			m, err := d.Read(c.Context(), id)
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
	return c
}

// saveAll writes attachments into a folder. A name is the sender's word: only its
// last element counts, and nothing that is there is overwritten.
func saveAll(dir string, files []desk.Attachment) ([]string, error) {
	var paths []string
	for n, a := range files {
		name := filepath.Base(strings.ReplaceAll(a.Name, `\`, "/"))
		if name = strings.TrimLeft(clean(name), "."); name == "" || name == "/" {
			name = fmt.Sprintf("attachment-%d", n+1)
		}
		path := filepath.Join(dir, name)
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return paths, fmt.Errorf("save attachment: %w", err)
		}
		_, err = f.Write(a.Data)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return paths, fmt.Errorf("save attachment: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func showMessage(w io.Writer, m *desk.Message, files []string) {
	line := func(name, value string) { fmt.Fprintf(w, "%-14s%s\n", name, clean(value)) }
	line("Message", m.ID.String()+", "+m.State)
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
	return &cobra.Command{
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
			if err := d.Erase(c.Context(), id); err != nil {
				return err
			}
			return s.print(c, map[string]any{"erased": id}, func(w io.Writer) {
				fmt.Fprintf(w, "Message %s opens no more.\n", id)
			})
		},
	}
}

func newVerify(s *settings) *cobra.Command {
	var out string
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
			v, err := d.Verify(c.Context(), id)
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
	return c
}
