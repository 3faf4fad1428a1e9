package gatewaytest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"samband/gateway/authority"
	"samband/gateway/signed"
)

// Copy makes the same exchange in another folder, with the same keys and entries,
// at ports of its own. Copy costs much less than Make, so a test binary makes its
// exchange once and each test runs a copy. An exchange is copied before anything of it ran.
func (x *Exchange) Copy(dir string) (*Exchange, error) {
	c := *x
	c.Dir, c.Entries = dir, slices.Clone(x.Entries)
	c.Parties, c.KeyedDesks, c.Founders = map[string]*authority.Party{}, map[signed.Address]*KeyedDesk{}, nil
	for address, h := range x.KeyedDesks {
		own := *h
		c.KeyedDesks[address] = &own
	}
	for _, step := range []func() error{
		func() error { return os.CopyFS(dir, os.DirFS(x.Dir)) },
		c.addresses,
		func() error { return c.move(x) },
		c.reopen,
	} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("copy the exchange %s: %w", x.Plan.Name, err)
		}
	}
	return &c, nil
}

// move writes the exchange's new ports into its settings.
func (x *Exchange) move(from *Exchange) error {
	settings, err := filepath.Glob(filepath.Join(x.Dir, "desks", "*", "desk.yaml"))
	if err != nil {
		return err
	}
	for _, path := range append(settings, filepath.Join(x.BrokerDir(), "broker.yaml")) {
		if err := replace(path, from.Listen, x.Listen, from.Metrics, x.Metrics); err != nil {
			return err
		}
	}
	return nil
}

// replace puts each second string in the place of the one before it.
func replace(path string, words ...string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.NewReplacer(words...).Replace(string(b))), 0o600)
}

// reopen opens the founders and parties in the exchange's own folder.
func (x *Exchange) reopen() error {
	for _, name := range x.Plan.Founders {
		f, err := authority.OpenFounder(x.PartyDir(name), nil)
		if err != nil {
			return err
		}
		x.Founders = append(x.Founders, f)
	}
	for _, p := range x.Plan.Parties {
		a, err := authority.OpenParty(x.PartyDir(p.Name), nil)
		if err != nil {
			return err
		}
		x.Parties[p.Name] = a
	}
	return nil
}

// Cable puts a cable between a desk and the broker. A desk goes by it from its
// next start.
func (x *Exchange) Cable(desk signed.Address) (*Cable, error) {
	c, err := lay(x.Listen)
	if err != nil {
		return nil, err
	}
	return c, replace(filepath.Join(x.DeskDir(desk), "desk.yaml"), x.Listen, c.listener.Addr().String())
}
