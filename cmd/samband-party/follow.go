package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/gateway/authority"
	"samband/gateway/register"
)

func newFollow(s *settings) *cobra.Command {
	return &cobra.Command{
		Use:   "follow LOG",
		Short: "Take the last entries of party and root from a copy of the register's log folder",
		Long: `Take the last entries of party and root from a copy of the register's log folder.

Needed when an entry was not accepted, or was made or signed elsewhere. Entries
in this folder that come after the register's last are set aside: they were
never entered.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			federation, err := readFile(filepath.Join(s.dir, "federation"))
			if err != nil {
				return err
			}
			r, err := register.Load(os.DirFS(args[0]), federation)
			if err != nil {
				return err
			}
			passphrase, err := s.readPassphrase(c)
			if err != nil {
				return err
			}
			holders := 0
			if p, err := authority.OpenParty(s.dir, passphrase); err == nil {
				holders++
				if err := p.Follow(r); err != nil {
					return err
				}
			} else if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if f, err := authority.OpenFounder(s.dir, passphrase); err == nil {
				holders++
				if err := f.Follow(r); err != nil {
					return err
				}
			} else if !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			if holders == 0 {
				return fmt.Errorf("%s holds the keys of no party and no founder", s.dir)
			}
			return s.say(c, result{
				Made: fmt.Sprintf("the chains of %s follow the register at size %d", s.dir, r.Size()),
				Next: "make the next entry",
			})
		},
	}
}
