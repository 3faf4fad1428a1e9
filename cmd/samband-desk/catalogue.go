package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"samband/gateway/desk/client"
	"samband/gateway/problem"
	"samband/gateway/seal"
	"samband/gateway/signed"
	"samband/schema"
)

// A catalogue is the message types that commands know.
type catalogue struct {
	types   []*schema.Type
	lacking []client.Type // of the register, whose bundle the desk does not have yet
	offline bool          // nobody serves the desk: these are the types that the program was built with
}

// client is that of the desk which serves the folder. The path of its socket must not
// depend on where we are later.
func (p *program) client() (*client.Client, error) {
	dir, err := filepath.Abs(p.Dir)
	if err != nil {
		return nil, fmt.Errorf("find folder %q: %w", p.Dir, err)
	}
	return client.New(dir), nil
}

// catalogue asks the desk which types the register has.
func (p *program) catalogue(c *cobra.Command) (*catalogue, error) {
	d, err := p.client()
	if err != nil {
		return nil, err
	}
	listed, err := d.Types(c.Context())
	switch {
	case errors.Is(err, client.ErrNotServed):
		return &catalogue{types: schema.Embedded().Types(), offline: true}, nil
	case err != nil:
		return nil, err
	}
	k := &catalogue{}
	for _, l := range listed {
		if t, ok := p.typeOf(c.Context(), d, l.Hash); ok {
			k.types = append(k.types, t)
		} else {
			k.lacking = append(k.lacking, l)
		}
	}
	return k, nil
}

// typeOf is a type by its hash: of this program, or of a bundle that the desk has.
func (p *program) typeOf(ctx context.Context, d *client.Client, hash signed.Hash) (*schema.Type, bool) {
	if t, ok := p.types().FindHash(hash); ok {
		return t, true
	}
	packed, err := d.Bundle(ctx, hash)
	if err != nil {
		return nil, false // what is shown without its type says so
	}
	bundle, err := schema.ReadBundle(packed)
	if err != nil {
		return nil, false
	}
	if c, err := bundle.Catalogue(); err == nil {
		p.types().Add(bundle.Hash, c)
	}
	return p.types().FindHash(hash)
}

// find returns the newest type of a name, or the one of a version that is named, or the
// type that an outcome such as PARTIAL is one of.
func (k *catalogue) find(name, version string) (*schema.Type, error) {
	name = strings.ToUpper(name)
	var found *schema.Type
	other := ""
	for _, t := range k.types {
		switch {
		case t.Name != name && !slices.Contains(t.Outcomes(), name):
		case version == "" || version == t.Version:
			found = t
		default:
			other = t.Version
		}
	}
	switch {
	case found != nil:
		return found, nil
	case other != "":
		return nil, &advice{
			problem.New(problem.TypeOutdated, "the catalogue has %s %s, and this is %s", name, other, version),
			"write it anew after samband-desk new " + name,
		}
	}
	for _, l := range k.lacking {
		if l.Name == name {
			return nil, problem.New(problem.TypeOutdated, "this desk does not have the catalogue bundle with %s %s yet", l.Name, l.Version)
		}
	}
	return nil, &advice{
		problem.New(problem.TypeUnknown, "no type is called %q", strings.TrimSpace(name+" "+version)),
		"see samband-desk types",
	}
}

// typeOfOutcome is the type that a reply's name stands for; nil where there is none.
func (k *catalogue) typeOfOutcome(name string) *schema.Type {
	t, err := k.find(name, "")
	if err != nil {
		return nil
	}
	return t
}

// An advice is an error that says itself what to do next.
type advice struct {
	error
	next string
}

func (a *advice) Unwrap() error { return a.error }

// next is the advice of an error; "" where it has none of its own.
func next(err error) string {
	var a *advice
	if errors.As(err, &a) {
		return a.next
	}
	if errors.Is(err, seal.ErrPassphrase) {
		return retype
	}
	return ""
}
