package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/broker"
	"samband/gateway/monitor"
)

func newServe(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Run the broker until it is interrupted",
		Long: `Run the broker until it is interrupted.

It settles by itself what a crash left. If it can't repair records or log,
it starts, accepts nothing, and says why, here and at /readyz.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			ctx, stop := cli.UntilInterrupted(c.Context())
			defer stop()
			b, err := startIn(ctx, broker.Config{Dir: p.Dir, Log: monitor.Logger(os.Stderr)})
			if err != nil {
				return p.lockedBy(err)
			}
			defer func() { err = errors.Join(err, b.Close()) }()
			st := b.Started()
			showStart(c.ErrOrStderr(), p.Dir, &st)
			return b.Run(ctx)
		},
	}
}

// startIn starts the broker. What may pass it waits out: to end would need a person, once
// systemd has started it in vain some times.
func startIn(ctx context.Context, c broker.Config) (*broker.Broker, error) {
	for {
		b, err := broker.New(c)
		if !broker.MayPass(err) {
			return b, err
		}
		c.Log.Error("the broker can't start yet, and tries again", "error", err)
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// lockedBy adds to a start's failure who has the folder, if somebody has.
func (p *program) lockedBy(err error) error {
	settings, broken := broker.ReadSettings(p.Dir)
	if broken != nil {
		return err
	}
	return cli.LockedBy(filepath.Join(settings.Data, "nats"), err)
}

func showStart(w io.Writer, dir string, st *broker.Status) {
	fmt.Fprintf(w, "Broker of %s in %s\n", st.Name, dir)
	showStatus(w, st)
}
