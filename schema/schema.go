// Package schema is the message catalogue: what may be said on an exchange, as
// data. Each type and version is one file in types/; adding a type is adding a
// file and its labels. No Go code knows a type or a field of a body by name.
//
//	t, ok := schema.Embedded().Find("INFO_REQUEST", "1.0")
//	body, err := t.Read(raw)          // strict JSON, then the type's own schema
//	body.Summary.Subject              // for a listing
//	body.Sealed.Purpose               // what both desks check against the agreement
//	body.Statistics                   // closed codes only; the header commits to them
//	t.AllowsReply("REFUSAL")          // true
//
// # A type file
//
// A type file has the legal source, the conversation, the legal clock, and the JSON
// Schema (2020-12) of the body. What several types share lies beside it: code lists
// in codes/, definitions in parts/. The type's identity on the wire is the SHA-256 of
// its one file, and that covers what is shared as well, because the file pins every
// shared file that it draws on by that file's own SHA-256:
//
//	"parts": {"codes/purpose-1.json": "97a5…", "parts/common-1.json": "0c41…"}
//
// A pin that doesn't match, or a $ref to a file that isn't pinned, stops the
// catalogue from loading. So a published list never changes under a type: a new
// edition is a new file (purpose-2.json) that a new version of the type pins.
//
// The conversation: replies are what the recipient may send back, follow_ups what the
// sender may send after it, settled_by the replies that end what it asks for, dropped_by
// the follow-ups by which its sender asks no more. A reply is a type, or an outcome of one:
// a type whose body has that code at that place.
// machine_reply is the type by which a machine may answer, from a data set of its desk's
// own, and what is the same in the body of each such reply.
//
// Keywords of ours in the body's schema say what Samband itself reads, so that no
// field's name stands in code:
//
//	x-role       what is read here: see the list of roles in shape.go
//	x-statistic  the name of the statistic that counts the codes here
//	x-repeat     true: a reply repeats this of the message that it answers
//	x-copy       what a copy says here if neither the original nor its writer does
//	x-subject    the kind of person or thing that an object describes
//	x-key        how a value tells one of them from another
//	x-order      fields of an object whose dates stand in this order
//
// # Labels
//
// labels/ has the words for people, in every language of Languages: a file beside each
// type, part and code list, without its version. A field's label is looked up at the
// field, then at the definition or list that it refers to.
//
// Who drafts a type writes its file with "parts": {}, its labels, and sample bodies in
// testdata, then lets the test fill in the pins:
//
//	go test ./schema -run TestPins -update
//
// Facts of law carry a mark: V verified in a published text, K general
// professional knowledge, U uncertain. Entities are inspired by the Universal
// Message Format; no conformance to it is claimed.
package schema

import (
	"embed"
	"io/fs"
	"slices"
	"sync"
)

//go:embed types codes parts labels
var files embed.FS

// A Ref names one type on the wire: SPEC §9.
type Ref struct {
	Name    string   `json:"name"`    // INFO_REQUEST
	Version string   `json:"version"` // 1.0
	Hash    [32]byte `json:"-"`       // SHA-256 of the type's file
}

// A Type is one message type in one version. It is read only.
type Type struct {
	Ref
	Source string // the legal text or practice it rests on
	Mark   string // V, K or U
	Clock  *Clock // nil: the law sets no deadline
	Shape  *Shape // of its body

	file    typeFile
	body    *bodySchema
	labels  labels
	counted []string // names of the statistics that its bodies give
}

// A Catalogue is a set of types that were loaded together, with their labels.
type Catalogue struct {
	types  []*Type
	labels labels
}

// Embedded is the catalogue that this program was built with.
var Embedded = sync.OnceValue(func() *Catalogue {
	c, err := Load(files)
	if err != nil {
		panic(err)
	}
	return c
})

// EmbeddedFiles are the files of Embedded.
func EmbeddedFiles() fs.FS { return files }

// Types returns every type, by name, then version.
func (c *Catalogue) Types() []*Type { return slices.Clone(c.types) }

// Find returns the type of that name and version.
func (c *Catalogue) Find(name, version string) (*Type, bool) {
	return c.find(func(t *Type) bool { return t.Name == name && t.Version == version })
}

// FindHash returns the type whose file has that SHA-256.
func (c *Catalogue) FindHash(hash [32]byte) (*Type, bool) {
	return c.find(func(t *Type) bool { return t.Hash == hash })
}

func (c *Catalogue) find(is func(*Type) bool) (*Type, bool) {
	i := slices.IndexFunc(c.types, is)
	if i < 0 {
		return nil, false
	}
	return c.types[i], true
}
