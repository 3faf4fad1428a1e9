package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/schema"
)

func newCheck(p *program) *cobra.Command {
	var typ string
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Name each fault of a draft or a body, with what would be right",
		Long: `Name each fault of a draft or a body, with what would be right. The draft says its
type in its first line, as samband-desk new writes it; of another file --type does.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := cli.ReadInput(c, args[0], maxFile)
			if err != nil {
				return err
			}
			t, body, err := p.draftOf(c, args[0], typ, text)
			if err != nil {
				return err
			}
			faults, err := p.faults(t, body)
			if err != nil {
				return err
			}
			out := struct {
				Type    string          `json:"type"`
				Version string          `json:"version"`
				Faults  []labelledFault `json:"faults"`
			}{t.Name, t.Version, append([]labelledFault{}, faults...)}
			err = p.Print(c, out, func(w io.Writer) {
				if len(faults) == 0 {
					fmt.Fprintf(w, p.say("check.good")+"\n", cli.Clean(args[0]), t.Name, t.Version, t.In(string(*p.lang)).Type().Label)
				}
			})
			if err == nil && len(faults) > 0 {
				err = p.refused(args[0], t.Name+" "+t.Version, faults)
			}
			return err
		},
	}
	c.Flags().StringVar(&typ, "type", "", "the message type, where the file doesn't say it")
	return c
}

// draftOf finds the type of a draft, which may name it in its first line, and takes its
// body out of it.
func (p *program) draftOf(c *cobra.Command, file, named string, text []byte) (*schema.Type, []byte, error) {
	name, version := schema.DraftType(text)
	switch {
	case name == "" && named == "":
		// A file that another program saved in another way has no first line to read.
		if f := schema.Malformed(schema.StripComments(text)); f != nil {
			return nil, nil, p.refused(file, "JSON", []labelledFault{{Fault: *f}})
		}
		return nil, nil, cli.Usagef("%s doesn't say its type: give --type, or begin it with // type: NAME", file)
	case named != "" && name != "" && named != name:
		return nil, nil, cli.Usagef("%s says it is %s, and --type says %s", file, name, named)
	case named != "":
		name = named
	}
	k, err := p.catalogue(c)
	if err != nil {
		return nil, nil, err
	}
	t, err := k.find(name, version)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	return t, t.Draft(text), nil
}
