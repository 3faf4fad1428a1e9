package schema

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/dirhash"

	"samband/gateway/problem"
)

// Bounds of a bundle (SPEC §10.8).
const (
	MaxBundle      = 4 << 20  // bytes of the zip
	maxBundleBytes = 16 << 20 // bytes of its files
	maxBundleFiles = 4096
	maxBundlePath  = 128
)

// A Bundle is a whole catalogue in one file, which is how a desk gets the types that
// its program was not built with.
type Bundle struct {
	Hash  BundleHash
	Zip   []byte
	Files fs.FS
}

// A BundleHash names a bundle by the paths and bytes of its files; however they are
// compressed, they have the same one. It is Hash1 of package dirhash.
type BundleHash [sha256.Size]byte

const hashPrefix = "h1:"

// String writes the hash as the register has it: "h1:" and base64.
func (h BundleHash) String() string { return hashPrefix + base64.StdEncoding.EncodeToString(h[:]) }

// Hex writes the hash for paths, in which base64 has no place.
func (h BundleHash) Hex() string { return hex.EncodeToString(h[:]) }

// ParseBundleHash reads what String writes.
func ParseBundleHash(s string) (BundleHash, error) {
	coded, _ := strings.CutPrefix(s, hashPrefix)
	b, err := base64.StdEncoding.DecodeString(coded)
	return bundleHash(b, err, s, BundleHash.String)
}

// ParseBundleHex reads what Hex writes.
func ParseBundleHex(s string) (BundleHash, error) {
	b, err := hex.DecodeString(s)
	return bundleHash(b, err, s, BundleHash.Hex)
}

// bundleHash takes decoded bytes for a hash, whose one spelling s must be.
func bundleHash(b []byte, err error, s string, spell func(BundleHash) string) (h BundleHash, _ error) {
	if err == nil && len(b) == len(h) {
		if copy(h[:], b); spell(h) == s {
			return h, nil
		}
	}
	return BundleHash{}, errors.New("a bundle's hash is not 32 bytes in their one spelling")
}

// MarshalText writes the hash as String does.
func (h BundleHash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the hash as ParseBundleHash does.
func (h *BundleHash) UnmarshalText(b []byte) (err error) {
	*h, err = ParseBundleHash(string(b))
	return err
}

// EmbeddedBundle is the bundle of the catalogue that this program was built with.
var EmbeddedBundle = sync.OnceValue(func() *Bundle {
	b, err := NewBundle(files)
	if err != nil {
		panic(err)
	}
	return b
})

// bundleFolders are the folders of a catalogue. Any may be missing.
var bundleFolders = []string{"codes", "labels", "parts", "types"}

// bundlePath is that of a file in a bundle. A folder's name has no dot and a file's has
// one, so none is both.
var bundlePath = regexp.MustCompile(`^(` + strings.Join(bundleFolders, "|") + `)(/[A-Za-z0-9_-]+)*/[A-Za-z0-9_-][A-Za-z0-9_.-]*\.json$`)

// NewBundle makes a bundle of a catalogue's folder. What else lies beside the
// catalogue's own folders is left out; what else lies in them is refused.
func NewBundle(fsys fs.FS) (*Bundle, error) {
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for _, folder := range bundleFolders {
		err := fs.WalkDir(fsys, folder, func(p string, d fs.DirEntry, err error) error {
			if p == folder && errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || d.IsDir() {
				return err
			}
			if !d.Type().IsRegular() {
				return unsound("%q is no file", p)
			}
			return addFile(w, fsys, p)
		})
		if err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write the bundle: %w", err)
	}
	return ReadBundle(packed.Bytes())
}

// addFile writes a file without its date and mode, so one catalogue gives one zip.
func addFile(w *zip.Writer, fsys fs.FS, p string) error {
	data, err := fs.ReadFile(fsys, p)
	if err != nil {
		return err
	}
	into, err := w.Create(p)
	if err == nil {
		_, err = into.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write %q: %w", p, err)
	}
	return nil
}

// ReadBundle reads a zip within the bounds and finds its hash. Whoever got it from
// elsewhere compares that with the hash that the register names: see Is. Whether the
// files are a catalogue, Load says. Problems: OVERSIZE, BUNDLE_INVALID.
func ReadBundle(packed []byte) (*Bundle, error) {
	if len(packed) > MaxBundle {
		return nil, problem.New(problem.Oversize, "a bundle of %d bytes passes the bound of %d", len(packed), MaxBundle)
	}
	r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return nil, unsound("it is no zip: %v", err)
	}
	paths, err := bundlePaths(r.File)
	if err != nil {
		return nil, err
	}
	// Each file is read once here, so its size and checksum are what the zip says:
	// none is larger when it is read again.
	spelled, err := dirhash.Hash1(paths, func(p string) (io.ReadCloser, error) { return r.Open(p) })
	if err != nil {
		return nil, unsound("a file does not unpack: %v", err)
	}
	hash, err := ParseBundleHash(spelled)
	return &Bundle{Hash: hash, Zip: packed, Files: r}, err
}

func bundlePaths(entries []*zip.File) ([]string, error) {
	if len(entries) > maxBundleFiles {
		return nil, problem.New(problem.Oversize, "a bundle of %d files passes the bound of %d", len(entries), maxBundleFiles)
	}
	var paths []string
	left := uint64(maxBundleBytes)
	for _, f := range entries {
		if len(f.Name) > maxBundlePath || !bundlePath.MatchString(f.Name) {
			return nil, unsound("entry %d has no path of a catalogue's file", len(paths)+1)
		}
		if !f.Mode().IsRegular() {
			return nil, unsound("%q is no file", f.Name)
		}
		if f.UncompressedSize64 > left {
			return nil, problem.New(problem.Oversize, "the files of a bundle pass the bound of %d bytes", maxBundleBytes)
		}
		left -= f.UncompressedSize64
		paths = append(paths, f.Name)
	}
	slices.Sort(paths)
	if len(paths) == 0 {
		return nil, unsound("it has no file")
	}
	for i, p := range paths[1:] {
		if p == paths[i] {
			return nil, unsound("%q stands twice", p)
		}
	}
	return paths, nil
}

// Is refuses a bundle that is another than the one that is named.
func (b *Bundle) Is(named BundleHash) error {
	if b.Hash != named {
		return unsound("its hash is %s, and %s is named", b.Hash, named)
	}
	return nil
}

// Catalogue loads the catalogue that is in the bundle, and compiles the schema of each
// of its types: one that doesn't compile could read no message. A type of this program's
// own catalogue, whose file pins the parts of its schema by their hashes, has the schema
// that it has there, so a bundle costs what is new in it. The same bundle gives the same
// result each time.
func (b *Bundle) Catalogue() (c *Catalogue, err error) {
	defer func() {
		if p := recover(); p != nil { // the files are somebody else's, and a desk must outlive them
			c, err = nil, unsound("its catalogue does not load: panic with a %T", p)
		}
	}()
	c, err = Load(b.Files)
	if err != nil {
		return nil, unsound("its catalogue does not load: %v", err)
	}
	for _, t := range c.types {
		if own, ok := Embedded().FindHash(t.Hash); ok {
			t.body = own.body
			continue
		}
		if err := t.body.ready(); err != nil {
			return nil, unsound("the schema of %s %s does not compile: %v", t.Name, t.Version, err)
		}
	}
	return c, nil
}

func unsound(format string, args ...any) error {
	return problem.New(problem.BundleInvalid, format, args...)
}
