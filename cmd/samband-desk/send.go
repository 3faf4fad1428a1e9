package main

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

// A draftFlags is what send and answer ask alike.
type draftFlags struct {
	name, typ, body, agreement, classification string
	attach                                     []string
	urgent                                     bool
	expires, wait                              time.Duration
}

func (f *draftFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.typ, "type", "", "the message type, such as INFO_REQUEST")
	c.Flags().StringVar(&f.body, "body", "", "file with the body, JSON; - for standard input")
	c.Flags().StringArrayVar(&f.attach, "attach", nil, "a file to send along; once for each")
	c.Flags().StringVar(&f.agreement, "agreement", "", "hash of the agreement, where more than one would carry it")
	c.Flags().StringVar(&f.classification, "classification", string(envelope.Unclassified), "unclassified or bpl")
	c.Flags().BoolVar(&f.urgent, "urgent", false, "the message is urgent; its body says why")
	c.Flags().DurationVar(&f.expires, "expires", 7*24*time.Hour, "how long it may wait to be taken in")
	c.Flags().StringVar(&f.name, "name", "", "name of this sending: the same command again sends nothing twice")
	c.Flags().DurationVar(&f.wait, "wait", 5*time.Second, "how long to wait for the broker's acceptance; 0 to leave at once")
}

// draft reads the files that the flags name.
func (f *draftFlags) draft(c *cobra.Command) (d client.Draft, err error) {
	d = client.Draft{Name: f.name, Type: f.typ, Urgent: f.urgent, Lifetime: client.Duration(f.expires)}
	if d.Classification, err = envelope.ParseClassification(f.classification); err != nil {
		return d, fmt.Errorf("--classification: %w; %w", err, errUsage)
	}
	if f.agreement != "" {
		if d.Agreement, err = signed.ParseHash(f.agreement); err != nil {
			return d, fmt.Errorf("--agreement: %w; %w", err, errUsage)
		}
	}
	if d.Body, err = readFile(c, f.body); err != nil {
		return d, fmt.Errorf("read body: %w", err)
	}
	for _, path := range f.attach {
		data, err := readFile(c, path)
		if err != nil {
			return d, fmt.Errorf("read attachment: %w", err)
		}
		d.Attachments = append(d.Attachments, client.Attachment{Name: filepath.Base(path), MediaType: mediaType(path, data), Data: data})
	}
	return d, nil
}

// mediaType goes by the name's ending, then by the first bytes.
func mediaType(path string, data []byte) string {
	t := mime.TypeByExtension(filepath.Ext(path))
	if t == "" {
		t = http.DetectContentType(data)
	}
	t, _, _ = strings.Cut(t, ";")
	return t
}

func newSend(s *settings) *cobra.Command {
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
what blocks it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := s.desk()
			if err != nil {
				return err
			}
			draft, err := f.draft(c)
			if err != nil {
				return err
			}
			if draft.To, err = parseAddresses(to); err != nil {
				return err
			}
			draft.Confidential = confidential
			if explain {
				return s.explainDraft(c, d, draft)
			}
			sending, err := d.Send(c.Context(), draft)
			if err != nil {
				return err
			}
			return s.sent(c, d, sending, f.wait)
		},
	}
	f.add(c)
	c.Flags().StringArrayVar(&to, "to", nil, "address of a recipient; once for each")
	c.Flags().BoolVar(&confidential, "confidential", false, "of several recipients, tell none of another")
	c.Flags().BoolVar(&explain, "explain", false, "say who would receive this and what blocks it, and send nothing")
	return need(c, "to", "type", "body")
}

func newAnswer(s *settings) *cobra.Command {
	var f draftFlags
	var from sender
	c := &cobra.Command{
		Use:   "answer ID",
		Short: "Answer a message of the inbox",
		Long: `Answer a message of the inbox: to its sender, in its conversation, under its agreement.

Where the body has no your_reference, the sender's own reference is filled in.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			d, err := s.desk()
			if err != nil {
				return err
			}
			draft, err := f.draft(c)
			if err != nil {
				return err
			}
			sending, err := d.Answer(c.Context(), from.of(id), draft)
			if err != nil {
				return err
			}
			return s.sent(c, d, sending, f.wait)
		},
	}
	f.add(c)
	from.add(c)
	return need(c, "type", "body")
}

// sent waits a little for the broker, then says how each message stands. A
// recipient that is blocked, or refused by the broker, is the command's error
// after the others are on their way.
func (s *settings) sent(c *cobra.Command, d *client.Client, sending *client.Sending, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(c.Context(), wait)
	defer cancel()
	for n := range sending.Messages {
		m, err := until(ctx, d, func() (*client.OutboxItem, error) {
			return oneOutbox(c.Context(), d, sending.Messages[n].ID)
		}, func(m *client.OutboxItem) bool { return m.State != client.Queued })
		if err != nil {
			return err
		}
		sending.Messages[n] = *m
	}
	err := s.print(c, sending, func(w io.Writer) { showSending(w, sending) })
	if err != nil {
		return err
	}
	for _, b := range sending.Blocked {
		return problem.New(b.Problem.Code, "%s: %s", b.To, b.Problem.Detail)
	}
	for _, m := range sending.Messages {
		if m.State == client.Rejected {
			return problem.New(m.Problem.Code, "%s: %s", m.To, m.Problem.Detail)
		}
	}
	return nil
}

func showSending(w io.Writer, s *client.Sending) {
	for _, m := range s.Messages {
		fmt.Fprintf(w, "%s  %s to %s: %s\n", m.ID, clean(m.Type), m.To, m.State)
		if m.State == client.Queued {
			fmt.Fprintln(w, "  It is durable here and will be sent by itself.")
		}
		showProblem(w, "  ", m.Problem)
	}
	for _, b := range s.Blocked {
		fmt.Fprintf(w, "nothing to %s\n", b.To)
		showProblem(w, "  ", &b.Problem)
	}
}

func (s *settings) explainDraft(c *cobra.Command, d *client.Client, draft client.Draft) error {
	x, err := d.Explain(c.Context(), draft)
	if err != nil {
		return err
	}
	if err := s.print(c, x, func(w io.Writer) { showExplanation(w, x) }); err != nil {
		return err
	}
	blocked := x.Problem
	for _, r := range x.Recipients {
		if blocked == nil {
			blocked = r.Problem
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
		showProblem(w, "  ", x.Problem)
	}
	for _, r := range x.Recipients {
		fmt.Fprintf(w, "%s  %s\n", r.Address, clean(r.Title))
		if r.Telephone != "" {
			fmt.Fprintf(w, "  hours %s, telephone %s, languages %s\n", clean(r.Hours), clean(r.Telephone), clean(strings.Join(r.Languages, " ")))
		}
		for _, a := range r.Agreements {
			fmt.Fprintf(w, "  carried by %q until %s\n    %s\n", clean(a.Title), a.Until, a.Hash)
		}
		for _, o := range r.Blocked {
			fmt.Fprintf(w, "  not by %q: %s\n", clean(o.Agreement.Title), o.Problem.Code)
		}
		if r.Problem != nil {
			fmt.Fprintln(w, "  BLOCKED:")
			showProblem(w, "    ", r.Problem)
		} else {
			fmt.Fprintln(w, "  would receive this")
		}
	}
}
