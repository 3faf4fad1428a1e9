package mail

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"samband/gateway/desk/internal/store"
	"samband/gateway/durable"
	"samband/gateway/envelope"
	"samband/gateway/problem"
	"samband/gateway/verify"
	"samband/schema"
)

// bundles are the catalogues by which this desk reads and writes: that of its program,
// and those in its folder, a file for each, named by its hash. It takes no bundle but one that the register names: from the broker, which need not
// be trusted for that, or out of a person's hand.
//
// The bundle in force is wanted always; an older one from when something was of a type
// that is in no other. What can't be read until a bundle comes waits for it, and goes on
// then by itself.
type bundles struct {
	types  *schema.Library
	folder string

	loads  atomic.Int64 // counts the bundles that were loaded while the desk ran
	mu     sync.Mutex
	missed map[[32]byte]bool           // types that were looked for in vain
	faults map[schema.BundleHash]fault // of bundles that are not there
	bent   map[schema.BundleHash]bool  // whose file the disk damaged or lost: they are fetched again, read already or not
}

// A fault says why a bundle is not there. One for good is of the files themselves:
// this program can't load them, however often they come. Another may.
type fault struct {
	err     error
	forGood bool
}

func newBundles(folder string) *bundles {
	return &bundles{
		types: schema.NewLibrary(), folder: folder,
		missed: map[[32]byte]bool{}, faults: map[schema.BundleHash]fault{}, bent: map[schema.BundleHash]bool{},
	}
}

func (s *bundles) path(hash schema.BundleHash) string {
	return filepath.Join(s.folder, hash.Hex()+".zip")
}

// note keeps why a bundle is not there; nil: it is.
func (s *bundles) note(hash schema.BundleHash, f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.err == nil {
		delete(s.faults, hash)
	} else {
		s.faults[hash] = f
	}
}

// lost notes that the file of a bundle is damaged or gone.
func (s *bundles) lost(hash schema.BundleHash, err error) {
	s.note(hash, fault{err: err})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bent[hash] = true
}

// isLost reports whether the file of a bundle was found to be damaged or gone, and was not
// written since.
func (s *bundles) isLost(hash schema.BundleHash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bent[hash]
}

// fault is why a bundle is not there, as far as that is known.
func (s *bundles) fault(hash schema.BundleHash) fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults[hash]
}

// miss notes that a type was looked for in vain, and reports whether that is news.
func (s *bundles) miss(hash [32]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.missed[hash]
	s.missed[hash] = true
	return !before
}

// misses reports whether a type that was looked for is in no catalogue here.
func (s *bundles) misses() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for hash := range s.missed {
		if _, ok := s.types.FindHash(hash); ok {
			delete(s.missed, hash)
		}
	}
	return len(s.missed) > 0
}

// keep makes a bundle durable in the folder, in the place of what has its name.
func (s *bundles) keep(b *schema.Bundle) error {
	if err := durable.MkdirAll(s.folder); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := durable.Replace(s.path(b.Hash), b.Zip, 0o600); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.bent, b.Hash)
	return nil
}

// kept reads a bundle of the folder; fs.ErrNotExist when there is none.
func (s *bundles) kept(hash schema.BundleHash) (*schema.Bundle, error) {
	packed, err := durable.ReadFile(s.path(hash), schema.MaxBundle)
	if err != nil {
		return nil, err
	}
	b, err := schema.ReadBundle(packed)
	if err == nil {
		err = b.Is(hash)
	}
	if err != nil {
		return nil, fmt.Errorf("the file %s is damaged: %w", s.path(hash), err)
	}
	return b, nil
}

// Types are all types that this desk has, by name, then version.
func (m *Room) Types() []*schema.Type { return m.bundles.types.Types() }

// Type is the type of a hash. One that this desk lacks is looked for from then on in
// every bundle that the register names.
func (m *Room) Type(hash [32]byte) (*schema.Type, bool) {
	t, ok := m.bundles.types.FindHash(hash)
	if !ok && m.bundles.miss(hash) {
		wake(m.workers.bundles)
	}
	return t, ok
}

// Declares is the type by which this desk says how it reaches what a message of t asks
// for.
func (m *Room) Declares(t *schema.Type) (*schema.Type, bool) { return m.bundles.types.Declares(t) }

// Bundle is the catalogue bundle that has a type; fs.ErrNotExist if this desk has none.
func (m *Room) Bundle(typ [32]byte) (*schema.Bundle, error) {
	hash, ok := m.bundles.types.From(typ)
	switch {
	case !ok:
		return nil, fs.ErrNotExist
	case hash == schema.EmbeddedBundle().Hash:
		return schema.EmbeddedBundle(), nil
	}
	b, err := m.bundles.kept(hash)
	if err != nil {
		m.bundles.lost(hash, err)
		m.Log.Error("a catalogue bundle is damaged or gone, and is fetched again", "bundle", hash, "problem", err.Error())
		wake(m.workers.bundles)
	}
	return b, err
}

// TypeNamed is the type that the register's catalogue has under a name: TYPE_UNKNOWN
// if it has none, TYPE_OUTDATED while this desk lacks that one.
func (m *Room) TypeNamed(l *verify.Logs, name string) (envelope.TypeRef, *schema.Type, error) {
	ref, ok := l.View().Type(name)
	if !ok {
		return ref, nil, problem.New(problem.TypeUnknown, "the exchange's catalogue has no type %q", name)
	}
	t, ok := m.Type(ref.Hash)
	if !ok {
		return ref, nil, lacksType(ref)
	}
	return ref, t, nil
}

func lacksType(ref envelope.TypeRef) *problem.Problem {
	return problem.New(problem.TypeOutdated, "this desk does not have the catalogue bundle with %s %s yet", ref.Name, ref.Version)
}

// openBundles loads the bundles of the folder that the register names. One that doesn't
// load is wanted again.
func (m *Room) openBundles() error {
	leftovers, err := filepath.Glob(filepath.Join(m.bundles.folder, ".new-*")) // of a process that was killed
	for _, f := range leftovers {
		err = errors.Join(err, os.Remove(f))
	}
	if err != nil {
		return err
	}
	for _, hash := range m.named() {
		if m.bundles.types.Has(hash) {
			continue
		}
		b, err := m.bundles.kept(hash)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			m.bundles.lost(hash, err)
		} else {
			var c *schema.Catalogue
			if c, err = b.Catalogue(); err == nil {
				m.bundles.types.Add(hash, c)
			}
		}
		if err != nil {
			m.bundles.note(hash, fault{err: err})
			m.Log.Error("a catalogue bundle can't be used, and is fetched again", "bundle", hash, "problem", err.Error())
		}
	}
	return nil
}

// named are the bundles that the register names, the one in force first.
func (m *Room) named() []schema.BundleHash { return m.Logs().View().Bundles() }

// wanted are the bundles that this desk should have and doesn't.
func (m *Room) wanted() (hashes []schema.BundleHash) {
	for n, hash := range m.named() {
		if m.bundles.isLost(hash) || !m.bundles.types.Has(hash) && (n == 0 || m.bundles.misses()) {
			hashes = append(hashes, hash)
		}
	}
	return hashes
}

// A Lack is a bundle that this desk should have and doesn't, and why, if that is known.
type Lack struct {
	Bundle schema.BundleHash
	Why    error
}

// Lacks are the bundles that this desk should have and doesn't.
func (m *Room) Lacks() (lacks []Lack) {
	for _, hash := range m.wanted() {
		lacks = append(lacks, Lack{hash, m.bundles.fault(hash).err})
	}
	return lacks
}

// fetchBundles fetches what is wanted, the bundle in force first: it may have what the
// older ones are wanted for.
func (m *Room) fetchBundles(ctx context.Context) error {
	var errs []error
	tried := map[schema.BundleHash]bool{}
	for {
		wanted := m.wanted()
		n := slices.IndexFunc(wanted, func(hash schema.BundleHash) bool { return !tried[hash] && !m.bundles.fault(hash).forGood })
		if n < 0 {
			return errors.Join(errs...)
		}
		hash := wanted[n]
		tried[hash] = true
		err := m.fetchBundle(ctx, hash)
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("fetch catalogue bundle %s: %w", hash, err))
		}
	}
}

func (m *Room) fetchBundle(ctx context.Context, hash schema.BundleHash) error {
	b, err := m.Broker.Catalogue(ctx, hash)
	m.heard(err)
	if err == nil {
		err = b.Is(hash)
	}
	if err == nil {
		return m.take(b)
	}
	if ctx.Err() == nil {
		m.bundles.note(hash, fault{err: err})
		m.Touch()
	}
	return err
}

// ImportBundle takes a bundle out of a person's hand: BUNDLE_INVALID unless the
// register, as far as this desk knows it, names it.
func (m *Room) ImportBundle(packed []byte) error {
	b, err := schema.ReadBundle(packed)
	if err != nil {
		return err
	}
	if !slices.Contains(m.named(), b.Hash) {
		return problem.New(problem.BundleInvalid, "the register names no bundle %s, as far as this desk knows it: to entry %d", b.Hash, m.Logs().Register().Size())
	}
	if m.bundles.types.Has(b.Hash) && !m.bundles.isLost(b.Hash) {
		return nil
	}
	if err := m.take(b); err != nil {
		return err
	}
	return m.Store.Update(func(tx *store.Tx) error { return tx.Log(m.Entry("imported", "bundle "+b.Hash.String(), nil)) })
}

// take keeps a bundle that the register names, loads it, and lets go on what waited
// for it. It is durable before anything is read by it. One that doesn't load is not
// kept: when the desk starts next, maybe with a newer program, it is asked for again.
func (m *Room) take(b *schema.Bundle) error {
	c, err := b.Catalogue()
	f := fault{err, true}
	if err == nil {
		if err = m.bundles.keep(b); durable.NoRoom(err) {
			err = errors.Join(problem.New(problem.DiskFull, "the catalogue bundle can't be kept: %v", err), err)
		}
		f = fault{err, false}
	}
	m.bundles.note(b.Hash, f)
	defer m.Touch()
	if err != nil {
		m.Log.Error("a catalogue bundle can't be used", "bundle", b.Hash, "problem", err.Error())
		return err
	}
	m.Log.Info("catalogue bundle kept", "bundle", b.Hash)
	m.bundles.types.Add(b.Hash, c)
	m.bundles.loads.Add(1)
	m.Log.Info("catalogue bundle loaded", "bundle", b.Hash)
	m.opener.lookAgain()
	m.wakeOutboxes()
	return nil
}
