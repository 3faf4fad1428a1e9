package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"samband/gateway/desk"
	"samband/gateway/desk/client"
	"samband/gateway/monitor"
)

func newServe(s *settings) *cobra.Command {
	var unlock bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the desk until it is interrupted",
		Long: `Run the desk until it is interrupted.

It starts locked: it stores what arrives and consigns it, so no clock waits for a
person. Unlock it to open, send and answer. With --unlock it takes the passphrase
at its start; with systemd, --passphrase-file names a credential.`,
		Args: cobra.NoArgs,
	}
	passphrase := passphraseFlag(c)
	c.Flags().BoolVar(&unlock, "unlock", false, "unlock at the start")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		dir, err := filepath.Abs(s.dir)
		if err != nil {
			return err
		}
		d, err := desk.New(desk.Config{Dir: dir, Log: monitor.Logger(os.Stderr)})
		if err != nil {
			return heldBy(dir, err)
		}
		defer func() { err = errors.Join(err, d.Close()) }()
		if unlock {
			secret, err := passphrase(false)
			if err != nil {
				return err
			}
			if err := d.Unlock(ctx, secret); err != nil {
				return err
			}
		}
		return d.Run(ctx)
	}
	return c
}

func newUnlock(s *settings) *cobra.Command {
	c := &cobra.Command{Use: "unlock", Short: "Unlock the desk: it opens what waits, and may send", Args: cobra.NoArgs}
	passphrase := passphraseFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		d, err := s.desk()
		if err != nil {
			return err
		}
		secret, err := passphrase(false)
		if err != nil {
			return err
		}
		defer clear(secret)
		if err := d.Unlock(c.Context(), secret); err != nil {
			return err
		}
		return s.print(c, map[string]bool{"locked": false}, func(w io.Writer) { fmt.Fprintln(w, "The desk is unlocked.") })
	}
	return c
}

func newLock(s *settings) *cobra.Command {
	return &cobra.Command{
		Use: "lock", Short: "Lock the desk: it stores and consigns, and opens nothing", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := s.desk()
			if err != nil {
				return err
			}
			if err := d.Lock(c.Context()); err != nil {
				return err
			}
			return s.print(c, map[string]bool{"locked": true}, func(w io.Writer) { fmt.Fprintln(w, "The desk is locked.") })
		},
	}
}

func newStatus(s *settings) *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Say how the desk stands", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := s.desk()
			if err != nil {
				return err
			}
			st, err := d.Status(c.Context())
			if err != nil {
				return err
			}
			return s.print(c, st, func(w io.Writer) { showStatus(w, st) })
		},
	}
}

func showStatus(w io.Writer, st *client.Status) {
	say := func(good bool, yes, no string) string {
		if good {
			return yes
		}
		return no
	}
	fmt.Fprintf(w, "Desk:     %s in %s (%s)\n", st.Desk, st.Exchange, st.Hash)
	fmt.Fprintf(w, "Ring:     %s\n", say(!st.Locked, "unlocked", "LOCKED: it stores and consigns; run samband-desk unlock"))
	fmt.Fprintf(w, "Broker:   %s at %s\n", say(st.Reachable, "answers", "DOES NOT ANSWER"), clean(st.Broker))
	fmt.Fprintf(w, "Register: %d entries, %s\n", st.Register, say(st.Registered, "this desk among them", "this desk NOT among them with these keys"))
	fmt.Fprintf(w, "Log:      verified to %d entries\n", st.Audit)
	fmt.Fprintf(w, "Evidence: %s\n", say(st.Evidence == 0, "none against the broker", fmt.Sprintf("%d breaches by the broker; run samband-desk verify", st.Evidence)))
}
