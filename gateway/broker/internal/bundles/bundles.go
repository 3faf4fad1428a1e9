// Package bundles is the broker's store of catalogue bundles: from here desks get the
// message types that their programs were not built with.
//
//	f := bundles.Folder("/var/lib/samband-broker/data/catalogue")
//	err := f.Add(bundle)
//	zip, err := f.Catalogue(ctx, "fi.spoc", hash)
//
// Each file is a bundle, named by its hash. The one that this program was built with
// is always there, and needs no file. A bundle may come before the entry that names
// it, and should: a desk that learns of it from the register fetches it at once.
package bundles

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"samband/gateway/api"
	"samband/gateway/durable"
	"samband/gateway/problem"
	"samband/gateway/signed"
	"samband/schema"
)

// A Folder has the files. It is made when the first one comes.
type Folder string

func (f Folder) path(hash schema.BundleHash) string {
	return filepath.Join(string(f), hash.Hex()+".zip")
}

// Add stores a bundle. No process needs to stop for it.
func (f Folder) Add(b *schema.Bundle) error {
	if err := durable.MkdirAll(string(f)); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	return durable.Replace(f.path(b.Hash), b.Zip, 0o600)
}

// ErrDamaged says that a file is no longer what its name says: the bundle counts as lacking.
var ErrDamaged = errors.New("the file of a catalogue bundle is damaged")

// Check reports whether there is a bundle, and whole: else fs.ErrNotExist, ErrDamaged, or
// that it can't be read.
func (f Folder) Check(hash schema.BundleHash) error {
	_, err := f.read(hash)
	return err
}

func (f Folder) read(hash schema.BundleHash) ([]byte, error) {
	if own := schema.EmbeddedBundle(); hash == own.Hash {
		return own.Zip, nil
	}
	path := f.path(hash)
	packed, err := durable.ReadFile(path, schema.MaxBundle)
	if err != nil && !errors.Is(err, durable.ErrTooLong) && !errors.Is(err, durable.ErrNotRegular) {
		return nil, err
	}
	if err == nil {
		var b *schema.Bundle
		if b, err = schema.ReadBundle(packed); err == nil {
			err = b.Is(hash)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: put %s there anew by samband-broker catalogue: %v", ErrDamaged, path, err)
	}
	return packed, nil
}

// Catalogue gives a bundle to a desk. One whose file is damaged is missing: the error is
// ErrDamaged too, since the operator must learn of it.
func (f Folder) Catalogue(_ context.Context, _ signed.Address, hash schema.BundleHash) (api.Bundle, error) {
	b, err := f.read(hash)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, problem.New(problem.BundleMissing, "the broker has no bundle %s", hash)
	case errors.Is(err, ErrDamaged):
		return nil, errors.Join(problem.New(problem.BundleMissing, "the broker's file of the bundle %s is damaged", hash), err)
	case err != nil:
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	return b, nil
}
