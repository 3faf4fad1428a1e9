package main

import (
	"fmt"
	"mime"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/envelope"
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
	c.Flags().StringVar(&f.typ, "type", "", "the message type, by its name in the catalogue")
	c.Flags().StringVar(&f.body, "body", "", "file with the body, JSON; - for standard input")
	c.Flags().StringArrayVar(&f.attach, "attach", nil, "a file to send along; once for each")
	c.Flags().StringVar(&f.agreement, "agreement", "", "hash of the agreement, if more than one would carry it")
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
		return d, cli.Usagef("--classification: %w", err)
	}
	if f.agreement != "" {
		if d.Agreement, err = signed.ParseHash(f.agreement); err != nil {
			return d, cli.Usagef("--agreement: %w", err)
		}
	}
	if d.Body, err = cli.ReadInput(c, f.body, maxFile); err != nil {
		return d, fmt.Errorf("read body: %w", err)
	}
	for _, path := range f.attach {
		data, err := cli.ReadInput(c, path, maxFile)
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
