package main

import (
	"bytes"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

func newRead(p *program) *cobra.Command {
	var out, html string
	var from sender
	c := &cobra.Command{
		Use:   "read ID",
		Short: "Read a message, received or sent; the desk's log notes it",
		Args:  cobra.ExactArgs(1),
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, id signed.ID) error {
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
			t, _ := p.typeOf(c.Context(), d, m.TypeHash)
			page := p.pageOf(m, t, files)
			if html != "" {
				return p.writePage(c, page, html)
			}
			return p.Print(c, m, func(w io.Writer) { page.show(w, screenWidth(c)) })
		}),
	}
	c.Flags().StringVar(&out, "out", "", "folder to write the attachments to")
	c.Flags().StringVar(&html, "html", "", "write a printable page to this file, which must not be there; - for standard output")
	from.add(c)
	return c
}

// writePage writes the printable page to a file that is not there yet, or to standard
// output.
func (p *program) writePage(c *cobra.Command, page *page, file string) error {
	var b bytes.Buffer
	if err := page.writeHTML(&b); err != nil {
		return err
	}
	if file == "-" {
		_, err := c.OutOrStdout().Write(b.Bytes())
		return err
	}
	if err := cli.WriteNew(file, b.Bytes()); err != nil {
		return err
	}
	return p.Print(c, map[string]string{"page": file}, func(w io.Writer) { fmt.Fprintf(w, "Written: %s\n", cli.Clean(file)) })
}
