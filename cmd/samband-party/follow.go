package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"samband/cmd/internal/cli"
	"samband/gateway/authority"
	"samband/gateway/durable"
	"samband/gateway/register"
)

func newFollow(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "follow LOG",
		Short: "Take the last entries of party and root from a copy of the register's log folder",
		Long: `Take the last entries of party and root from a copy of the register's log folder.

Needed when an entry was not accepted, or was made or signed elsewhere. Entries
in this folder that come after the register's last are set aside: they were
never entered.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := p.register(args[0])
			if err != nil {
				return err
			}
			if p.session == nil { // both by one passphrase
				p.session = newSession()
				if _, err := p.openAll(c); err != nil {
					return err
				}
			}
			party, err := follow(p, c, r, authority.OpenParty)
			if err != nil {
				return err
			}
			founder, err := follow(p, c, r, authority.OpenFounder)
			if err != nil {
				return err
			}
			if !party && !founder {
				return fmt.Errorf("%s has the keys of no founder, and of no party that the register knows", p.Dir)
			}
			return p.say(c, result{
				Made: fmt.Sprintf("the chains of %s follow the register at size %d", p.Dir, r.Size()),
				Next: "make the next entry",
			})
		},
	}
}

// register replays a copy of the register's log folder.
func (p *program) register(log string) (*register.Register, error) {
	federation, err := cli.ReadFile(filepath.Join(p.Dir, "federation"), maxFile)
	if err != nil {
		return nil, err
	}
	return register.Load(durable.DirFS(log), federation)
}

// follow lets a party or founder follow the register, if the folder has its keys.
func follow[T interface {
	Follow(*register.Register) error
}](p *program, c *cobra.Command, r *register.Register, open func(string, []byte) (T, error)) (found bool, err error) {
	keys, err := opened(p, c, open)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = keys.Follow(r)
	}
	if errors.Is(err, authority.ErrNotAdmitted) {
		return false, nil
	}
	return true, err
}
