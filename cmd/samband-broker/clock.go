package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/broker"
	"samband/gateway/signed"
)

func newClock(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "clock [TIME]",
		Short: "Say how the broker's clock stands, or that it is right",
		Long: `Say how the broker's clock stands, or that it is right.

After a start more than a day after the last record the broker can't tell whether it
was off for so long, or whether the machine's clock is wrong. It then accepts nothing
until you say what time it is. Read TIME on another clock, such as a telephone, in UTC:

  samband-broker clock 2026-11-23T03:12:00Z

It is taken where the machine's clock is within a minute of it.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var says signed.Time
			if len(args) == 1 {
				var err error
				if says, err = signed.ParseTime(args[0]); err != nil {
					return cli.Usagef("TIME: %v", err)
				}
			}
			client, err := broker.NewClient(p.Dir)
			if err != nil {
				return err
			}
			clock, err := client.Clock(c.Context(), says)
			if err != nil {
				return err
			}
			if err := p.Print(c, clock, func(w io.Writer) { showClock(w, clock.ClockState) }); err != nil || !clock.Differs {
				return err
			}
			return fmt.Errorf("this machine says %s, and you say %s: they differ by more than a minute, so nothing has changed. Put the wrong one right, then say it again", clock.Wall, says)
		},
	}
}

func showClock(w io.Writer, c broker.ClockState) {
	switch {
	case c.Waits:
		fmt.Fprintf(w, "Clock:    THIS MACHINE SAYS %s, more than a day after the last record: nothing is accepted\n", c.Wall)
		fmt.Fprintln(w, "Next:     compare with another clock. If it is right: samband-broker clock TIME, with the other clock's time. If not: put it right")
	case c.Doubted:
		fmt.Fprintf(w, "Clock:    in doubt. This machine says %s; logged time goes on by time that passes, %s now, and nothing expires\n", c.Wall, c.Logged)
		fmt.Fprintln(w, "Next:     nothing, if the machine is right: desks of two parties end the doubt. Else put it right")
	case c.Ahead:
		fmt.Fprintf(w, "Clock:    the newest record is of %s, and it is %s: logged time stands still until then, and nothing expires\n", c.Logged, c.Wall)
	default:
		fmt.Fprintf(w, "Clock:    %s, and sure\n", c.Wall)
	}
}
