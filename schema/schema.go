// Package schema is the message catalogue: what may be said on an exchange, as
// data. Each type and version is one file in types/, and adding a type is
// adding a file; no Go code knows a type by name.
//
//	t, ok := schema.Find("INFO_REQUEST", "1.0")
//	body, err := t.Read(raw)          // strict JSON, then the type's own schema
//	body.Summary.Subject              // for a listing
//	body.Sealed.Purpose               // what both desks check against the agreement
//	body.Statistics                   // closed codes only; the header commits to them
//	t.AllowsReply("REFUSAL")          // true
//	t.Clock.At(run, now).Class        // "8h", "3d" or "7d"
//
// A type file has a title, the legal source, the replies it allows, its legal
// clock, where purpose, references, attachments, recipients and statistics stand in a
// body, and the JSON Schema (2020-12) of the body. What several types share lies
// beside it: code lists in codes/, definitions in parts/. The type's identity on the
// wire is the SHA-256 of its one file, and that covers what is shared as well,
// because the file pins every shared file that it draws on by that file's own
// SHA-256:
//
//	"parts": {"codes/purpose-1.json": "97a5…", "parts/common-1.json": "0c41…"}
//
// A pin that doesn't match, or a $ref to a file that isn't pinned, stops the
// catalogue from loading. So a published list never changes under a type: a new
// edition is a new file (purpose-2.json) that a new version of the type pins.
// Who drafts a type writes its file with "parts": {} and a sample body in
// testdata/case, then lets the test fill in the pins:
//
//	go test ./schema -run TestPins -update
//
// Replies that the law or practice names before they are a type stand in
// planned.json; one that is nowhere stops the catalogue from loading too.
//
// Facts of law carry a mark: V verified in a published text, K general
// professional knowledge, U uncertain. Entities are inspired by the Universal
// Message Format; no conformance to it is claimed.
package schema

import (
	"embed"
	"slices"
	"sync"
)

//go:embed types codes parts planned.json
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
	Title  string // for people, in English
	Source string // the legal text or practice it rests on
	Mark   string // V, K or U
	Clock  *Clock // nil: the law sets no deadline

	file typeFile
	body bodySchema
}

var catalogue = sync.OnceValue(func() []*Type {
	types, err := load(files)
	if err != nil {
		panic(err)
	}
	return types
})

// Catalogue returns every type this program knows, by name, then version.
func Catalogue() []*Type { return slices.Clone(catalogue()) }

// Find returns the type of that name and version.
func Find(name, version string) (*Type, bool) {
	return find(func(t *Type) bool { return t.Name == name && t.Version == version })
}

// FindHash returns the type whose file has that SHA-256.
func FindHash(hash [32]byte) (*Type, bool) {
	return find(func(t *Type) bool { return t.Hash == hash })
}

func find(is func(*Type) bool) (*Type, bool) {
	i := slices.IndexFunc(catalogue(), is)
	if i < 0 {
		return nil, false
	}
	return catalogue()[i], true
}

// Replies lists what may answer t: types, planned types, and outcomes of types.
func (t *Type) Replies() []string { return slices.Clone(t.file.Replies) }

// AllowsReply reports whether a message of the named type may answer t.
func (t *Type) AllowsReply(name string) bool { return slices.Contains(t.file.Replies, name) }

// OnlyReplies reports whether t can't open a conversation: it always answers.
func (t *Type) OnlyReplies() bool { return t.file.OnlyReplies }
