package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/desk"
	"samband/gateway/monitor"
)

func newServe(p *program) *cobra.Command {
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
	passphrase := cli.PassphraseFlag(c)
	c.Flags().BoolVar(&unlock, "unlock", false, "unlock at the start")
	c.RunE = func(c *cobra.Command, _ []string) (err error) {
		ctx, stop := cli.UntilInterrupted(c.Context())
		defer stop()
		dir, err := filepath.Abs(p.Dir)
		if err != nil {
			return err
		}
		d, err := desk.New(desk.Config{Dir: dir, Log: monitor.Logger(os.Stderr)})
		if err != nil {
			return cli.LockedBy(filepath.Join(dir, "lock"), err)
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
