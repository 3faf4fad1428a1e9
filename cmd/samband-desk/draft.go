package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/schema"
)

// A draftFlags is what send and answer ask alike.
type draftFlags struct {
	name, typ, body, agreement, classification string
	written                                    *schema.Type // what the body is
	attach                                     []string
	urgent, again                              bool
	expires, wait                              time.Duration
	copies                                     copyFlags
}

func (f *draftFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.typ, "type", "", "the message type, by its name in the catalogue, where the body doesn't say it")
	c.Flags().StringVar(&f.body, "body", "", "file with the body, JSON, or a draft of new; - for standard input")
	c.Flags().StringArrayVar(&f.attach, "attach", nil, "a file to send along; once for each")
	c.Flags().StringVar(&f.agreement, "agreement", "", "hash of the agreement, if more than one would carry it")
	c.Flags().StringVar(&f.classification, "classification", string(envelope.Unclassified), "unclassified or bpl")
	c.Flags().BoolVar(&f.urgent, "urgent", false, "the message is urgent; its body says why")
	c.Flags().DurationVar(&f.expires, "expires", 7*24*time.Hour, "how long it may wait to be taken in")
	c.Flags().StringVar(&f.name, "name", "", "name of this sending: the same command again sends nothing twice")
	c.Flags().BoolVar(&f.again, "again", false, "send it although this desk has just sent the same")
	f.copies.add(c)
	c.Flags().DurationVar(&f.wait, "wait", 5*time.Second, "how long to wait for the broker's acceptance; 0 to leave at once")
}

// draft reads the files that the flags name.
func (f *draftFlags) draft(p *program, c *cobra.Command) (d client.Draft, err error) {
	if f.expires <= 0 {
		return d, cli.Usagef("--expires: %s is no time to wait: give more than nothing, and at most %s", f.expires, envelope.MaxLifetime)
	}
	d = client.Draft{Name: f.name, Urgent: f.urgent, Lifetime: client.Duration(f.expires), Fresh: !f.again}
	if d.Classification, err = envelope.ParseClassification(f.classification); err != nil {
		return d, cli.Usagef("--classification: %w", err)
	}
	if f.agreement != "" {
		if d.Agreement, err = signed.ParseHash(f.agreement); err != nil {
			return d, cli.Usagef("--agreement: %w", err)
		}
	}
	text, err := cli.ReadInput(c, f.body, maxFile)
	if err != nil {
		return d, fmt.Errorf("read body: %w", err)
	}
	if err = f.copies.into(c, &d); err != nil {
		return d, err
	}
	f.written, d.Body, err = p.draftOf(c, f.body, f.typ, text)
	switch {
	case err == nil:
		d.Type = f.written.Name
	case f.typ != "" && problem.CodeOf(err) == problem.TypeUnknown:
		d.Type, d.Body = f.typ, schema.StripComments(text) // the desk says what it makes of it
	default:
		return d, err
	}
	size := len(d.Body)
	for _, path := range f.attach {
		if name := filepath.Base(path); !utf8.ValidString(name) {
			return d, &advice{problem.New(problem.BodyInvalid, "the name of the file %q is not UTF-8, and nobody could spell it", name), "rename the file, then repeat the command"}
		}
		data, err := cli.ReadInput(c, path, maxFile)
		if err != nil {
			return d, fmt.Errorf("read attachment: %w", err)
		}
		if size += len(data); size > seal.MaxContent {
			return d, problem.New(problem.Oversize, "body and attachments as far as %s have %d bytes, and a message takes %d", path, size, seal.MaxContent)
		}
		d.Attachments = append(d.Attachments, client.Attachment{Name: filepath.Base(path), MediaType: mediaType(path, data), Data: data})
	}
	return d, nil
}

// inWords turns a refusal of the draft's body into one that names each fault as check
// does, or the flag that doesn't fit it; another error stays as it is.
func (f *draftFlags) inWords(p *program, err error, d client.Draft, fill schema.Filling) error {
	code := problem.CodeOf(err)
	if code == problem.DatesInvalid && f.expires > envelope.MaxLifetime {
		return &advice{err, fmt.Sprintf("give --expires at most %s; nothing was sent", envelope.MaxLifetime)}
	}
	if f.written == nil || code != problem.BodyInvalid && code != problem.BodyMalformed {
		return err
	}
	body := f.filled(d, fill)
	faults, failed := p.faults(f.written, body)
	if failed != nil {
		return errors.Join(err, failed)
	}
	if len(faults) > 0 {
		return p.refused(f.body, f.written.Name+" "+f.written.Version, withoutFilled(faults, d.Body))
	}
	urgency := schema.NonUrgent
	if d.Urgent {
		urgency = schema.Urgent
	}
	if b, failed := f.written.Read(body); failed == nil && b.FitsUrgency(urgency) != nil {
		return &advice{err, "send an urgent message with --urgent, and another without that field"}
	}
	return err
}

// filled is the body with what the desk adds to it, so that it is checked as it is sent.
func (f *draftFlags) filled(d client.Draft, fill schema.Filling) []byte {
	if f.written == nil {
		return d.Body
	}
	for _, a := range d.Attachments {
		fill.Attachments = append(fill.Attachments, schema.Attachment{
			Name: a.Name, MediaType: a.MediaType, Bytes: int64(len(a.Data)), SHA256: fmt.Sprintf("%x", sha256.Sum256(a.Data)),
		})
	}
	for _, to := range d.To {
		if !d.Confidential {
			fill.Recipients = append(fill.Recipients, string(to))
		}
	}
	return f.written.Fill(d.Body, fill)
}
