package schema

import (
	"maps"
	"slices"
	"sync/atomic"
)

// A Library finds types in several catalogues: the one that this program was built
// with, and the bundles that were added since. Many may use it at once.
//
//	lib := schema.NewLibrary()
//	c, err := bundle.Catalogue()
//	lib.Add(bundle.Hash, c)
//	t, ok := lib.FindHash(header.Type.Hash)
//
// A type that stands in several is that of the catalogue which came first, with its
// labels there.
type Library struct{ loaded atomic.Pointer[loaded] }

// loaded are never changed: Add puts others in their place.
type loaded struct {
	bundles map[BundleHash]bool
	types   []*Type // by name, then version
	byHash  map[[32]byte]*Type
	from    map[[32]byte]BundleHash // by the type's hash, where it was found
}

// NewLibrary is a library of the embedded catalogue alone.
func NewLibrary() *Library {
	l := &Library{}
	l.loaded.Store((&loaded{}).with(EmbeddedBundle().Hash, Embedded()))
	return l
}

// Add adds the catalogue of a bundle. Once more does no harm.
func (l *Library) Add(bundle BundleHash, c *Catalogue) {
	for {
		now := l.loaded.Load()
		if now.bundles[bundle] || l.loaded.CompareAndSwap(now, now.with(bundle, c)) {
			return
		}
	}
}

func (now *loaded) with(bundle BundleHash, c *Catalogue) *loaded {
	next := &loaded{maps.Clone(now.bundles), slices.Clone(now.types), maps.Clone(now.byHash), maps.Clone(now.from)}
	if next.bundles == nil {
		next.bundles, next.byHash, next.from = map[BundleHash]bool{}, map[[32]byte]*Type{}, map[[32]byte]BundleHash{}
	}
	next.bundles[bundle] = true
	for _, t := range c.types {
		if next.byHash[t.Hash] == nil {
			next.byHash[t.Hash], next.from[t.Hash] = t, bundle
			next.types = append(next.types, t)
		}
	}
	slices.SortStableFunc(next.types, byName)
	return next
}

// Has reports whether the catalogue of a bundle is there.
func (l *Library) Has(bundle BundleHash) bool { return l.loaded.Load().bundles[bundle] }

// FindHash returns the type whose file has that SHA-256.
func (l *Library) FindHash(hash [32]byte) (*Type, bool) {
	t, ok := l.loaded.Load().byHash[hash]
	return t, ok
}

// From returns the bundle in which a type was found first.
func (l *Library) From(hash [32]byte) (BundleHash, bool) {
	b, ok := l.loaded.Load().from[hash]
	return b, ok
}

// Types returns every type once, by name, then version.
func (l *Library) Types() []*Type { return slices.Clone(l.loaded.Load().types) }
