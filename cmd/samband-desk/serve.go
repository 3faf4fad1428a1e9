package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/cmd/internal/passphrase"
	"samband/gateway/desk"
	"samband/gateway/monitor"
)

// keptLock is the flag by which serve tells itself, when it executes itself anew, which
// descriptor is the folder's lock.
const keptLock = "kept-lock"

func newServe(p *program) *cobra.Command {
	var unlock bool
	var kept uint
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run the desk until it is interrupted",
		Long: `Run the desk until it is interrupted.

It starts locked: it stores what arrives and consigns it, so no clock waits for a
person. Unlock it to open, send and answer. With --unlock it takes the passphrase
at its start; with systemd, --passphrase-file names a credential. A desk that was
locked stays so at its start, whatever file has the passphrase, until a person
unlocks it.

When it is locked it executes itself anew, so that its memory has no key.`,
		Args: cobra.NoArgs,
	}
	file := passphrase.FileFlag(c.Flags(), passphrase.File, "of the desk's keys")
	c.Flags().BoolVar(&unlock, "unlock", false, "unlock at the start")
	c.Flags().UintVar(&kept, keptLock, 0, "the descriptor of the folder's lock")
	c.Flags().Lookup(keptLock).Hidden = true
	c.RunE = func(c *cobra.Command, _ []string) error {
		ctx, stop := cli.UntilInterrupted(c.Context())
		defer stop()
		dir, err := filepath.Abs(p.Dir)
		if err != nil {
			return err
		}
		conf := desk.Config{Dir: dir, Log: monitor.Logger(os.Stderr), LockEnds: true}
		if c.Flags().Changed(keptLock) {
			conf.Kept = keptFile(uintptr(kept))
		}
		d, err := startIn(ctx, conf)
		if err != nil {
			return cli.LockedBy(filepath.Join(dir, "lock"), err)
		}
		if unlock {
			err = unlockAtStart(ctx, conf.Log, d, *file != "", func() ([]byte, error) { return passphrase.Existing(c, *file, "the keys in "+p.Dir) })
		}
		if err == nil {
			err = d.Run(ctx)
		}
		if !errors.Is(err, desk.ErrLocked) {
			return errors.Join(err, d.Close())
		}
		lock, err := d.Leave()
		if err != nil {
			return err
		}
		if ctx.Err() != nil { // it is to stop
			return lock.Close()
		}
		return serveAnew(dir, lock)
	}
	return c
}

// startIn starts the desk. Where its disk takes no writes, or another program has its database
// locked, it waits until that has passed: to end would need a person, once systemd has
// started it in vain some times.
func startIn(ctx context.Context, c desk.Config) (*desk.Desk, error) {
	for {
		d, err := desk.New(c)
		if !desk.Passes(err) {
			return d, err
		}
		c.Log.Error("the desk waits until its database can be opened and its disk takes writes", "error", err)
		select {
		case <-time.After(10 * time.Second):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// unlockAtStart unlocks the desk. By a file it does not if the desk was locked before.
func unlockAtStart(ctx context.Context, log *slog.Logger, d *desk.Desk, byFile bool, passphrase func() ([]byte, error)) error {
	stays, err := d.StaysLocked()
	if err != nil {
		return err
	}
	if stays && byFile {
		log.Warn("the desk was locked, and stays so until a person unlocks it: samband-desk unlock", "desk", d.Address())
		return nil
	}
	secret, err := passphrase()
	if err != nil {
		return err
	}
	defer clear(secret)
	return d.Unlock(ctx, secret)
}
