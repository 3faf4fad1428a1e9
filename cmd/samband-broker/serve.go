package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"samband/gateway/broker"
	"samband/gateway/monitor"
)

func newServe(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the broker until it is interrupted",
		Long: `Run the broker until it is interrupted.

It settles by itself what a crash left. Where records or log can't be made whole,
it comes up, accepts nothing, and says why, here and at /readyz.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			b, err := broker.New(broker.Config{Dir: s.dir, Log: monitor.Logger(os.Stderr)})
			if err != nil {
				return heldBy(s.dir, err)
			}
			defer func() { err = errors.Join(err, b.Close()) }()
			st := b.Started()
			showStart(c.ErrOrStderr(), s.dir, &st)
			return b.Run(ctx)
		},
	}
}

// found says in words what a start met.
var found = map[string]string{
	"journal-ahead": "killed between JOURNAL and records: the records were completed",
	"journal-lost":  "NATS LOST ACKNOWLEDGED GROUPS: they were written back from the records, and senders are asked for open messages",
	"tiles-behind":  "leaves had no tiles yet: they are written now",
	"tiles-gone":    "tiles were missing or bent: they were made anew from the records",
	"index-behind":  "the index was brought up",
	"index-lost":    "the index was of another past: it was made anew",
}

func showStart(w io.Writer, dir string, st *broker.Status) {
	fmt.Fprintf(w, "Broker of %s in %s\n", st.Name, dir)
	showStanding(w, st)
}

func showStanding(w io.Writer, st *broker.Status) {
	fmt.Fprintf(w, "Exchange: %s\n", st.Exchange)
	fmt.Fprintf(w, "Desks:    https://%s\n", st.Desks)
	if st.Metrics != "" {
		fmt.Fprintf(w, "Metrics:  http://%s/metrics, also /healthz and /readyz\n", st.Metrics)
	}
	fmt.Fprintf(w, "Logs:     %d entries of audit, %d of register\n", st.Audit.Size, st.Register.Size)
	if len(st.Found) == 0 {
		fmt.Fprintln(w, "Start:    records, JOURNAL, tiles and index end together")
	}
	for _, f := range st.Found {
		fmt.Fprintf(w, "Start:    %s\n", found[f])
	}
	switch {
	case st.Stopped != "":
		fmt.Fprintf(w, "ACCEPTS NOTHING: %s\n", st.Stopped)
		fmt.Fprintf(w, "Next:     copy the whole data folder; it has deleted nothing. Then: %s.\n", nextOf(st.Stopped))
	case !st.Accepting:
		fmt.Fprintln(w, "Accepts ends alone: its store is near the limit")
	default:
		fmt.Fprintln(w, "Accepts messages")
	}
}

func newStatus(s *settings) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say how the broker stands", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := broker.NewClient(s.dir)
			if err != nil {
				return err
			}
			st, err := client.Status(c.Context())
			if err != nil {
				return err
			}
			return s.print(c, st, func(w io.Writer) { showStanding(w, st) })
		},
	}
}
