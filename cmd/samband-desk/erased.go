package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk/client"
	"samband/gateway/signed"
)

// showErasures says how the desk stands with what it erased, where that is not plain.
func showErasures(w io.Writer, e *client.Erasures) {
	if e.NotShown != "" {
		fmt.Fprintf(w, "CONTENT IS NOT SHOWN: %s\n", cli.Clean(e.NotShown))
	}
	for _, c := range []struct {
		n    int
		says string
	}{
		{e.Hidden, "HIDDEN:   %d texts that this desk erased before it was put back from a backup; run samband-desk erased\n"},
		{e.Unopened, "Erasures: %d lists in the log wait to be opened by the unlocked ring\n"},
		{e.Unreadable, "Erasures: %d lists in the log DO NOT OPEN with this ring: what they name is not hidden\n"},
		{e.Lost, "Erasures: %d lists in the log are LOST at the broker: what they name is not hidden\n"},
		{e.Unstated, "Erasures: %d not in the log yet; that takes a minute, the unlocked ring and the broker\n"},
	} {
		if c.n > 0 {
			fmt.Fprintf(w, c.says, c.n)
		}
	}
}

func newErased(p *program) *cobra.Command {
	var limit int
	var anyway string
	c := &cobra.Command{
		Use:   "erased",
		Short: "List what this desk erased and a backup brought back; it is hidden",
		Long: `List what this desk erased and a backup brought back; it is hidden.

A person decides of each message: erase ID destroys it again, keep ID shows it.

After a start the desk shows no content before it has read in the log what it erased.
Where the broker does not answer and somebody must read, --show-anyway gives the reason;
the desk's log takes it.`,
		Args: cobra.NoArgs,
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, _ signed.ID) error {
			if anyway != "" {
				if err := d.ShowAnyway(c.Context(), anyway); err != nil {
					return err
				}
			}
			items, err := d.Erased(c.Context(), client.Query{Limit: limit})
			if err != nil {
				return err
			}
			st, err := d.Status(c.Context())
			if err != nil {
				return err
			}
			return p.Print(c, map[string]any{"hidden": items, "erasures": st.Erasures}, func(w io.Writer) {
				var rows [][]string
				for _, i := range items {
					rows = append(rows, []string{i.ID.String(), stateText(i.Item), string(i.From), string(i.To), i.Type, p.timeText(received(i.Item))})
				}
				p.table(w, "id state from to type received", rows)
				showErasures(w, &st.Erasures)
			})
		}),
	}
	c.Flags().IntVar(&limit, "limit", 50, "how many to list, the newest first")
	c.Flags().StringVar(&anyway, "show-anyway", "", "show content before the log was read, for this reason")
	return c
}

func newKeep(p *program) *cobra.Command {
	var from sender
	var reason string
	c := &cobra.Command{
		Use:   "keep ID --reason TEXT",
		Short: "Show a message again that is hidden; the desk's log takes the reason",
		Args:  cobra.ExactArgs(1),
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, id signed.ID) error {
			if err := d.Keep(c.Context(), from.of(id), reason); err != nil {
				return err
			}
			return p.Print(c, map[string]any{"kept": id}, func(w io.Writer) {
				fmt.Fprintf(w, "Message %s is shown again.\n", id)
			})
		}),
	}
	c.Flags().StringVar(&reason, "reason", "", "why it is kept")
	from.add(c)
	return cli.Require(c, "reason")
}
