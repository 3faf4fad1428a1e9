package authority

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"samband/gateway/durable"
	"samband/gateway/problem"
	"samband/gateway/register"
	"samband/gateway/signed"
)

// A folder is one party's place on disk.
type folder string

func (f folder) path(parts ...string) string {
	return filepath.Join(append([]string{string(f)}, parts...)...)
}

// private sets the modes of the folder, and of all that this package puts into it.
func (f folder) private() error {
	for _, path := range []string{string(f), f.path("federation")} {
		if err := durable.Private(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, name := range []string{"authority", "root", "entries", "revocations", "drafts"} {
		if err := durable.PrivateTree(f.path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// Entries of the root and of the party lie apart.
func (f folder) rootChain() chain { return chain{f.path("entries", "root")} }
func (f folder) ownChain() chain  { return chain{f.path("entries", "party")} }

// ErrNoFederation reports a folder that belongs to no exchange yet.
var ErrNoFederation = errors.New("this folder belongs to no exchange yet")

// federation reads the exchange that the folder belongs to.
func (f folder) federation() (*register.Federation, error) {
	b, err := durable.ReadFile(f.path("federation"), durable.MaxSmall)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNoFederation
	}
	if err != nil {
		return nil, fmt.Errorf("read federation: %w", err)
	}
	fed, err := register.ParseFederation(b)
	if err != nil {
		return nil, fmt.Errorf("federation %q: %w", f.path("federation"), err)
	}
	return fed, nil
}

// federationOf is federation for what somebody brought: it must be of that exchange.
func (f folder) federationOf(what string, exchange signed.Hash) (*register.Federation, error) {
	fed, err := f.federation()
	if err == nil && exchange != fed.Hash() {
		err = problem.New(problem.WrongExchange, "%s is of another exchange than this folder's", what)
	}
	return fed, err
}

// join makes the folder belong to an exchange; for good.
func (f folder) join(federation []byte) (*register.Federation, error) {
	fed, err := register.ParseFederation(federation)
	if err != nil {
		return nil, err
	}
	switch known, err := f.federation(); {
	case errors.Is(err, ErrNoFederation):
		return fed, create(f.path("federation"), federation, private)
	case err != nil:
		return nil, err
	case known.Hash() != fed.Hash():
		return nil, problem.New(problem.WrongExchange, "this folder belongs to another exchange, %s", known.Hash())
	}
	return fed, nil
}

// follow makes a chain what a register has of it.
func (f folder) follow(c chain, r *register.Register, belongs func(register.Entry) bool) error {
	if _, err := f.federationOf("the register", r.Exchange()); err != nil {
		return err
	}
	var notes [][]byte
	for _, note := range r.Entries(1) {
		e, err := parseEntry(note)
		if err != nil {
			return err
		}
		if belongs(e) {
			notes = append(notes, note)
		}
	}
	return c.follow(notes)
}
