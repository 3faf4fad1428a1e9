package gatewaytest

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"strings"
	"testing/fstest"

	"samband/gateway/envelope"
	"samband/schema"
)

//go:embed testdata/next
var next embed.FS

// NextType is the type that only the bundle of NextCatalogue has.
const NextType = "EQUIPMENT_LOAN"

// NextSample is a body of NextType.
func NextSample() ([]byte, error) { return next.ReadFile("testdata/next/sample.json") }

// NextCatalogue is the bundle of a catalogue that no program was built with: the
// embedded one, and one type more by data alone. What the type draws on is pinned
// here, since the embedded parts may get newer.
func NextCatalogue() (*schema.Bundle, error) {
	all, pins := fstest.MapFS{}, map[string]string{}
	err := each(schema.EmbeddedFiles(), func(p string, data []byte) error {
		all[p] = &fstest.MapFile{Data: data}
		if strings.HasPrefix(p, "parts/") || strings.HasPrefix(p, "codes/") {
			sum := sha256.Sum256(data)
			pins[p] = hex.EncodeToString(sum[:])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	pinned, err := json.Marshal(pins)
	if err != nil {
		return nil, err
	}
	added, err := fs.Sub(next, "testdata/next")
	if err != nil {
		return nil, err
	}
	err = each(added, func(p string, data []byte) error {
		all[p] = &fstest.MapFile{Data: []byte(strings.Replace(string(data), `"parts": {}`, `"parts": `+string(pinned), 1))}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return schema.NewBundle(all)
}

func each(files fs.FS, do func(path string, data []byte) error) error {
	return fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, p)
		if err != nil {
			return err
		}
		return do(p, data)
	})
}

// SignCatalogue signs the entry that names a bundle and lists its types. Whoever
// enters it into a broker that runs gives the bundle to that broker, or not.
func (x *Exchange) SignCatalogue(b *schema.Bundle) (note []byte, err error) {
	c, err := b.Catalogue()
	if err != nil {
		return nil, err
	}
	return x.root(x.Founders[0].DraftCatalogue(b.Hash, refs(c)))
}

// Types are those of this program's own catalogue.
func Types() []envelope.TypeRef { return refs(schema.Embedded()) }

func refs(c *schema.Catalogue) (all []envelope.TypeRef) {
	for _, t := range c.Types() {
		all = append(all, envelope.TypeRef{Name: t.Name, Version: t.Version, Hash: t.Hash})
	}
	return all
}
