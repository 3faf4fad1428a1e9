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
	"os"
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

// Has reports whether there is a bundle.
func (f Folder) Has(hash schema.BundleHash) bool {
	if hash == schema.EmbeddedBundle().Hash {
		return true
	}
	_, err := os.Stat(f.path(hash))
	return err == nil
}

// Catalogue gives a bundle to a desk. A file that is no longer what its name says is
// a fault of the disk, of which the operator learns; the desk tries again.
func (f Folder) Catalogue(_ context.Context, _ signed.Address, hash schema.BundleHash) (api.Bundle, error) {
	if own := schema.EmbeddedBundle(); hash == own.Hash {
		return own.Zip, nil
	}
	path := f.path(hash)
	packed, err := durable.ReadFile(path, schema.MaxBundle)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, problem.New(problem.BundleMissing, "the broker has no bundle %s", hash)
	}
	if err != nil {
		return nil, fmt.Errorf("read the bundle: %w", err)
	}
	b, err := schema.ReadBundle(packed)
	if err == nil {
		err = b.Is(hash)
	}
	if err != nil {
		return nil, fmt.Errorf("%s is damaged, put the file there anew by samband-broker catalogue: %v", path, err)
	}
	return packed, nil
}
