package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"samband/cmd/internal/passphrase"
	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/signed"
)

func newUnlock(p *program) *cobra.Command {
	c := &cobra.Command{Use: "unlock", Short: "Unlock the desk: it opens what waits, and may send", Args: cobra.NoArgs}
	file := passphrase.FileFlag(c.Flags(), passphrase.File, "of the desk's keys")
	c.RunE = p.withClient(func(c *cobra.Command, d *client.Client, _ signed.ID) error {
		secret, err := passphrase.Existing(c, *file, "the keys in "+p.Dir)
		if err != nil {
			return err
		}
		defer clear(secret)
		if err := d.Unlock(c.Context(), secret); problem.CodeOf(err) == problem.DeskLocked {
			return &advice{err, retype}
		} else if err != nil {
			return err
		}
		return p.Print(c, map[string]bool{"locked": false}, func(w io.Writer) { fmt.Fprintln(w, "The desk is unlocked.") })
	})
	return c
}

// retype is the advice where a passphrase opened nothing. That the desk is to be unlocked, as
// DESK_LOCKED says, its reader knows.
const retype = "type it once more: look at capitals and at the language of the keyboard; after samband-desk passwd the new one counts"
