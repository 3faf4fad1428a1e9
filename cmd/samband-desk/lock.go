package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

func newLock(p *program) *cobra.Command {
	return &cobra.Command{
		Use: "lock", Short: "Lock the desk: it stores and consigns, and opens nothing", Args: cobra.NoArgs,
		Long: `Lock the desk: it stores and consigns, and opens nothing.

The process that serves it executes itself anew, so that no key stays in its memory;
lock returns when the locked desk answers. It stays locked, also over a restart, until
somebody unlocks it.`,
		RunE: p.withClient(func(c *cobra.Command, d *client.Client, _ signed.ID) error {
			if err := d.Lock(c.Context()); err != nil {
				return err
			}
			tell(c, lockPatience, "Locked: the desk has forgotten its keys. It begins anew")
			if err := answersLocked(c.Context(), d); err != nil {
				return err
			}
			return p.Print(c, map[string]bool{"locked": true}, func(w io.Writer) { fmt.Fprintln(w, "The desk is locked.") })
		}),
	}
}

// lockPatience is how long a desk may take to be there again, and lockPause the time
// between two looks.
const (
	lockPatience = 30 * time.Second
	lockPause    = 20 * time.Millisecond
)

// answersLocked waits until the desk that was locked answers anew.
func answersLocked(ctx context.Context, d *client.Client) error {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	for {
		st, err := d.Status(ctx)
		if _, answered := problem.Of(err); answered || err == nil && st.Locked {
			return err
		}
		if err == nil {
			return errors.New("the desk was locked, and somebody has unlocked it since")
		}
		select {
		case <-time.After(lockPause):
		case <-ctx.Done():
			return fmt.Errorf("the desk was locked, and has not come back: %w", client.ErrNotServed)
		}
	}
}
